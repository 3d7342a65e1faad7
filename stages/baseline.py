"""Baselines of a dataset: their test scores."""

from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> None:
    """Score the baselines on the splits of the arms: a constant and, for texts, a regression.

    The logistic regression's strength of regularization is chosen on validation alone.
    """
    from pipeline.analysis import comparison
    from pipeline.config import params
    from pipeline.data.splits.per_seed import read_for
    from pipeline.evaluation import baselines
    from pipeline.runtime import csv_files, storage

    ready, seeds = Path("data/ready", dataset), range(params.load().run.seeds)
    splits = (read_for(ready / f"{name}.npz", seeds) for name in ("train", "valid", "test"))
    rows = baselines.rows(*splits, seeds=seeds)
    table = csv_files.as_csv(comparison.columns(baselines.COLUMNS, rows), rows)
    storage.write_bytes(Path("results", dataset, "baselines.csv"), table)


if __name__ == "__main__":
    run(main)
