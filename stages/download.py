"""Download of one dataset: official files, or a record of the user's own."""

import os
from pathlib import Path

from stages import last_line
from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> str:
    """Download the official files into `data/raw/<dataset>`, from the folder DATA_MIRROR first.

    Each file is verified against its known hash. Your own files stay where they are; their names
    and hashes are recorded.
    """
    from pipeline.config import params
    from pipeline.data import catalogue
    from pipeline.data.download import inventory
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
    sizes = inventory.sizes(raw)
    made = f"{last_line.count(len(sizes), 'file')}, {sum(sizes) / 1e6:,.1f} MB"
    return last_line.line("download", dataset, made=made, place=raw)


if __name__ == "__main__":
    run(main)
