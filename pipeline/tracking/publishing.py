"""Finished arms in MLflow: one parent run an arm, one child a seed, all from what is on disk.

The experiment is the dataset. A parent's status says that it is complete: it is set last. Runs of
an arm's earlier content are kept, with the tag `current` = "false": the filter
`tags.kind = 'arm' and tags.current = 'true'` leaves one parent an arm.
"""

import logging
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.arms import Arm
from pipeline.config.params import Params
from pipeline.report.figures import style
from pipeline.runtime import storage
from pipeline.runtime.storage import Record
from pipeline.tracking import artifacts, contents, store, view
from pipeline.tracking.contents import FinishedArm, Point

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)

BATCH = 1000  # metrics in one call, MLflow's limit
# The kind makes the pages those of training, not those of language models.
EXPERIMENT = {
    "mlflow.experimentKind": "custom_model_development",
    view.TAG: view.arms(),
}
ABANDONED = 600_000  # milliseconds after which no publisher can still be at work on a run


def publish_or_warn(arm: Arm, settings: Params, *, uri: str) -> None:
    """Publish an arm; where that fails, log one warning line, and leave the caller to its work."""
    try:
        publish(arm, settings, uri=uri)
    except Exception as error:  # results are on disk: no fault of a tracker may stop a stage
        log.warning("warning: %s: %s", arm.name, error)


def publish(arm: Arm, settings: Params, *, uri: str) -> bool:
    """Publish an arm to the store at `uri`; return False where it was there already, unchanged.

    Raises Problem where the arm is not finished, and Unreachable where the store fails.
    """
    told = contents.read(arm, settings)
    with store.opened(uri) as client:
        at = experiment(client, arm.dataset, uri, tags=EXPERIMENT)
        same = _search(client, at, told, where=f"tags.fingerprint = '{told.fingerprint}'")
        running = _search(client, at, told, where="attributes.status = 'RUNNING'")
        parent = _complete(same)
        new = parent is None
        _clear_remains(client, _remains(same + running, parent))
        if parent is None:
            parent = _publish(client, at, told)
        _make_current(client, parent, told)
    return new


def experiment(client: "MlflowClient", name: str, uri: str, *, tags: Mapping[str, str]) -> str:
    """Return the id of an MLflow experiment with these tags; made, or restored, where need be."""
    found = client.get_experiment_by_name(name)
    if found is None:
        location = store.artifact_location(uri, name.replace(": ", "-"))
        return client.create_experiment(name, location, dict(tags))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    for key, value in tags.items():
        if found.tags.get(key) != value:
            client.set_experiment_tag(found.experiment_id, key, value)
    return found.experiment_id


def _search(
    client: "MlflowClient", experiment: str, told: FinishedArm, *, where: str
) -> list["Run"]:
    query = f"tags.arm = '{told.arm.name}' and {where}"
    return list(client.search_runs([experiment], query, max_results=5000))


def _complete(same: list["Run"]) -> "Run | None":
    """Return the newest parent that a publisher brought to its end."""
    ended = {"FINISHED", "FAILED"}
    return next(
        (r for r in same if r.info.status in ended and r.data.tags.get("kind") == "arm"), None
    )


def _clear_remains(client: "MlflowClient", remains: list["Run"]) -> None:
    """Remove what a killed publisher left, and seeds whose parent somebody deleted."""
    for run in remains:
        if run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, "KILLED")
        client.delete_run(run.info.run_id)


def _remains(found: list["Run"], parent: "Run | None") -> list["Run"]:
    """Return the runs, each once, that belong to no complete parent and that nobody works on."""
    runs = {run.info.run_id: run for run in found}.values()
    return [run for run in runs if not _belongs(run, parent) and _abandoned(run)]


def _belongs(run: "Run", parent: "Run | None") -> bool:
    ids = {run.info.run_id, run.data.tags.get("mlflow.parentRunId")}
    return parent is not None and parent.info.run_id in ids


