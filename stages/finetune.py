"""Supervised training of an arm's networks."""

from stages import last_line
from stages.arguments import ActivationName, DatasetName, InitializationName
from stages.early_start import start_processes
from stages.shell import run


def main(
    dataset: DatasetName, activation: ActivationName, initialization: InitializationName
) -> str:
    """Train an arm's networks on the labels, every learning rate for every seed.

    Early stopping keeps the best epoch of each network. For each seed the network with the lowest
    validation error (of ratings: validation RMSE) is selected. The test split is not read.
    """
    from pipeline.config import arms, params

    settings, names = params.load(), (dataset, activation, initialization)
    arm = arms.arm_of(settings, *names)
    start_processes(settings.run.seeds * len(settings.finetune_for(dataset).learning_rates))
    from pipeline.finetuning import grid_search
    from pipeline.networks import population
    from pipeline.runtime import device, storage
    from pipeline.runtime.locks import exclusive
    from pipeline.training import checkpoints, hidden_units, trained_networks
    from pipeline.training.workers import Workers

    hidden_units.check(settings, activation)
    where, setup = device.choose(), grid_search.setup_for(arm, settings)
    files = [setup.train, setup.valid, setup.start]
    with (
        exclusive(arm.networks),
        checkpoints.checkpoint_folder(files, arm, setup, where) as scratch,
        storage.whole_folder(arm.networks, hashes=True) as out,
    ):
        workers = Workers(where, scratch, f"finetune {arm.name}", trained_networks.FOLDER)
        networks, lines = grid_search.finetune(setup, workers)
        population.save(networks, out / "weights.safetensors")
        storage.write_lines(out / "records.jsonl", lines)
        about = {"finetune": setup.settings.model_dump(), **trained_networks.about(where)}
        storage.write_json(out / "about.json", about)
    chosen, count = [record for record in lines if record["chosen"]], len(networks)
    made = f"{last_line.count(count, 'network')}, {last_line.mean(chosen, 'valid', count)}"
    return last_line.line("finetune", *names, made=made, place=arm.networks)


if __name__ == "__main__":
    run(main)
