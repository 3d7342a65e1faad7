"""File locks: one process at a time writes an output."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.runtime.errors import Problem


@contextmanager
def exclusive(output: Path) -> Iterator[None]:
    """Hold the lock of an output, a path relative to the repository's root.

    Raises Problem where another process holds the lock.
    """
    path = Path("runs/locks", "-".join(output.parts) + ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout as error:
        raise Problem(
            f"another process is writing {output}: wait until it ends, or stop it, and run again"
        ) from error
