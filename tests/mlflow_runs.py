"""Fixtures of MLflow: an empty store in a new folder, and queries of its runs."""

from pathlib import Path

import pytest

from pipeline.config.arms import Arm
from pipeline.tracking import arms, artifacts, runs, store
from stages import tracking


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """Return the content of a new sqlite store: making its tables takes two seconds."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    with store.opened(f"sqlite:///{path}") as client:
        client.search_experiments()
    return path.read_bytes()


def with_mlflow_defaults(patch):
    """Set the environment of MLflow that the stages set; the store is the current folder's."""
    for name, value in tracking.MLFLOW_ENV_DEFAULTS.items():
        patch.setenv(name, value)
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    patch.delenv("DVC_ROOT", raising=False)


@pytest.fixture
def client(tmp_path, monkeypatch, empty_store):
    """Work in a new folder; return a client of the empty store in it. Figures are not drawn."""
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(artifacts, "figures", lambda *_, **__: {})
    with_mlflow_defaults(monkeypatch)
    Path("mlflow.db").write_bytes(empty_store)
    return MlflowClient(tracking.tracking_uri())


def publish(arm, params):
    return runs.publish(arms.read(arm, params), uri=tracking.tracking_uri())


def runs_of(client, where=""):
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments, where))


def one(client, where):
    (run,) = runs_of(client, where)
    return run


def run_of(arm: Arm, kind: str = "arm") -> str:
    """Return the id of an arm's run in the store that the stages use."""
    with store.opened(tracking.tracking_uri()) as client:
        experiment = client.get_experiment_by_name(arm.dataset)
        query = f"tags.kind = '{kind}' and tags.arm = '{arm.name}'"
        return str(client.search_runs([experiment.experiment_id], query)[0].info.run_id)
