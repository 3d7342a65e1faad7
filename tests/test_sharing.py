"""Networks by a DVC remote: a clone that pulls them trains nothing, downloads nothing, verifies."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns import miniature

AUTHOR = ["-c", "user.name=a", "-c", "user.email=a@localhost"]


def call(folder: Path, *command: str) -> str:
    """Return the output of a command that succeeds."""
    environment = miniature.environment(folder)
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def python(folder: Path, *words: str) -> str:
    return call(folder, sys.executable, "-m", *words)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_clone_that_pulls_trains_and_downloads_nothing(tmp_path: Path) -> None:
    """No stage runs without raw files, which the remote lacks; changed preprocessing gets them."""
    trained, clone, other = (tmp_path / name for name in ("trained", "clone", "other"))
    miniature.clone(trained)
    call(trained, "git", "rm", "-rq", "claims/digits")  # verdicts on other networks
    python(trained, "stages", "repro")
    python(trained, "dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    call(trained, "git", *AUTHOR, "commit", "-qam", "Trained")
    python(trained, "dvc", "push", "dvc.yaml")

    call(tmp_path, "git", "clone", "-q", str(trained), str(clone))
    python(clone, "dvc", "pull", "dvc.yaml")
    assert not (clone / "data/raw").exists()
    assert "Running stage" not in python(clone, "stages", "repro")
    assert not (clone / "data/raw").exists()
    output = python(clone, "stages", "verify", "digits")
    assert "different:             0 files" in output
    assert "same bytes: runs/networks/digits/rectifier-pretrained" in output

    with (clone / "pipeline/data/text/corpus.py").open("a") as code:  # read by preprocess alone
        code.write("# another version\n")
    output = python(clone, "stages", "repro")
    assert "Running stage 'download@digits'" in output
    assert "Running stage 'pretrain" not in output

    call(tmp_path, "git", "clone", "-q", str(trained), str(other))  # `verify` pulls by itself
    output = python(other, "stages", "verify", "digits")
    assert "same values: validation scores of digits / rectifier / pretrained" in output
    assert "same bytes: results/digits/runs.csv" in output
