"""MLflow's tracking store: a quiet client, one user at a time, the experiments and their views.

An experiment opens with a shared view: its current runs, best first. MLflow's own table starts
without a metric. A shared view is a tag of the experiment; ours is at
`#/experiments/<id>/runs?viewStateShareKey=arms`, with `&compareRunsMode=CHART` as charts.
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock

from pipeline.runtime.errors import Problem

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
LONGEST_WAIT = 120  # seconds for other processes of this machine that publish
CHATTY = ("mlflow", "alembic", "mlflow.store.db.utils", "mlflow.pytorch", "urllib3")

VIEW_TAG = "mlflow.sharedViewState.arms"
METRICS = [
    "test_error_mean",
    "zeros_mean",
    "test_error_low",
    "test_error_high",
    "valid_error_mean",
    "dead_units_mean",
    "seeds",
]
NAME = "attributes.`Run Name`"
PAGE = "#/experiments/{}/runs?viewStateShareKey=arms&workflowType=machine_learning"


class Unreachable(Problem):
    """The store did not answer, or refused; results remain on disk."""


@contextmanager
def opened(uri: str, *, reading: bool = False) -> Iterator["MlflowClient"]:
    """Yield a client of the store at `uri`, and hold this machine's lock of that store.

    The lock serves two ends: processes that create a sqlite store at once crash, and a run of this
    checkout that is RUNNING can only be what a killed process left. `reading` changes the error
    message alone. Raises Unreachable where the store fails.
    """
    with _quiet():
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with FileLock(_lock(uri), timeout=LONGEST_WAIT):
                yield MlflowClient(tracking_uri=uri)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise Unreachable(_unreachable(uri, error, reading=reading)) from error


def experiment(client: "MlflowClient", name: str, uri: str) -> str:
    """Return the id of the MLflow experiment `name`, which is created or restored if need be.

    The kind makes MLflow show the pages of training, not those of language models.
    """
    tags = {"mlflow.experimentKind": "custom_model_development", VIEW_TAG: view(name)}
    known = client.get_experiment_by_name(name)
    if known is None:
        location = artifact_location(uri, name.replace(": ", "-"))
        return client.create_experiment(name, location, tags)
    if known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    for key, value in tags.items():
        if known.tags.get(key) != value:
            client.set_experiment_tag(known.experiment_id, key, value)
    return known.experiment_id


def page(experiment: str) -> str:
    """Return the part of an address that opens the shared view of the experiment with this id."""
    return PAGE.format(experiment)


def view(experiment: str) -> str:
    """Return an experiment's shared view, as JSON: conditions of one of ours, arms of a dataset."""
    kinds = "tags.kind = 'condition'" if ": " in experiment else "tags.kind != 'seed'"
    columns = [f"metrics.`{name}`" for name in METRICS]
    return json.dumps(
        {
            "searchFilter": f"{kinds} and tags.current = 'true'",
            "orderByKey": columns[0],
            "orderByAsc": True,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "modelVersionFilter": "All Runs",
            "datasetsFilter": [],
            "selectedColumns": columns,
            "columnOrder": [NAME, *columns],
            "columnWidths": {NAME: 270} | dict.fromkeys(columns, 140),  # pixels
        }
    )


def artifact_location(uri: str, folder: str) -> str | None:
    """Return the folder for artifacts, beside a sqlite store; None where a server decides."""
    if not uri.startswith(SQLITE):
        return None
    return str(_database(uri).parent / "mlartifacts" / folder)


def _database(uri: str) -> Path:
    return Path(uri.removeprefix(SQLITE)).absolute()


def _lock(uri: str) -> Path:
    if uri.startswith(SQLITE):
        return _database(uri).with_name(_database(uri).name + ".lock")
    path = Path("runs/locks/tracking.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _unreachable(uri: str, error: Exception, *, reading: bool) -> str:
    host = urlsplit(uri).netloc
    cause = (str(error).splitlines() or [type(error).__name__])[0]
    cause = cause if len(cause) <= 160 else f"{cause[:157]}..."
    if reading:
        message = f"nothing read from MLflow at {uri} ({cause}): is MLFLOW_TRACKING_URI right?"
    else:
        message = (
            f"nothing sent to MLflow at {uri} ({cause}): `python -m stages.track` sends it later"
        )
    return message.replace(host, host.rpartition("@")[2]) if host else message  # no password


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence MLflow's messages on migrations, pickles and deprecations."""
    loggers = [logging.getLogger(name) for name in CHATTY]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pytorch  # noqa: F401 sets levels of its own when first imported

        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
