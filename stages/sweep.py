"""Train the networks of an experiment."""

from pathlib import Path

from stages import last_line
from stages.arguments import DatasetName, ExperimentName
from stages.early_start import start_processes
from stages.shell import run


def main(dataset: DatasetName, experiment: ExperimentName) -> str:
    """Train every condition of an experiment, with every learning rate for every seed.

    Validation alone selects, as in `pretrain` and `finetune`. The test split is not read.
    """
    from pipeline.config import params

    settings = params.load()
    settings.dataset(dataset)
    sweep = settings.sweep_for(dataset)
    start_processes(sweep.seeds * len(sweep.learning_rates))
    from pipeline.data.splits import examples
    from pipeline.experiments.conditions import catalogue, training
    from pipeline.networks import population
    from pipeline.runtime import device, storage
    from pipeline.runtime.locks import exclusive
    from pipeline.training import checkpoints, trained_networks
    from pipeline.training.workers import Workers

    device.prepare_for_training()
    where = device.choose()
    ready, folder = Path("data/ready", dataset), Path("runs/experiments", dataset, experiment)
    encoding = examples.read_encoding(ready / "train.npz")
    conditions = catalogue.conditions_of(experiment, dataset, settings, encoding)
    splits = training.Splits(dataset, ready / "train.npz", ready / "valid.npz")
    with (
        exclusive(folder),
        checkpoints.checkpoint_folder([splits.train, splits.valid], conditions, where) as scratch,
        storage.whole_folder(folder, hashes=True) as out,
    ):
        workers = Workers(where, scratch, f"{dataset} / {experiment}", trained_networks.FOLDER)
        for condition, networks, lines in training.train(conditions, splits, workers):
            population.save(networks, out / condition.name / "weights.safetensors")
            storage.write_lines(out / condition.name / "records.jsonl", lines)
        about = {
            "factors": catalogue.experiment(experiment).factors,
            "columns": catalogue.experiment(experiment).columns,
            "conditions": [condition.name for condition in conditions],
            "settings": {condition.name: condition.settings for condition in conditions},
        }
        storage.write_json(out / "about.json", about | trained_networks.about(where))
    made = last_line.count(len(conditions), "condition")
    return last_line.line("sweep", dataset, experiment, made=made, place=folder)


if __name__ == "__main__":
    run(main)
