"""The store of MLflow: its address and its creation."""

import multiprocessing
from pathlib import Path

import pytest

from pipeline.config.arms import Arm
from pipeline.tracking import arms, runs
from stages.tracking import tracking_uri
from tests.finished import PRETRAINED, RANDOM, settings, write
from tests.mlflow_runs import runs_of

DOWN = "http://127.0.0.1:9"  # nothing listens there


@pytest.mark.usefixtures("client")
def test_publishing_prints_nothing(capfd, caplog):
    """MLflow's own lines about pickles, migrations and runs stay out of a stage's output."""
    write(RANDOM, settings())
    assert runs.publish(arms.read(RANDOM, settings()), uri=f"sqlite:///{Path.cwd()}/new.db")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.usefixtures("client")
def test_the_store_is_the_environments_or_the_roots(monkeypatch):
    """MLFLOW_TRACKING_URI comes first; a temporary experiment of DVC writes to the real root."""
    assert tracking_uri() == f"sqlite:///{Path.cwd()}/mlflow.db"
    monkeypatch.setenv("DVC_ROOT", "/somewhere")
    assert tracking_uri() == "sqlite:////somewhere/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DOWN)
    assert tracking_uri() == DOWN


@pytest.mark.slow
@pytest.mark.usefixtures("client")
def test_four_first_users_at_once_make_one_store(tmp_path):
    """Processes that find no database create it one after the other."""
    from mlflow import MlflowClient

    finished = [Arm("digits", name, "random") for name in ("tanh", "rectifier", "softplus")]
    finished.append(PRETRAINED)
    for arm in finished:
        write(arm, settings())
    uri = f"sqlite:///{tmp_path}/new.db"
    spawn = multiprocessing.get_context("spawn")
    users = [
        spawn.Process(target=runs.publish, args=(arms.read(arm, settings()),), kwargs={"uri": uri})
        for arm in finished
    ]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert [user.exitcode for user in users] == [0] * 4
    assert len(runs_of(MlflowClient(uri), "tags.kind = 'arm'")) == 4
