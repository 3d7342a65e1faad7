"""Committed lock files: their hash of `results` is that of a fresh clone after `make repro`."""

import pytest
from pathspec import GitIgnoreSpec

from stages import repair
from tests import committed
from tests.imports import ROOT


@pytest.mark.parametrize(("lock", "stage"), [("dvc.lock", "report"), ("claims/dvc.lock", "claims")])
def test_locks_hold_the_hash_of_committed_results(lock: str, stage: str) -> None:
    """A lock written where other files lay in `results` would run the stage in each clone."""
    folder = committed.folder()
    ignored = GitIgnoreSpec.from_lines((ROOT / ".dvcignore").read_text().splitlines())
    hashes = {
        file.relative_to(folder / "results").as_posix(): repair.md5(file)
        for file in (folder / "results").rglob("*")
        if file.is_file() and not ignored.match_file(file.relative_to(folder))
    }
    for written in committed.content(folder / "dvc.lock")["stages"].values():
        for out in written.get("outs", ()):
            if out["path"].startswith("results/"):
                hashes.setdefault(out["path"].removeprefix("results/"), out["md5"])
    deps = committed.content(folder / lock)["stages"][stage]["deps"]
    (results,) = (dep for dep in deps if dep["path"] == "results")
    assert (results["nfiles"], results["md5"]) == (len(hashes), repair.folder_md5(hashes))
