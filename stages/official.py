"""Scores of trained networks on a dataset's official test set."""

from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run

COLUMNS = ["predictor", "seed", "test_error", "test_rmse"]


def main(dataset: DatasetName) -> None:
    """Score the selected networks of all arms, and the baselines, on the official test set.

    Writes `results/<dataset>/official.csv`, one row per arm or baseline and seed. The official test
    set is in no split; no other command reads it, and it selects nothing.
    """
    from pipeline.config import params
    from pipeline.config.arms import arms_of
    from pipeline.data import catalogue
    from pipeline.data.splits.examples import read_encoding
    from pipeline.data.splits.per_seed import PerSeed, read_for
    from pipeline.data.text.corpus import encoded
    from pipeline.evaluation import baselines, scoring
    from pipeline.networks import population
    from pipeline.runtime import csv_files, device, storage

    settings = params.load()
    seeds, ready = range(settings.run.seeds), Path("data/ready", dataset)
    reviews = catalogue.official_test(settings, dataset, Path("data/raw", dataset))
    encodings = {seed: read_encoding(ready / "train.npz", seed) for seed in seeds}
    test = PerSeed({seed: encoded(reviews, encoding) for seed, encoding in encodings.items()})
    device.prepare_for_training()
    rows: list[storage.Record] = []
    for arm in arms_of(settings, dataset):
        stack = population.load(arm.networks / "weights.safetensors")
        trained = storage.read_lines(arm.networks / "records.jsonl")
        scores = scoring.evaluate(arm, stack, test, trained=trained, pretrained=[])
        rows += [{"predictor": arm.key} | line for line in scores]
    train, valid = (read_for(ready / f"{name}.npz", seeds) for name in ("train", "valid"))
    scores = baselines.rows(train, valid, test, seeds=seeds)
    rows += [{"predictor": line["baseline"]} | line for line in scores]
    table = csv_files.as_csv(COLUMNS, rows)
    storage.write_bytes(Path("results", dataset, "official.csv"), table)


if __name__ == "__main__":
    run(main)
