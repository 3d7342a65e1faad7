"""Progress display of training, shared between processes."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

REFRESH_SECONDS = 0.5


class ProgressBoard:
    """One row per population: largest epoch, live networks, network-epochs done.

    A memory-mapped file: each process writes rows of its own, without locks.
    """

    def __init__(self, path: Path, rows: int, *, create: bool = False) -> None:
        """Open the board of `rows` rows at `path`; `create` sets all rows to 0."""
        self.path = path.absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        mode: Literal["w+", "r+"] = "w+" if create else "r+"
        self.rows: NDArray[np.int64] = np.memmap(path, np.int64, mode, shape=(rows, 3))

    def __reduce__(self) -> tuple[type["ProgressBoard"], tuple[Path, int]]:
        """Pickle the place alone: another process opens the same file."""
        return ProgressBoard, (self.path, len(self.rows))

    def write(self, row: int, epoch: int, live: int, done: int) -> None:
        """Set the row of a population."""
        self.rows[row] = epoch, live, done


@contextmanager
def progress_bar(board: ProgressBoard, title: str, total: int) -> Iterator[None]:
    """Show the board on stderr while the block runs, if stderr is a terminal.

    `total` is the number of network-epochs if no network stops early.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("epoch {task.fields[epoch]}, {task.fields[live]} networks training"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    ended = threading.Event()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, epoch=0, live=0)

        def follow() -> None:
            while not ended.wait(REFRESH_SECONDS):
                epochs, lives, done = board.rows.T.tolist()
                bar.update(task, completed=sum(done), epoch=max(epochs), live=sum(lives))

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