def _abandoned(run: "Run") -> bool:
    """Tell whether a run has no publisher: of this checkout's runs we hold the lock."""
    ours = run.data.tags.get("checkout") == checkout()
    return ours or run.info.start_time < _now() - ABANDONED


def _publish(client: "MlflowClient", experiment: str, told: FinishedArm) -> "Run":
    tags = _tags(told)
    own = {"kind": "arm", "mlflow.runColor": _color(told)}
    parent = client.create_run(experiment, tags=tags | own, run_name=told.arm.name)
    for score in told.scores:
        _publish_seed(client, parent, told, score=score, tags=tags)
    log_run(client, parent, contents.params_of(told), points=contents.metrics_of(told))
    artifacts.log(client, parent, told)
    client.set_terminated(parent.info.run_id, "FAILED" if told.outcome.failed else "FINISHED")
    return parent


def _publish_seed(
    client: "MlflowClient", parent: "Run", told: FinishedArm, *, score: Record, tags: dict[str, str]
) -> None:
    tags = tags | {"kind": "seed", "mlflow.parentRunId": parent.info.run_id}
    child = client.create_run(
        parent.info.experiment_id, tags=tags, run_name=f"seed {score['seed']}"
    )
    points = contents.seed_metrics(told, score)
    log_run(client, child, contents.seed_params(told, score), points=points)
    failed = score["test_error"] is None
    client.set_terminated(child.info.run_id, "FAILED" if failed else "FINISHED")


def log_run(
    client: "MlflowClient", run: "Run", params: dict[str, Any], *, points: list[Point]
) -> None:
    """Send a run's params and metrics, in as few calls as MLflow allows."""
    from mlflow.entities import Metric, Param

    start = run.info.start_time
    metrics = [Metric(name, float(value), start + step, step) for name, value, step in points]
    told = [Param(name, str(value)) for name, value in params.items()]
    for first in range(0, max(len(metrics), 1), BATCH):
        batch = metrics[first : first + BATCH]
        client.log_batch(run.info.run_id, batch, told if first == 0 else ())


def _tags(told: FinishedArm) -> dict[str, str]:
    return {
        "arm": told.arm.name,
        "fingerprint": told.fingerprint,
        "current": "true",
        **made_by(told.about, source="python -m stages.track"),
    }


def made_by(about: Record, *, source: str) -> dict[str, str]:
    """Return the tags that say where a run was made: checkout, commit, device, torch."""
    made = {name: about[name] for name in ("device", "torch")}
    return {
        "checkout": checkout(),
        "mlflow.source.name": source,
        "mlflow.source.type": "LOCAL",
    } | {name: value for name, value in (made | _commit()).items() if value}


def _color(told: FinishedArm) -> str:
    """Return the report's color of the arm's activation, lighter for random starts."""
    theme = style.LIGHT if told.arm.initialization == "pretrained" else style.DARK
    order = told.activations.index(told.arm.activation)
    return theme.hues[order % len(theme.hues)]


def _make_current(client: "MlflowClient", parent: "Run", told: FinishedArm) -> None:
    """Turn the tag `current` off on other content's runs of the arm, and on on this content's."""
    experiment, same = parent.info.experiment_id, f"= '{told.fingerprint}'"
    stale = f"tags.fingerprint !{same} and tags.current = 'true'"
    back = f"tags.fingerprint {same} and tags.current = 'false'"
    for where, current in ((stale, "false"), (back, "true")):
        for run in _search(client, experiment, told, where=where):
            client.set_tag(run.info.run_id, "current", current)


def checkout() -> str:
    """Return what tells this checkout's runs from those of others in the same store."""
    return storage.fingerprint(socket.gethostname(), str(Path.cwd()))


def _commit() -> dict[str, str]:
    command = ["git", "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}  # a copy without git
    return {"mlflow.source.git.commit": found.stdout.strip()}


def _now() -> int:
    return int(time.time() * 1000)
