"""List of the datasets, with download size and files on disk."""

import os
from pathlib import Path

from stages.shell import run


def main() -> None:
    """List the datasets of the catalog and your own, with download size and files on disk.

    Downloads nothing. Column `run`: the dataset is in run.datasets; `here`: the files on disk.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding
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
    rows = overview.rows(settings, places)
    lines = [("name", "download", "needs", "run", "here")]
    lines += [(r.name, r.download, r.needs, "yes" if r.run else "", r.here) for r in rows]
    widths = [max(map(len, column)) for column in list(zip(*lines, strict=True))[:-1]]
    console = Console(highlight=False)
    for line, title in zip(lines, ["", *(row.title for row in rows)], strict=True):
        table = Table.grid(padding=(0, 2, 0, 0))
        for width in (*widths, None):  # a long `here` continues below itself
            table.add_column(width=width)
        table.add_row(*map(escape, line))
        console.print(table)
        if title:
            console.print(Padding(escape(title), (0, 0, 0, 2), expand=False))


if __name__ == "__main__":
    run(main)
