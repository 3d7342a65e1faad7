"""Shared store as labs have it: `mlflow server` on PostgreSQL and S3, which moto stands in for.

Needs PostgreSQL and `pip install psycopg2-binary boto3 'moto[server]'`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow.pytorch
import numpy as np
import pytest
import requests
import torch
from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.config import params
from pipeline.config.arms import Arm, arms_of
from pipeline.data.splits import examples
from pipeline.evaluation import torch_module
from pipeline.networks import population
from pipeline.tracking import champion, finished_arm
from tests import committed
from tests.campaigns import miniature
from tests.campaigns.tracking import free_port, postgres, serving, track
from tests.mlflow_runs import with_mlflow_defaults
from tests.test_champion import served

FIGURES = {"validation-curve.svg", "zeros-by-layer.svg", "first-layer-filters.svg"}
HOSTS = "server:*,127.0.0.1:*"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
SECONDS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}  # of a request, on a busy machine


@pytest.fixture
def bucket() -> Iterator[str]:
    """Run moto; yield its address, where the bucket `lab` is."""
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {name.lower(): value for name, value in KEYS.items()}
    boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket="lab")
    yield url
    server.stop()


@pytest.fixture
def uri(bucket: str, tmp_path: Path) -> Iterator[str]:
    """Run the server of docs/sharing.md; yield its address."""
    options = ["--artifacts-destination", "s3://lab/mlflow", "--allowed-hosts", HOSTS]
    with postgres("") as database:
        if database is None:
            pytest.skip("PostgreSQL or its driver psycopg2 is not installed")
        store = (database, free_port(), tmp_path / "server", "")
        with serving(*store, *options, MLFLOW_S3_ENDPOINT_URL=bucket, **KEYS) as address:
            yield address


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """Train six arms of the miniature; return two copies of the project."""
    folder, other = miniature.clone(tmp_path / "project"), tmp_path / "other"
    settings = committed.content(folder / "params.yaml")
    settings["run"] |= {
        "activations": ["rectifier", "tanh", "softplus"],
        "initializations": ["random", "pretrained"],
    }
    committed.write(settings, folder)
    miniature.finish(folder, [*miniature.STAGES, "repro"])
    shutil.copytree(folder, other)
    return [folder, other]


def assert_published(client: MlflowClient, arm: Arm, folder: Path) -> None:
    """One current parent with its seeds, all of its artifacts, and a model that loads."""
    (run,) = runs_of(client, arm, "arm")
    seeds = runs_of(client, arm, "seed")
    assert {seed.data.tags["mlflow.parentRunId"] for seed in seeds} == {run.info.run_id}
    assert len(seeds) == 2
    files = Path(client.download_artifacts(run.info.run_id, "", str(folder)))
    assert {path.name for path in (files / "figures").iterdir()} == FIGURES
    assert (files / "data" / "card.json").read_bytes()
    (output,) = run.outputs.model_outputs
    inputs, wanted = network(arm)
    with torch.no_grad():
        loaded = mlflow.pytorch.load_model(f"models:/{output.model_id}")(inputs).numpy()
    np.testing.assert_array_equal(loaded, wanted)


def runs_of(client: MlflowClient, arm: Arm, kind: str) -> list[Run]:
    """Return the current runs of an arm."""
    experiment = client.get_experiment_by_name("digits").experiment_id
    where = f"tags.arm = '{arm.name}' and tags.kind = '{kind}' and tags.current = 'true'"
    return list(client.search_runs([experiment], where))


def network(arm: Arm) -> tuple[torch.Tensor, np.ndarray]:
    """Return three inputs and the probabilities of the best network on disk."""
    best = finished_arm.read(arm, params.load()).best
    assert best
    stack = population.load(arm.networks / "weights.safetensors", [best["seed"]])
    inputs = examples.read(arm.ready / "valid.npz").inputs(slice(3))
    with torch.no_grad():
        return inputs, torch_module.module(stack, 0)(inputs).numpy()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_machines_publish_to_a_shared_store(
    uri: str, copies: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six arms at once, without keys: each has one current run; the champion answers."""
    track(copies, "--register", MLFLOW_TRACKING_URI=uri, **SECONDS)
    monkeypatch.chdir(copies[0])
    with_mlflow_defaults(monkeypatch)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client, settings = MlflowClient(uri), params.load()
    arms = arms_of(settings, "digits")
    assert len(arms) == 6
    for arm in arms:
        assert_published(client, arm, tmp_path)
    best = champion.best("digits", settings)
    (version,) = client.search_model_versions("name = 'digits'")
    assert version.tags == {"arm": best.name}
    assert client.get_model_version_by_alias("digits", "champion").version == version.version
    inputs, wanted = network(best)
    np.testing.assert_allclose(served(inputs.numpy()), wanted, rtol=1e-5)


@pytest.mark.slow
def test_the_server_answers_by_its_name(uri: str) -> None:
    """MLflow refuses names that `--allowed-hosts` lacks."""
    address = f"{uri}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
    answers = {
        host: requests.get(address, headers={"Host": host}, timeout=60).status_code
        for host in ("server:5000", "another:5000")
    }
    assert answers == {"server:5000": 200, "another:5000": 403}
