"""Supervised training of an arm's networks."""

from stages.arguments import ActivationName, DatasetName, InitializationName
from stages.shell import run


def main(
    dataset: DatasetName, activation: ActivationName, initialization: InitializationName
) -> None:
    """Train an arm's networks on the labels, every learning rate for every seed.

    Early stopping keeps the best epoch of each network; the lowest validation error chooses one
    network for each seed. The test split is not read.
    """
    from pipeline.config import arms, params
    from pipeline.finetuning import grid_search
    from pipeline.networks import population
    from pipeline.runtime import device, storage
    from pipeline.runtime.locks import exclusive
    from pipeline.training import checkpoints, trained_networks
    from pipeline.training.workers import Workers

    settings = params.load()
    arm = arms.arm_of(settings, dataset, activation, initialization)
    where, setup = device.choose(), grid_search.setup_for(arm, settings)
    files = [setup.train, setup.valid, setup.start]
    with (
        exclusive(arm.networks),
        checkpoints.checkpoint_folder(files, arm, setup, where) as scratch,
        storage.whole_folder(arm.networks) as out,
    ):
        workers = Workers(where, scratch, f"finetune {arm.name}", trained_networks.FOLDER)
        networks, lines = grid_search.finetune(setup, workers)
        population.save(networks, out / "weights.safetensors")
        storage.write_lines(out / "records.jsonl", lines)
        about = {"finetune": setup.settings.model_dump(), **device.about(where)}
        storage.write_json(out / "about.json", about)


if __name__ == "__main__":
    run(main)
