"""List of the datasets, with their downloads and their state on this disk."""

import os
from pathlib import Path

from stages.shell import run


def main() -> None:
    """List the datasets of the catalogue and your own, with their state on this disk.

    Nothing is downloaded. The last column says whether params.yaml runs the dataset.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline.config import params
    from pipeline.data import overview

    settings = params.load()
    mirror = os.environ.get("DATA_MIRROR")
    places = overview.Folders(
        downloads=Path("data/downloads"),
        raw=Path("data/raw"),
        ready=Path("data/ready"),
        mirror=Path(mirror) if mirror else None,
    )
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True)
    table.add_column("name", no_wrap=True)
    table.add_column("title", ratio=1)  # takes the remaining width
    table.add_column("download", no_wrap=True)
    for column, width in (("needs", 12), ("here", 13), ("run", 3)):
        table.add_column(column, width=width)
    for row in overview.rows(settings, places):
        words = (row.name, row.title, row.download, row.needs, row.here)
        table.add_row(*map(escape, words), "yes" if row.run else "")
    Console().print(table)


if __name__ == "__main__":
    run(main)
