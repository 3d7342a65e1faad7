"""Committed lock files: their hash of `results` is that of a fresh clone after `make repro`."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from pathspec import GitIgnoreSpec
from ruamel.yaml import YAML

from tests import committed
from tests.imports import ROOT


def stages(lock: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(lock)["stages"])


def folder_hash(md5s: dict[str, str]) -> str:
    """Return DVC's hash of a folder from the MD5 of each file."""
    entries = [{"md5": md5s[path], "relpath": path} for path in sorted(md5s)]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"


@pytest.mark.parametrize(("lock", "stage"), [("dvc.lock", "report"), ("claims/dvc.lock", "claims")])
def test_locks_hold_the_hash_of_committed_results(lock: str, stage: str) -> None:
    """A lock written where other files lay in `results` would run the stage in each clone."""
    folder = committed.folder()
    ignored = GitIgnoreSpec.from_lines((ROOT / ".dvcignore").read_text().splitlines())
    md5s = {
        file.relative_to(folder / "results").as_posix(): hashlib.md5(file.read_bytes()).hexdigest()
        for file in (folder / "results").rglob("*")
        if file.is_file() and not ignored.match_file(file.relative_to(folder))
    }
    for written in stages(folder / "dvc.lock").values():
        for out in written.get("outs", ()):
            if out["path"].startswith("results/"):
                md5s[out["path"].removeprefix("results/")] = out["md5"]
    deps = stages(folder / lock)[stage]["deps"]
    (results,) = (dep for dep in deps if dep["path"] == "results")
    assert (results["nfiles"], results["md5"]) == (len(md5s), folder_hash(md5s))
