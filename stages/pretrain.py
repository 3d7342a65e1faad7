"""Starting networks of an arm: random, or pre-trained layer by layer."""

from stages import last_line
from stages.arguments import ActivationName, DatasetName, InitializationName
from stages.early_start import start_processes
from stages.shell import run


def main(
    dataset: DatasetName, activation: ActivationName, initialization: InitializationName
) -> str:
    """Make the starting network of each seed: random, or stacked denoising auto-encoders.

    Auto-encoders are trained with every learning rate of the grid. For each layer and seed the one
    with the lowest reconstruction error on the validation inputs is selected. Reads neither labels
    nor the test split.
    """
    from pipeline.config import arms, params

    settings, names = params.load(), (dataset, activation, initialization)
    arm = arms.arm_of(settings, *names)
    if initialization == "pretrained":
        rates = settings.pretrain_for(dataset).learning_rates
        start_processes(settings.run.seeds * len(rates))
    from pipeline.networks import population
    from pipeline.pretraining import layerwise
    from pipeline.runtime import device, storage
    from pipeline.runtime.locks import exclusive
    from pipeline.training import checkpoints, hidden_units, trained_networks
    from pipeline.training.workers import Workers

    hidden_units.check(settings, activation)
    where, setup = device.choose(), layerwise.setup_for(arm, settings)
    with (
        exclusive(arm.start),
        checkpoints.checkpoint_folder([setup.train, setup.valid], arm, setup, where) as scratch,
        storage.whole_folder(arm.start, hashes=True) as out,
    ):
        workers = Workers(where, scratch, f"pretrain {arm.name}", trained_networks.FOLDER)
        networks, lines = layerwise.starting_networks(arm, settings, setup, workers)
        population.save(networks, out / "weights.safetensors")
        storage.write_lines(out / "records.jsonl", lines)
        storage.write_json(out / "about.json", layerwise.about(arm, settings))
    made = last_line.count(len(networks), "starting network")
    return last_line.line("pretrain", *names, made=made, place=arm.start)


if __name__ == "__main__":
    run(main)
