"""Make an arm's starting networks: random, or pre-trained layer by layer."""

from stages.arguments import ActivationName, DatasetName, InitializationName
from stages.shell import run


def main(
    dataset: DatasetName, activation: ActivationName, initialization: InitializationName
) -> None:
    """Make an arm's starting networks, one a seed: random, or stacked denoising auto-encoders.

    For every layer and seed each learning rate of the grid is trained; the lowest reconstruction
    error on the validation inputs chooses. Neither labels nor the test split are read.
    """
    from pipeline import arms, checkpoints, device, networks, params, pretraining, records
    from pipeline.locks import only_here
    from pipeline.pool import Pool

    settings = params.load()
    arm = arms.arm_of(settings, dataset, activation, initialization)
    where, work = device.choose(), pretraining.work_for(arm, settings)
    with (
        only_here(arm.start),
        checkpoints.workplace([work.train, work.valid], arm, work, where) as scratch,
        records.whole_folder(arm.start) as out,
    ):
        pool = Pool(where, scratch, f"pretrain {arm.name}")
        stack, lines = pretraining.starting_networks(arm, settings, work, pool)
        networks.save(stack, out / "weights.safetensors")
        records.write_lines(out / "records.jsonl", lines)
        records.write_json(out / "about.json", pretraining.about(arm, settings))


if __name__ == "__main__":
    run(main)
