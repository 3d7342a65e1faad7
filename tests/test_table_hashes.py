"""Damaged tables of results/ and claims/: refused by every command that reads them."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from pipeline.runtime.errors import Problem
from stages import table_hashes
from tests.test_damage import DAMAGES

TABLE = Path("claims/digits/records/hardness.csv")
CONTENT = b"seed,test_error\n0,0.5\n1,0.25\n"
OTHER = b"seed,test_error\n0,0.125\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a project with one table, without any hash of it."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    TABLE.parent.mkdir(parents=True)
    TABLE.write_bytes(CONTENT)


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


def commit() -> str:
    git("add", str(TABLE))
    return f"run `git checkout {TABLE}`"


def write_alone() -> str:
    table_hashes.record(0)
    return "run `python -m stages claims`"


def write_by_dvc() -> str:
    digest = hashlib.md5(CONTENT).hexdigest()
    Path("dvc.lock").write_text(f"    - path: {TABLE}\n      md5: {digest}\n")
    return "run `python -m stages claims`"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("keep", [commit, write_alone, write_by_dvc])
def test_a_damaged_table_is_refused(keep, damage):
    """Committed, or written by a command with or without DVC: one line with what to do."""
    advice = keep()
    table_hashes.check("claims")
    TABLE.write_bytes(DAMAGES[damage](CONTENT))
    with pytest.raises(Problem) as error:
        table_hashes.check("claims")
    assert str(error.value).startswith(f"{TABLE} is damaged, or was edited: {advice}")


@pytest.mark.parametrize("keep", [write_alone, write_by_dvc])
def test_git_brings_back_the_committed_table(keep):
    """It is the fastest, where the committed table is that of the last run."""
    keep()
    advice = commit()
    TABLE.write_bytes(b"")
    with pytest.raises(Problem, match=advice):
        table_hashes.check("claims")
    TABLE.write_bytes(OTHER)
    advice = write_alone()
    TABLE.write_bytes(b"")
    with pytest.raises(Problem, match=advice):
        table_hashes.check("claims")


def test_git_brings_back_times():
    """No stage makes cost.json, which DVC's lock file names as a dependency alone."""
    path = Path("results/cost.json")
    path.parent.mkdir()
    path.write_text("{}")
    git("add", str(path))
    Path("dvc.lock").write_text(f"    - path: {path}\n")
    path.write_text("{")
    with pytest.raises(Problem, match=f"run `git checkout {path}` to restore it"):
        table_hashes.check("results")


def test_the_advice_helps():
    """Git brings back a committed table, and accepts an edited one."""
    commit()
    TABLE.write_bytes(b"")
    git("checkout", str(TABLE))
    table_hashes.check(str(TABLE))
    TABLE.write_bytes(OTHER)
    git("add", str(TABLE))
    table_hashes.check(str(TABLE))


def test_a_table_that_a_command_has_replaced_is_read():
    """A new table differs from the committed one; older ones are not recorded by the command."""
    commit()
    TABLE.write_bytes(OTHER)
    table_hashes.record(TABLE.stat().st_mtime + 1)
    with pytest.raises(Problem):
        table_hashes.check("claims")
    table_hashes.record(TABLE.stat().st_mtime)
    table_hashes.check("claims")


def test_a_table_without_any_hash_is_read():
    """So is one of a downloaded archive, without git."""
    table_hashes.check("results", "claims")
