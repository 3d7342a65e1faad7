"""Repair of `.dvc/tmp/rwlock`, in which DVC notes the processes that read and write its files."""

import json
import os
import time
from pathlib import Path

import psutil
import typer

ENDING_SECONDS = 5.0  # a killed process needs some time to end
CLOCK_SECONDS = 2.0  # error of a process's start, which Linux counts from a boot in whole seconds


def repair(path: Path) -> None:
    """Remove an rwlock that a kill has cut, or whose processes have all ended.

    DVC ignores processes that do not exist, but takes others for living that are not: one that is
    ending or has not been reaped, and a later process of the same number, as after a restart.
    """
    from dvc.lock import make_lock

    deadline = time.monotonic() + ENDING_SECONDS
    while _is_held(path) and time.monotonic() < deadline:
        time.sleep(0.1)
    with make_lock(f"{path}.lock", tmp_dir=str(path.parent)):
        processes = _processes(path)
        if processes is None:
            path.unlink()
            typer.echo(f"{path} was broken by a kill or a full disk: removed", err=True)
        elif processes and not _is_held(path):
            path.unlink()


def _processes(path: Path) -> set[int] | None:
    """Return the process numbers in an rwlock, none if it is absent, None if it is broken."""
    from dvc.rwlock import SCHEMA
    from voluptuous import Invalid

    try:
        entries = SCHEMA(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return set()
    except (ValueError, Invalid):
        return None
    readers = [reader for readers in entries["read"].values() for reader in readers]
    return {entry["pid"] for entry in [*readers, *entries["write"].values()]}


def _is_held(path: Path) -> bool:
    """Return whether another living process is in an rwlock that was written after its start."""
    others = (_processes(path) or set()) - {os.getpid()}
    try:
        written = path.stat().st_mtime
        return any(_lives(process, written) for process in others)
    except FileNotFoundError:
        return False


def _lives(number: int, written: float) -> bool:
    try:
        process = psutil.Process(number)
        started: float = process.create_time() - CLOCK_SECONDS
        return started <= written and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
