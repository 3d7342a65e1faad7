"""Turn the official files of one dataset into train, valid and test."""

from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> None:
    """Write `data/ready/<dataset>/{train,valid,test}.npz` from the raw files alone."""
    from pipeline.datasets import catalogue
    from pipeline.locks import only_here

    entry = catalogue.get(dataset)
    ready = Path("data/ready", entry.name)
    with only_here(ready):
        catalogue.preprocess(entry, Path("data/raw", entry.name), ready)


if __name__ == "__main__":
    run(main)
