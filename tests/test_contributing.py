"""The worked example of CONTRIBUTING.md: an experiment as a slice of three files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.analysis.results import read_table
from tests import committed
from tests.imports import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FILES = re.findall(r"\*\*, in `(pipeline/\S+\.py)`.*?```python\n(.*?)```", TEXT, re.DOTALL)
BLOCK = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[-1]
COMMANDS = re.findall(r"^    python (-m stages .+)$", TEXT, re.MULTILINE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the code with the example's files and levels, in a tiny setting."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("pipeline", "stages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copytree(committed.folder() / "results/digits", tmp_path / "results/digits")
    for name, code in FILES:
        assert not (tmp_path / name).exists()
        (tmp_path / name).write_text(code, "utf-8")
    params = committed.content()
    params["experiments"] |= YAML(typ="safe", pure=True).load(BLOCK)
    params["run"] |= {"experiments": ["batch"], "probes": ["neuron"]}
    params["sweep"] |= {"seeds": 2, "learning_rates": [0.1]}
    params["datasets"]["digits"] |= {
        "network": {"hidden": [8]}, "finetune": {"epochs": 2, "patience": 2},
    }  # fmt: skip
    committed.write(params, tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_example_runs_as_it_stands(copy: Path) -> None:
    """Its commands give records, a verdict and a figure; its code passes the linter."""
    environment = os.environ | {"PYTHONPATH": str(copy)}
    for command in ["-m stages download digits", "-m stages preprocess digits", *COMMANDS]:
        arguments = [sys.executable, *command.split()]
        subprocess.run(arguments, cwd=copy, env=environment, check=True)
    assert len(read_table(copy / "claims/digits/records/batch.csv")) == 3 * 2
    (row,) = (row for row in read_table(copy / "claims/digits/claims.csv") if row["number"] == "39")
    assert row["estimate"] is not None
    assert row["verdict"] in ("supported", "contradicted", "undecided")
    assert "Do large mini-batches cost accuracy?" in (copy / "report/claims.html").read_text(
        "utf-8"
    )
    lint = [sys.executable, "-m", "ruff", "check", "--config", ROOT / "pyproject.toml"]
    written = [copy / name for name, _ in FILES]
    subprocess.run([*lint, *written], cwd=copy, check=True)
    subprocess.run([*lint[:3], "format", "--check", *lint[4:], *written], cwd=copy, check=True)


def test_the_example_has_three_files_and_four_commands() -> None:
    """The parts that the slow test runs are where it looks for them."""
    places = ("experiments", "claims", "report/figures")
    assert [name for name, _ in FILES] == [f"pipeline/{place}/batch.py" for place in places]
    commands = ["sweep", "score", "judge", "claims-page"]
    assert [command.split()[2] for command in COMMANDS] == commands
    assert "batch:" in BLOCK
