"""The MLflow store: opened quietly, by one process at a time, with every failure as one Problem."""

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
LONGEST_WAIT = 120  # seconds for other processes of this machine that are publishing
CHATTY = ("mlflow", "alembic", "mlflow.store.db.utils", "mlflow.pytorch", "urllib3")


class Unreachable(Problem):
    """The store did not answer, or refused: what was to be published is still on disk."""


@contextmanager
def opened(uri: str, *, reading: bool = False) -> Iterator["MlflowClient"]:
    """Yield a client of the store at `uri` while no other process of this machine has one.

    One at a time, since processes that create a sqlite store at once crash, and since a run that is
    RUNNING can then only be what a killed process left. Who is `reading` sends nothing. Raises
    Unreachable where the store fails.
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


def artifact_location(uri: str, dataset: str) -> str | None:
    """Return where a dataset's artifacts go: beside a sqlite store; None: a server decides."""
    if not uri.startswith(SQLITE):
        return None
    return str(_database(uri).parent / "mlartifacts" / dataset)


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
        said = f"nothing read from MLflow at {uri} ({cause}): is MLFLOW_TRACKING_URI right?"
    else:
        said = f"nothing sent to MLflow at {uri} ({cause}): `python -m stages.track` sends it later"
    return said.replace(host, host.rpartition("@")[2]) if host else said  # no password


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow from telling its users' users about its migrations, pickles and deprecations."""
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
