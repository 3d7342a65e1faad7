"""MLflow's tracking store: client without log output, exclusive access, experiments and views.

An experiment opens with a shared view: its current runs, best first. MLflow's own table starts
without a metric. A shared view is a tag of the experiment; ours is at
`#/experiments/<id>/runs?viewStateShareKey=arms`, with `&compareRunsMode=CHART` as charts.
"""

import json
import logging
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
ARTIFACTS = "mlartifacts"  # folder beside a sqlite store
PATHS = (  # columns of the store with absolute paths of artifacts
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
)
DAMAGE = (  # in sqlite's messages
    *("file is not a database", "malformed", "no such table", "no such column"),
    *("already exists", "duplicate column"),
)
LONGEST_CAUSE = 160  # characters of a cause without advice
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


def too_slow(uri: str, seconds: float) -> Unreachable:
    """Return the error of a store that did not finish in time."""
    error = TimeoutError(f"not finished after {seconds:g} seconds")
    return Unreachable(_message(uri, error, reading=False))


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
                if uri.startswith(SQLITE):
                    _create(_database(uri))
                    _follow_project(_database(uri))
                yield MlflowClient(tracking_uri=uri)
        except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
            raise Unreachable(_message(uri, error, reading=reading)) from error


def _create(database: Path) -> None:
    """Create an absent or empty sqlite store: whole under another name, then renamed."""
    if database.exists() and database.stat().st_size:
        return
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    for remains in database.parent.glob(f".{database.name}.*.tmp*"):
        remains.unlink()
    with storage.replacing(database) as temporary:
        engine = create_sqlalchemy_engine(  # type: ignore[no-untyped-call]
            f"{SQLITE}{temporary}"
        )
        _initialize_tables(engine)  # type: ignore[no-untyped-call]
        engine.dispose()


def _follow_project(database: Path) -> None:
    """Move the absolute artifact paths of a store with its project, which was moved or copied.

    Paths elsewhere than in a folder `mlartifacts` stay, and paths of a folder that exists where
    there is none beside the database.
    """
    here = database.parent / ARTIFACTS
    with closing(sqlite3.connect(database)) as connection, connection:
        rows = connection.execute("SELECT artifact_location FROM experiments").fetchall()
        folders = {Path(location).parent for (location,) in rows if location}
        for old in folders - {here}:
            if old.name != ARTIFACTS or (old.exists() and not here.exists()):
                continue
            for table, column in PATHS:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE substr({column}, 1, ?) = ?",
                    (str(here), len(str(old)) + 1, len(str(old)) + 1, f"{old}/"),
                )


def experiment(client: "MlflowClient", name: str, uri: str) -> str:
    """Return the id of the MLflow experiment `name`, which is created or restored if need be.

    The kind makes MLflow show the pages of training, not those of language models.
    """
    tags = {"mlflow.experimentKind": "custom_model_development", VIEW_TAG: view(name)}
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(name)
    if known is None:
        location = artifact_location(uri, name.replace(": ", "-"))
        try:
            return client.create_experiment(name, location, tags)
        except MlflowException:  # another machine may have created it meanwhile
            known = client.get_experiment_by_name(name)
            if known is None:
                raise
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
    return str(_database(uri).parent / ARTIFACTS / folder)


def _database(uri: str) -> Path:
    return Path(uri.removeprefix(SQLITE).partition("?")[0]).absolute()


def _lock(uri: str) -> Path:
    if uri.startswith(SQLITE):
        return _database(uri).with_name(_database(uri).name + ".lock")
    path = Path("runs/locks/tracking.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _message(uri: str, error: Exception, *, reading: bool) -> str:
    """Return one line: the store, the cause with MLflow's own advice, and what to do."""
    cause = " ".join(str(getattr(error, "orig", None) or error).split()) or type(error).__name__
    damaged = uri.startswith(SQLITE) and any(words in cause for words in DAMAGE)
    refused = not isinstance(error, OSError) and "API request to" not in cause
    if len(cause) > LONGEST_CAUSE and (damaged or not refused):
        cause = f"{cause[: LONGEST_CAUSE - 3]}..."
    if reading:
        message = f"nothing read from MLflow at {uri} ({cause}): is MLFLOW_TRACKING_URI right?"
    elif damaged:
        message = (
            f"MLflow's store {_database(uri)} is damaged ({cause}): move it away, then "
            "`python -m stages.track` publishes every finished arm to a new one"
        )
    else:
        first = "wait until the server answers"
        if refused or uri.startswith(SQLITE):
            first = "correct this"
        if isinstance(error, Timeout):
            first = "wait until the other process ends"
        first = "install this package" if isinstance(error, ImportError) else first
        message = (
            f"nothing sent to MLflow at {uri} ({cause}): {first}, then run `python -m stages.track`"
        )
    host = urlsplit(uri).netloc
    return message.replace(host, host.rpartition("@")[2]) if host else message  # no password


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence MLflow's messages on migrations, pickles and deprecations.

    The first import of mlflow.pytorch configures the root logger, which would hide our warnings.
    """
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    loggers = [logging.getLogger(name) for name in CHATTY]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pytorch  # noqa: F401

        root.setLevel(before[0])
        root.handlers[:] = before[1]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
