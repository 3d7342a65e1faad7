"""Train, validation and test splits of one dataset."""

from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> None:
    """Build the splits `data/ready/<dataset>/*.npz`, and the dataset's card in results/."""
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
