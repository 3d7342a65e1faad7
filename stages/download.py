"""Fetch the official files of one dataset and check them against their known hashes."""

import os
from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> None:
    """Fetch the official files into `data/raw/<dataset>`, from the folder DATA_MIRROR first."""
    from pipeline.datasets import catalogue
    from pipeline.locks import only_here

    entry = catalogue.get(dataset)
    raw = Path("data/raw", entry.name)
    mirror = os.environ.get("DATA_MIRROR")
    with only_here(raw):
        catalogue.download(
            entry,
            raw,
            partial=Path("data/partial", entry.name),
            mirror=Path(mirror) if mirror else None,
        )


if __name__ == "__main__":
    run(main)
