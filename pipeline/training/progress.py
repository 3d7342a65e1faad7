"""How far a population is: a board that its processes write and one terminal reads."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

REFRESH_SECONDS = 0.5


class Board:
    """One row a stack: epoch, networks still training, network-epochs done.

    A small file in shared memory: each process writes its own row and nothing waits.
    """

    def __init__(self, path: Path, stacks: int, *, create: bool = False) -> None:
        """Open the board of `stacks` rows at `path`; `create` starts it anew."""
        path.parent.mkdir(parents=True, exist_ok=True)
        mode: Literal["w+", "r+"] = "w+" if create else "r+"
        self.rows: NDArray[np.int64] = np.memmap(path, np.int64, mode, shape=(stacks, 3))

    def write(self, stack: int, epoch: int, live: int, done: int) -> None:
        """Say how far a stack is."""
        self.rows[stack] = epoch, live, done


@contextmanager
def shown(board: Board, title: str, total: int) -> Iterator[None]:
    """Show the board on the terminal while the block runs; nothing where there is no terminal.

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
