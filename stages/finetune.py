"""Train an arm's networks on the labels."""

from stages.arguments import ActivationName, DatasetName, InitializationName
from stages.shell import run


def main(
    dataset: DatasetName, activation: ActivationName, initialization: InitializationName
) -> None:
    """Train an arm's networks from their starts, every learning rate for every seed.

    Early stopping keeps each network's best epoch; the lowest validation error chooses one network
    a seed. The test split is not read.
    """
    from pipeline import arms, checkpoints, device, finetuning, networks, params, records
    from pipeline.locks import only_here
    from pipeline.pool import Pool

    settings = params.load()
    arm = arms.arm_of(settings, dataset, activation, initialization)
    where, work = device.choose(), finetuning.work_for(arm, settings)
    files = [work.train, work.valid, work.start]
    with (
        only_here(arm.networks),
        checkpoints.workplace(files, arm, work, where) as scratch,
        records.whole_folder(arm.networks) as out,
    ):
        pool = Pool(where, scratch, f"finetune {arm.name}")
        stack, lines = finetuning.finetune(work, pool)
        networks.save(stack, out / "weights.safetensors")
        records.write_lines(out / "records.jsonl", lines)
        about = {"finetune": work.settings.model_dump(), **device.about(where)}
        records.write_json(out / "about.json", about)


if __name__ == "__main__":
    run(main)
