"""Set-up of a command's process: printable warnings, library instructions, garbage collection."""

import atexit
import gc
import io
import logging
import os
import sys

from pipeline.runtime import instructions
from pipeline.runtime.errors import printable


class PrintableFormatter(logging.Formatter):
    """Format of warnings: one line without control characters, whatever the user's files hold."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a log record as one line."""
        return printable(super().format(record))


def prepare() -> None:
    """Print warnings on stderr, printable in the terminal's encoding; collect garbage seldom."""
    collect_garbage_seldom()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # A handler of the library's own: other packages (mlflow.pytorch) silence the root logger.
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter())
    log = logging.getLogger("pipeline")
    log.handlers[:], log.propagate = [handler], False
    log.setLevel(logging.WARNING)


def choose_instructions() -> None:
    """Choose the same instructions on all processors, in libraries that are imported later.

    Environment variables that are set already stay as they are.
    """
    for name, value in instructions.common().items():
        os.environ.setdefault(name, value)


def collect_garbage_seldom() -> None:
    """Look for unreachable objects seldom, and not at exit.

    The objects that imports of torch and MLflow make stay to the end: with Python's defaults much
    of the time of these imports, and of the exit, goes into searching them.
    """
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)
