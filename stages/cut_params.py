"""Remedy for a params.yaml that a kill has cut."""

from pathlib import Path


def remedy(message: str) -> str:
    """Return what to do if an error is that of a cut params.yaml, "" if it is another.

    `dvc exp run -S` rewrites the file in place, and so may editors.
    """
    path = Path("params.yaml")
    whole = not path.exists() or path.read_bytes().endswith(b"\n")
    if whole or path.name not in message:
        return ""
    return ". Its last line is cut: `git checkout params.yaml` brings back the committed file"
