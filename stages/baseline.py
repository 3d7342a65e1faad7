"""Score what networks of texts have to beat."""

from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> None:
    """Write a logistic regression's and a constant's scores, on the splits that the arms have.

    Validation alone chooses how strongly the regression is regularized. Datasets that are not of
    texts have the constant alone.
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
