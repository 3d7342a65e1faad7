"""Repair of DVC's lock files and `.dvc/tmp/rwlock` after a kill or on a full disk."""

import subprocess
from pathlib import Path
from typing import Any

import typer

from pipeline.runtime import storage
from stages import rwlock

COPIES = Path(".dvc/tmp/copies")  # of the lock files, made by the stages
LOCKS = {Path(name): COPIES / name.replace("/", "-") for name in ("dvc.lock", "claims/dvc.lock")}
BROKEN = "was broken by a kill or a full disk"


def keep_copies() -> None:
    """Copy the lock files. Called by stages that DVC runs: it has read them, so they are whole."""
    # A question's folder has no `.dvc`: one would make it a repository of its own.
    for lock, copy in LOCKS.items() if Path(".dvc").is_dir() else ():
        try:
            if (content := lock.read_bytes()).endswith(b"\n"):
                storage.write_bytes(copy, content)
        except OSError:  # absent, or a full disk
            continue


def repair(repo: Any) -> None:
    """Restore broken lock files and remove a stale or broken rwlock of DVC's `repo`."""
    with repo.lock:
        for lock, copy in LOCKS.items():
            if lock.exists() and not is_whole(lock.read_bytes()):
                typer.echo(f"{lock} {BROKEN}: {_restore(lock, copy)}", err=True)
    rwlock.repair(Path(repo.tmp_dir, "rwlock"))


def is_whole(content: bytes) -> bool:
    """Return whether a lock file is valid to DVC, and its last line is complete."""
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import parse_yaml
    from voluptuous import Invalid

    try:
        return bool(COMPILED_LOCKFILE_SCHEMA(parse_yaml(content, ""))) and content[-1:] == b"\n"
    except (DvcException, Invalid, UnicodeDecodeError):
        return False


def _restore(lock: Path, copy: Path) -> str:
    """Restore a lock file from its copy, else from git; return what was done."""
    show = ["git", "show", f"HEAD:./{lock.as_posix()}"]
    try:
        committed = subprocess.run(show, capture_output=True, check=False).stdout
    except OSError:  # no git
        committed = b""
    copied = copy.read_bytes() if copy.exists() else b""
    for origin, content in {"copy of the last run": copied, "last commit": committed}.items():
        if is_whole(content):
            storage.write_bytes(lock, content)
            return f"restored from the {origin}"
    lock.unlink()
    return "removed; all stages in it run again"
