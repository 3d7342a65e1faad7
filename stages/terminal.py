"""Output to the terminal: warnings in one printable line, in any encoding."""

import io
import logging
import sys

from pipeline.runtime.errors import printable


class PrintableFormatter(logging.Formatter):
    """Format of warnings: one line without control characters, whatever the user's files hold."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a log record as one line."""
        return printable(super().format(record))


def prepare() -> None:
    """Escape control characters in warnings, and characters that the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if logging.lastResort:
        logging.lastResort.setFormatter(PrintableFormatter())
