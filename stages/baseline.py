"""Test scores of a dataset's baselines."""

from pathlib import Path

from stages import last_line
from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> str:
    """Score the baselines on the arms' splits: a constant and, for texts, a logistic regression.

    The regularization strength of the logistic regression is selected on the validation split.
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
    path = Path("results", dataset, "baselines.csv")
    storage.write_bytes(path, table)
    by_name: dict[str, list[storage.Record]] = {}
    for row in rows:
        by_name.setdefault(row["baseline"], []).append(row)
    figures = [f"{name} {last_line.mean(of, 'test', len(of))}" for name, of in by_name.items()]
    return last_line.line("baseline", dataset, made=", ".join(figures), place=path)


if __name__ == "__main__":
    run(main)
