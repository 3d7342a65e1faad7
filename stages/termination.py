"""Termination of a command together with the processes that it has started."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


@contextmanager
def together() -> Iterator[None]:
    """Let SIGTERM end all processes that this one has started: DVC handles Ctrl-C alone."""

    def end(number: int, _: object) -> None:
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                child.terminate()
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
