"""Hashes of the tables in results/ and claims/: commands raise an error for a damaged table.

A table's hash is in DVC's lock files, in git's index, or in runs/written, where each command notes
the tables that it wrote.
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
    index = _git("ls-files", "--stage", *FOLDERS).decode(errors="replace")
    for path in _tables(places):
        content, name, written = path.read_bytes(), path.as_posix(), WRITTEN / path
        made = written.read_text("utf-8") if written.exists() else locks if name in locks else ""
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        in_git = f"\t{name}\n" in index
        if not (made or in_git) or _md5(content) in locks + made or blob.hexdigest() in index:
            continue
        # No stage makes results/cost.json; other tables that were made here may not be in git.
        by_git = not made or len(path.parts) == 2 or _md5(_git("show", f":./{name}")) in made
        stage = f"python -m stages {'claims' if path.parts[0] == 'claims' else 'repro'}"
        again = f"git checkout {name}" if in_git and by_git else stage
        accept = f", or `git add {name}` to accept it" if in_git else ""
        raise Problem(f"{name} is damaged, or was edited: run `{again}` to restore it{accept}")


def _tables(places: tuple[str, ...]) -> Iterator[Path]:
    for place in map(Path, places):
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.suffix in {".csv", ".json", ".npz"} and path.is_file():
                yield path


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _git(*arguments: str) -> bytes:
    """Return what git prints; nothing without git."""
    try:
        return subprocess.run(
            ["git", "-c", "core.quotePath=off", *arguments], capture_output=True, check=False
        ).stdout
    except OSError:
        return b""
