"""Remedy for a truncated params.yaml."""

from pathlib import Path


def remedy(message: str) -> str:
    """Return the remedy for an error that comes from a truncated params.yaml, "" for other errors.

    `dvc exp run -S` rewrites the file in place, and so may editors.
    """
    path = Path("params.yaml")
    whole = not path.exists() or path.read_bytes().endswith(b"\n")
    if whole or path.name not in message:
        return ""
    return ". Its last line is cut: `git checkout params.yaml` restores the committed file"
