"""dvc.yaml tells the truth: what a stage's numbers depend on is what DVC watches."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.experiments import catalogue
from tests.imports import ROOT, imported

FILES = (ROOT / "dvc.yaml", ROOT / "experiments/dvc.yaml")
STAGES = {
    name: stage
    for file in FILES
    for name, stage in YAML(typ="safe", pure=True).load(file)["stages"].items()
}

# Nothing in these can change a number: words, progress bars, how files come whose hashes are known,
# and what is sent to MLflow.
NO_NUMBERS = {
    ROOT / name
    for name in (
        "pipeline/__init__.py",
        "pipeline/cpu/__init__.py",
        "pipeline/datasets/__init__.py",
        "pipeline/datasets/entry.py",
        "pipeline/distortions/__init__.py",
        "pipeline/gpu/__init__.py",
        "pipeline/datasets/fetch.py",
        "pipeline/datasets/remote.py",
        "pipeline/datasets/transfer.py",
        "pipeline/errors.py",
        "pipeline/locks.py",
        "pipeline/progress.py",
        "pipeline/analysis/__init__.py",
        "pipeline/experiments/__init__.py",
        "pipeline/report/__init__.py",
        "pipeline/tracking/__init__.py",
        "pipeline/tracking/conditions.py",
        "pipeline/tracking/publishing.py",
        "stages/__init__.py",
        "stages/arguments.py",
        "stages/shell.py",
        "stages/track.py",
    )
}

# What a download leaves is known by its hash: how it is read later cannot change it.
READS_LATER = {
    *(ROOT / "pipeline/distortions").glob("*.py"),
    ROOT / "pipeline/seeds.py",
    ROOT / "pipeline/terms.py",
    *(
        ROOT / f"pipeline/datasets/{name}.py"
        for name in (
            *(
                "archives",
                "cards",
                "cifar10",
                "examples",
                "folders",
                "generated",
                "idx",
                "form",
                "matrices",
            ),
            *("mnist", "nistp", "norb", "npz", "samples", "scaling", "sd19", "tables"),
            *(
                "amazon",
                "corpus",
                "json_lines",
                "members",
                "partition",
                "presence",
                "review_tables",
            ),
            *("reviews", "sentiment", "splits", "text", "text_files", "vocabulary"),
        )
    ),
}


# An experiment's numbers do not depend on what the others vary: its stage names its own module.
EXPERIMENTS = {ROOT / f"pipeline/experiments/{name}.py" for name in catalogue.EXPERIMENTS}


def code_of(stage: str) -> set[Path]:
    """Return the files whose content can change what a stage writes."""
    found: set[Path] = set()
    new = {ROOT / f"stages/{stage}.py"}
    left_out = NO_NUMBERS | (READS_LATER if stage == "download" else set())
    while new:
        found |= new
        new = {file for path in new for file in imported(path)} - found - left_out
    return found - EXPERIMENTS


def deps(stage: str) -> list[str]:
    return [str(dep) for dep in STAGES[stage]["deps"]]


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_depends_on_the_code_that_it_runs(stage: str) -> None:
    """The modules that a stage imports, however indirectly, are its dependencies, and no others."""
    listed = {ROOT / dep for dep in deps(stage) if dep.endswith(".py") and "$" not in dep}
    for folder in (ROOT / dep for dep in deps(stage) if dep == "pipeline/distortions"):
        listed |= {*folder.glob("*.py")} - NO_NUMBERS
    assert {str(path.relative_to(ROOT)) for path in listed ^ code_of(stage)} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_says_what_it_does(stage: str) -> None:
    """A stage has a description, and its command is the module of its name."""
    assert STAGES[stage]["desc"]
    assert STAGES[stage]["cmd"].split()[:3] == ["python", "-m", f"stages.{stage}"]


def test_sweeps_depend_on_their_experiment() -> None:
    """What an experiment varies is one module, and the stage of each depends on its own."""
    assert "pipeline/experiments/${item.experiment}.py" in deps("sweep")
    assert all(file.exists() for file in EXPERIMENTS)


def test_only_evaluate_reads_the_test_split() -> None:
    """The test split decides nothing: one stage of the arms depends on it, that of the baselines,
    one of the experiments, and the probes, which choose nothing."""
    readers = [stage for stage in STAGES if any("test.npz" in dep for dep in deps(stage))]
    assert readers == ["evaluate", "baseline", "score", "probe"]


def test_parameters_that_are_watched_exist() -> None:
    """Each watched key is in params.yaml (DVC itself refuses a missing one)."""
    params: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    names = {"dataset": "digits", "activation": "tanh", "experiment": "depth", "probe": "spiking"}
    for stage in STAGES.values():
        for key in stage.get("params", []):
            value: Any = params
            for part in key.replace("${item.", "${item_").split("."):
                value = value[names[part[7:-1]] if part.startswith("${") else part]
            assert value is not None
