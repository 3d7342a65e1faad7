"""What the run of an arm of texts holds to score new ones: its best network, the vocabulary."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipeline.config.arms import Arm
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.vocabulary import Vocabulary
from pipeline.evaluation.prediction import Scorer
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.tracking import store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

FOLDER, FILE = "text", "vocabulary.json"
GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def log_vocabulary(client: "MlflowClient", run: "Run", form: Encoding, *, seed: int) -> None:
    """Log what the inputs and outputs of a run's model mean, and its seed; of no texts nothing."""
    if form.vocabulary is None:
        return
    told = {"class_names": form.class_names, "vocabulary": asdict(form.vocabulary)}
    with TemporaryDirectory() as folder:
        storage.write_json(Path(folder, FILE), {"seed": seed} | told)
        client.log_artifacts(run.info.run_id, folder, FOLDER)


def from_run(arm: Arm, run_id: str, seed: int | None = None, *, uri: str) -> Scorer:
    """Return the network of a run of an arm of texts, its best seed's, and what it needs.

    Nothing is read from disk. Raises Problem where the run is none of this arm, has no network of
    texts, or has that of another seed, and Unreachable where the store fails.
    """
    with store.opened(uri, reading=True) as client, TemporaryDirectory() as folder:
        run = _run(client, run_id, arm)
        stored = _vocabulary(client, run, arm, folder=folder)
        if seed not in (None, stored["seed"]):
            raise Problem(
                f"run {run_id} holds the network of its best seed, {stored['seed']}, alone: "
                "leave out --seed, or leave out --run"
            )
        import mlflow.artifacts
        import mlflow.pytorch

        model = mlflow.artifacts.download_artifacts(
            f"runs:/{run_id}/model", dst_path=folder, tracking_uri=uri
        )
        network = mlflow.pytorch.load_model(model, map_location="cpu")
    vocabulary = Vocabulary.of(stored["vocabulary"])
    names, inputs = tuple(stored["class_names"]), (len(vocabulary.terms),)
    return Scorer(network, Encoding(inputs, names, vocabulary=vocabulary), stored["seed"])


def _run(client: "MlflowClient", run_id: str, arm: Arm) -> "Run":
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in GONE:
            raise
        raise Problem(
            f"MLflow has no run {run_id}: `make ui` shows the runs and their ids; is "
            "MLFLOW_TRACKING_URI right?"
        ) from error
    of_arm = run.data.tags.get("arm")
    if of_arm != arm.name:
        raise Problem(f"run {run_id} is of {of_arm or 'no arm'}, not of {arm.name}: correct either")
    if parent := run.data.tags.get("mlflow.parentRunId"):
        raise Problem(f"run {run_id} is of one seed: networks are with the arm's run, {parent}")
    return run


def _vocabulary(client: "MlflowClient", run: "Run", arm: Arm, *, folder: str) -> dict[str, Any]:
    run_id = run.info.run_id
    if not client.list_artifacts(run_id, FOLDER):
        raise Problem(
            f"run {run_id} of {arm.name} has no network with a vocabulary: it is not of texts, its "
            "training failed, or it is an old one, which `make track` publishes anew"
        )
    path = client.download_artifacts(run_id, f"{FOLDER}/{FILE}", folder)
    stored: dict[str, Any] = storage.read_json(Path(path))
    return stored
