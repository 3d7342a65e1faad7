"""Turn the official files of one dataset into train, valid and test."""

from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> None:
    """Write `data/ready/<dataset>/{train,valid,test}.npz` and the dataset's card in results/."""
    from pipeline.config import params
    from pipeline.data import catalogue
    from pipeline.runtime.locks import exclusive

    settings = params.load()
    ready = Path("data/ready", dataset)
    with exclusive(ready):
        catalogue.preprocess(
            settings,
            dataset,
            Path("data/raw", dataset),
            ready=ready,
            results=Path("results", dataset),
        )


if __name__ == "__main__":
    run(main)
