"""Fetch the official files of one dataset, or take stock of the user's own."""

import os
from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> None:
    """Fetch the official files into `data/raw/<dataset>`, from the folder DATA_MIRROR first.

    Each is checked against its known hash. Of your own data the names and hashes are noted there;
    the files stay where they are.
    """
    from pipeline.config import params
    from pipeline.data import catalogue
    from pipeline.runtime.locks import exclusive

    settings = params.load()
    raw = Path("data/raw", dataset)
    mirror = os.environ.get("DATA_MIRROR")
    with exclusive(raw):
        catalogue.download(
            settings,
            dataset,
            raw,
            downloads=Path("data/downloads"),
            mirror=Path(mirror) if mirror else None,
        )


if __name__ == "__main__":
    run(main)
