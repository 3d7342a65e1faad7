"""Hashes of the tables in results/ and claims/: commands refuse a table that was damaged.

A table has the same bytes on every machine, so its hash is elsewhere: in DVC's lock files, in git's
index, and in runs/written if a command wrote it here without DVC.
"""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from stages.dvc_state import LOCKS

FOLDERS = ("results", "claims")
WRITTEN = Path("runs/written")  # a file with its MD5 for each table, in the same folders


def record(since: float) -> None:
    """Record the hashes of the tables that were written since a time, in seconds of the epoch."""
    for path in _tables(FOLDERS):
        if path.stat().st_mtime >= since:
            storage.write_bytes(WRITTEN / path, _md5(path.read_bytes()).encode())


def check(*places: str) -> None:
    """Raise Problem for a damaged table among these files and those in these folders.

    A table of which no hash is known anywhere passes.
    """
    locks = "".join(path.read_text("utf-8", "replace") for path in LOCKS if path.exists())
    committed = _index()
    for path in _tables(places):
        content, written = path.read_bytes(), WRITTEN / path
        hashes = locks + (written.read_text("utf-8") if written.exists() else "")
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        made_here = written.exists() or f"{path.as_posix()}\n" in locks
        in_git = f"\t{path.as_posix()}\n" in committed
        if (
            (made_here or in_git)
            and _md5(content) not in hashes
            and blob.hexdigest() not in committed
        ):
            command = "claims" if path.parts[0] == "claims" else "repro"
            again = f"`python -m stages {command}`"
            if not made_here or len(path.parts) == 2:  # no stage of the pipeline makes cost.json
                again = f"`git checkout {path}`"
            accept = f", or `git add {path}` if it is right" if in_git else ""
            raise Problem(f"{path} is damaged, or was edited: run {again} to bring it back{accept}")


def _tables(places: tuple[str, ...]) -> Iterator[Path]:
    for place in map(Path, places):
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.suffix in {".csv", ".json", ".npz"} and path.is_file():
                yield path


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _index() -> str:
    """Return git's list of committed or added tables with their hashes; empty without git."""
    command = ["git", "ls-files", "--stage", *FOLDERS]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
