"""Packages stand on floors: each imports from lower floors alone."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.imports import ROOT, imported

BOTTOM = {"runtime", "config"}
SPLITS = BOTTOM | {"data/splits", "data/splits/distortions"}
KERNELS = {
    "networks/arithmetic",
    "networks/activations",
    "networks/kernels",
    "networks/kernels/cpu",
    "networks/kernels/gpu",
}
ENGINE = SPLITS | KERNELS | {"networks"}
FILES = {"data/download", "data/text"}
RESULTS = BOTTOM | {"paper", "analysis"}
WORDS = RESULTS | {"claims", "report/text"}

# Folder of `pipeline/` (or the top-level folder): the folders that its files may import.
FLOORS = {
    "runtime": set(),
    "paper": set(),
    "config": {"runtime"},
    "data/splits/distortions": {"runtime"},
    "data/splits": {"runtime"},
    "data/text": BOTTOM | {"data/splits"},
    "data/download": BOTTOM,
    "data/formats": BOTTOM | FILES | {"data/splits"},
    "data/sources": SPLITS | FILES | {"data/formats"},
    "data/cards": SPLITS | {"data/download", "data/sources", "data/formats"},
    "data": SPLITS | FILES | {"data/formats", "data/sources", "data/cards"},
    "networks/arithmetic": {"runtime"},
    "networks/activations": BOTTOM | {"networks/arithmetic"},
    "networks/kernels/cpu": {"networks/arithmetic", "networks/activations"},
    "networks/kernels/gpu": {"networks/activations"},
    "networks/kernels": SPLITS | KERNELS,
    "networks": SPLITS | KERNELS,
    "analysis": BOTTOM | {"paper"},
    "training": ENGINE,
    "pretraining": ENGINE | {"training"},
    "finetuning": ENGINE | {"training"},
    "evaluation": ENGINE | {"training", "analysis"},
    "probes": ENGINE,
    "experiments/conditions": ENGINE | {"training", "pretraining", "finetuning"},
    "experiments": BOTTOM | {"experiments/conditions"},
    "claims": RESULTS,
    "report/text": RESULTS | {"claims", "evaluation"},
    "report/figures": WORDS | {"probes"},
    "report/markdown": WORDS,
    "report/pages": WORDS | {"report/figures"},
    "tracking": WORDS | {"data/splits", "networks", "evaluation", "report/figures"},
    "verification": ENGINE | {"analysis"},
    "evidence": WORDS | {"report/figures", "report/pages"},
    "exploration": WORDS | {"report/figures", "report/pages"},
    "report": set(),
    "questions": RESULTS
    | ENGINE
    | FILES
    | {"data", "data/formats", "data/sources", "training", "pretraining", "finetuning"}
    | {"evaluation", "report/text", "report/figures"},
    ".": {"questions"},
}
PIPELINE = set(FLOORS) - {"."}
FLOORS["benchmarks"] = PIPELINE - {
    "report/pages",
    "report/markdown",
    "claims",
    "evidence",
    "exploration",
    "tracking",
}
FLOORS["stages"] = PIPELINE | {"benchmarks"}

FILES_OF_CODE = sorted(
    path for top in ("pipeline", "stages", "benchmarks") for path in ROOT.glob(f"{top}/**/*.py")
)


def package(path: Path) -> str:
    """Return the folder of a file as `FLOORS` names it."""
    folder = path.relative_to(ROOT).parent
    return str(folder.relative_to("pipeline")) if folder.parts[0] == "pipeline" else str(folder)


@pytest.mark.parametrize("path", FILES_OF_CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_import_from_lower_floors(path: Path) -> None:
    """A file imports from its own package and from the packages that `FLOORS` allows it."""
    allowed = FLOORS[package(path)] | {package(path)}
    assert {package(file) for file in imported(path)} <= allowed


def test_no_file_imports_itself_through_others() -> None:
    """The imports between files form no circle (`prepare` raises CycleError with its files)."""
    TopologicalSorter({path: imported(path) for path in FILES_OF_CODE}).prepare()


def test_pipeline_has_no_loose_module() -> None:
    """Every module of the library is in a package."""
    assert [path.name for path in ROOT.glob("pipeline/*.py")] == ["__init__.py"]
