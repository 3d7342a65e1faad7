"""Runs of an MLflow store, for the campaigns of tracking."""

import shutil
from collections import Counter
from pathlib import Path

from mlflow import MlflowClient

from tests.campaigns import miniature

NAMES = ("arm", "condition")  # kinds of runs that have one current run a name


def faults(uri: str) -> list[str]:
    """Return what is wrong with the runs of the miniature: one current, complete run a name."""
    client = MlflowClient(tracking_uri=uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=5000)
    current = [run.data.tags for run in runs if run.data.tags.get("current") == "true"]
    counts = Counter(tags[kind] for kind in NAMES for tags in current if tags.get("kind") == kind)
    found = [f"{count} current runs of {name}" for name, count in counts.items() if count != 1]
    unfinished = [run for run in runs if run.info.status not in ("FINISHED", "FAILED")]
    found += [f"{run.info.run_name} is {run.info.status}" for run in unfinished]
    return found + ([] if len(counts) == 4 else [f"{len(counts)} names, not an arm, 3 conditions"])


def make(folder: Path) -> None:
    """Make what `track` publishes, the arm and one experiment; leave no store."""
    for command in ("repro", "sweep digits hardness", "score digits hardness"):
        miniature.finish(folder, [*miniature.STAGES, *command.split()])
    remove(folder)


def remove(folder: Path) -> None:
    """Delete the store of a project."""
    for path in folder.glob("*mlflow.db*"):
        path.unlink()
    shutil.rmtree(folder / "mlartifacts", ignore_errors=True)
