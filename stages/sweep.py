"""Train the networks of an experiment."""

from pathlib import Path

from stages.arguments import DatasetName, ExperimentName
from stages.shell import run


def main(dataset: DatasetName, experiment: ExperimentName) -> None:
    """Train every condition of an experiment, each learning rate for every seed.

    As in `pretrain` and `finetune`, validation alone chooses. The test split is not read.
    """
    from pipeline import checkpoints, device, networks, params, records
    from pipeline.datasets import examples
    from pipeline.experiments import catalogue, training
    from pipeline.locks import only_here
    from pipeline.pool import Pool

    device.prepare_for_training()
    settings, where = params.load(), device.choose()
    settings.dataset(dataset)
    ready, folder = Path("data/ready", dataset), Path("runs/experiments", dataset, experiment)
    form = examples.read_form(ready / "train.npz")
    conditions = catalogue.conditions_of(experiment, dataset, settings, form)
    splits = training.Splits(dataset, ready / "train.npz", ready / "valid.npz")
    with (
        only_here(folder),
        checkpoints.workplace([splits.train, splits.valid], conditions, where) as scratch,
        records.whole_folder(folder) as out,
    ):
        pool = Pool(where, scratch, f"{dataset} / {experiment}")
        for condition, stack, lines in training.train(conditions, splits, pool):
            networks.save(stack, out / condition.name / "weights.safetensors")
            records.write_lines(out / condition.name / "records.jsonl", lines)
        about = {
            "factors": catalogue.experiment(experiment).factors,
            "conditions": [condition.name for condition in conditions],
            "settings": {condition.name: condition.settings for condition in conditions},
        }
        records.write_json(out / "about.json", about | device.about(where))


if __name__ == "__main__":
    run(main)
