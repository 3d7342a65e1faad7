"""Stages of dvc.yaml depend on every file whose content can change their output."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dvc.parsing.interpolate import to_str
from ruamel.yaml import YAML

from pipeline.experiments.conditions import catalogue
from pipeline.probes import catalogue as probes
from tests import committed
from tests.imports import ROOT, imported, loaded

FILES = (ROOT / "dvc.yaml", ROOT / "claims/dvc.yaml")
STAGES: dict[str, Any] = {  # both files have a stage `track`
    f"{file.parent.name}:{name}" if file.parent != ROOT and name == "track" else name: stage
    for file in FILES
    for name, stage in YAML(typ="safe", pure=True).load(file)["stages"].items()
}
WITH_OUTPUTS = [name for name, stage in STAGES.items() if "outs" in stage]

# Code that changes no output of a stage: the form of its command line, and MLflow runs.
NO_OUTPUT = {
    *(
        ROOT / f"stages/{name}.py"
        for name in (
            *("__init__", "arguments", "cut_params", "dvc_state", "early_start", "last_line"),
            *("rwlock", "shell", "table_hashes", "terminal", "termination", "tracking"),
        )
    ),
    *ROOT.glob("pipeline/tracking/*.py"),
}

# A download is identified by its hash: code that reads the files later cannot change it.
READS_LATER = {
    file
    for name in ("cards", "formats", "splits", "text")
    for file in ROOT.glob(f"pipeline/data/{name}/**/*.py")
}

# An experiment's networks do not depend on what other experiments vary.
EXPERIMENTS = {ROOT / f"pipeline/experiments/{name}.py" for name in catalogue.names()}

# Modules of an experiment or probe, in each package: a new one is no excess of a stage.
SLICES = {*catalogue.names(), *probes.names()}

# Files below a stage's folders that the stage does not import: each reruns it for nothing.
MOST_EXCESS = {
    "download": 4,
    "preprocess": 6,
    "pretrain": 1,
    "finetune": 1,
    "evaluate": 15,
    "baseline": 18,
    "compare": 22,
    "report": 14,
    "conditions": 5,
    "sweep": 2,
    "score": 18,
    "probe": 4,
    "judge": 5,
    "claims": 11,
}


def closure(stage: str) -> set[Path]:
    """Return the files that a stage imports, indirectly too, and that can change its output."""
    reached: set[Path] = set()
    new = {ROOT / f"stages/{stage}.py", ROOT / "pipeline/runtime/instructions.py"}  # every command
    left_out = NO_OUTPUT | (READS_LATER if stage == "download" else set())
    while new:
        reached |= new
        new = {file for path in new for file in imported(path) | loaded(path)}
        new -= reached | left_out
    return reached - EXPERIMENTS


def deps(stage: str) -> list[str]:
    return [str(dep) for dep in STAGES[stage]["deps"]]


def code(stage: str) -> set[Path]:
    """Return the code files below the dependencies of a stage."""
    files: set[Path] = set()
    for dep in deps(stage):
        if dep.startswith(("pipeline/", "stages/")) and "$" not in dep:
            files |= {ROOT / dep} if dep.endswith(".py") else {*(ROOT / dep).glob("**/*.py")}
    return files


@pytest.mark.parametrize("stage", WITH_OUTPUTS)
def test_each_stage_depends_on_the_code_that_it_runs(stage: str) -> None:
    """Every file of a stage's import closure lies in a folder that the stage depends on."""
    missing = closure(stage) - code(stage)
    assert {str(path.relative_to(ROOT)) for path in missing} == set()


@pytest.mark.parametrize("stage", WITH_OUTPUTS)
def test_stages_depend_on_little_else(stage: str) -> None:
    """The files that a stage's folders hold beyond its closure do not grow in number."""
    known = {"__init__", *SLICES}
    excess = {path for path in code(stage) - closure(stage) if path.stem not in known}
    assert len(excess) <= MOST_EXCESS[stage], sorted(str(path.relative_to(ROOT)) for path in excess)


@pytest.mark.parametrize("stage", STAGES)
def test_stages_list_few_folders_of_code(stage: str) -> None:
    """At most ten entries of code, each of which exists."""
    entries = [dep for dep in deps(stage) if dep.startswith(("pipeline/", "stages/"))]
    assert len(entries) <= 10
    assert all((ROOT / entry).exists() for entry in entries if "$" not in entry)


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_says_what_it_does(stage: str) -> None:
    """A stage has a description, and its command is the module of its name."""
    assert STAGES[stage]["desc"]
    module = stage.rpartition(":")[2]
    assert STAGES[stage]["cmd"].split()[:3] == ["python", "-m", f"stages.{module}"]


@pytest.mark.parametrize("stage", STAGES)
def test_names_are_quoted_for_the_shell(stage: str) -> None:
    """A command has the matrix as a whole: DVC quotes its values, and not those of a single key."""
    _, _, arguments = STAGES[stage]["cmd"].partition(" -m stages.")
    assert arguments.split()[1:2] == (["${item}"] if "matrix" in STAGES[stage] else [])
    assert arguments.count("$") == ("matrix" in STAGES[stage])
    name = "$(touch x)'"
    quoted = subprocess.list2cmdline([name]) if os.name == "nt" else shlex.quote(name)
    assert to_str({"dataset": name}) == f"--dataset {quoted}"


def test_sweeps_depend_on_their_experiment() -> None:
    """The stage of an experiment depends on that experiment's module."""
    assert "pipeline/experiments/${item.experiment}.py" in deps("sweep")
    assert all(file.exists() for file in EXPERIMENTS)


def test_test_split_is_read_by_few_stages() -> None:
    """Only scoring stages, baselines and probes depend on the test split."""
    readers = [stage for stage in STAGES if any("test.npz" in dep for dep in deps(stage))]
    assert readers == ["evaluate", "baseline", "score", "probe"]


def test_parameters_that_are_watched_exist() -> None:
    """Each watched key is in params.yaml (DVC itself refuses a missing one)."""
    params = committed.content()
    names = {"dataset": "digits", "activation": "tanh", "experiment": "depth", "probe": "spiking"}
    for stage in STAGES.values():
        for key in stage.get("params", []):
            value: Any = params
            for part in key.replace("${item.", "${item_").split("."):
                value = value[names[part[7:-1]] if part.startswith("${") else part]
            assert value is not None
