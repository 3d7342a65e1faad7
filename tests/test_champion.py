"""Champion of a dataset: the best arm on validation, as a registered model that can be served."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import mlflow.pytorch
import numpy as np
import pytest
import requests
import torch
from mlflow import MlflowClient

from pipeline.data.splits import examples
from pipeline.evaluation import torch_module
from pipeline.networks import population
from pipeline.runtime.errors import Problem
from pipeline.tracking import champion, finished_arm
from stages import tracking
from tests import synthetic
from tests.finished import FAILED, PRETRAINED, RANDOM, SEEDS, failed, settings, write
from tests.mlflow_runs import publish

ADDRESS = "models:/digits@champion"


def scores(arm, valid, test):
    """Return scores with these errors on validation and test, the same for every seed."""
    return [
        line | {"valid_error": valid, "test_error": test} for line in synthetic.scores(arm, SEEDS)
    ]


def register(params):
    return champion.register("digits", params, uri=tracking.tracking_uri())[1]


def served(x_NI):
    """Return the answer of `mlflow models serve` to a request with these inputs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", ADDRESS]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    server = subprocess.Popen(
        [*command, "--env-manager", "local", "--port", port],
        env=os.environ | {"PATH": path},
        start_new_session=True,
    )
    try:
        for _ in range(300):
            with suppress(requests.ConnectionError):
                if requests.get(f"http://127.0.0.1:{port}/ping", timeout=5).ok:
                    break
            time.sleep(0.2)
        answer = requests.post(
            f"http://127.0.0.1:{port}/invocations", json={"inputs": x_NI.tolist()}, timeout=30
        )
        return np.array(answer.json()["predictions"])
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def test_validation_alone_chooses_the_champion(client):
    """The arm with the lower validation error, although the other has the lower test error."""
    write(RANDOM, settings(), scores(RANDOM, valid=0.10, test=0.30))
    write(PRETRAINED, settings(), scores(PRETRAINED, valid=0.20, test=0.01))
    write(FAILED, settings(), failed())
    assert champion.best("digits", settings()) == RANDOM


def test_the_alias_follows_the_best_arm(client):
    """One version a run: registering twice adds none, and the alias goes back to an old one."""
    params = settings()
    write(RANDOM, params, scores(RANDOM, valid=0.10, test=0.3))
    with pytest.raises(Problem, match="no run of digits / rectifier / random"):
        register(params)
    publish(RANDOM, params)
    assert register(params)
    assert not register(params)
    write(PRETRAINED, params, scores(PRETRAINED, valid=0.05, test=0.4))
    publish(PRETRAINED, params)
    assert register(params)
    version = client.get_model_version_by_alias("digits", "champion")
    assert version.tags == {"arm": PRETRAINED.name}
    write(PRETRAINED, params, scores(PRETRAINED, valid=0.50, test=0.0))
    assert not register(params)
    version = client.get_model_version_by_alias("digits", "champion")
    assert version.tags == {"arm": RANDOM.name}
    assert len(client.search_model_versions("name = 'digits'")) == 2


@pytest.mark.parametrize("first", [True, False], ids=["ours is first", "theirs is first"])
@pytest.mark.parametrize("both_delete", [False, True])
def test_machines_that_register_at_once_leave_one_version(client, monkeypatch, first, both_delete):
    """Another machine adds a version of the run between the search and the end of ours."""
    params = settings()
    write(RANDOM, params)
    publish(RANDOM, params)
    create, delete = MlflowClient.create_model_version, MlflowClient.delete_model_version

    def twice(self, *args, **options):
        made = [create(self, *args, **options) for _ in range(2)]
        client.set_registered_model_alias("digits", "champion", made[first].version)  # theirs
        return made[not first]

    def deleted(self, name, version):
        if both_delete:
            delete(self, name, version)
        delete(self, name, version)

    monkeypatch.setattr(MlflowClient, "create_model_version", twice)
    monkeypatch.setattr(MlflowClient, "delete_model_version", deleted)
    assert register(params) is first
    (version,) = client.search_model_versions("name = 'digits'")
    assert int(version.version) == 1
    alias = client.get_model_version_by_alias("digits", "champion")
    assert alias.version == version.version
    assert not register(params)


@pytest.mark.slow
def test_the_champion_loads_and_is_served(client, monkeypatch):
    """The registered model, loaded and behind `mlflow models serve`, is the network on disk."""
    params = settings()
    write(RANDOM, params)
    publish(RANDOM, params)
    assert register(params)
    best = finished_arm.read(RANDOM, params).best["seed"]
    stack = population.load(RANDOM.networks / "weights.safetensors", [best])
    x_NI = examples.read(RANDOM.ready / "valid.npz").inputs(slice(3))
    with torch.no_grad():
        wanted = torch_module.module(stack, 0)(x_NI).numpy()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.tracking_uri())
    with torch.no_grad():
        loaded = mlflow.pytorch.load_model(ADDRESS)(x_NI).numpy()
    np.testing.assert_array_equal(loaded, wanted)
    np.testing.assert_allclose(served(x_NI.numpy()), wanted, rtol=1e-5)
