"""The best network of an arm in MLflow: a torch model and, for texts, data to predict with.

The torch model is a pickle for `mlflow.pytorch.load_model`, which can execute code from the server;
use it only with a trusted server. `from_run` reads safetensors and JSON and executes no code.
"""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pipeline.config.arms import Arm
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.data.splits.vocabulary import Vocabulary
from pipeline.evaluation import torch_module
from pipeline.evaluation.prediction import Scorer
from pipeline.networks import population
from pipeline.networks.population import Population
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.tracking import store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

FOLDER, FILE, NETWORK = "text", "vocabulary.json", "network.safetensors"
EXAMPLES = 3  # validation inputs that are kept with the model
GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def log(
    client: "MlflowClient", run: "Run", best: Population, valid: Examples, *, seed: int
) -> None:
    """Log the one network of `best` as a model and, for texts, as data with the vocabulary."""
    if valid.encoding.vocabulary is not None:
        content = {
            "seed": seed,
            "class_names": valid.encoding.class_names,
            "vocabulary": asdict(valid.encoding.vocabulary),
        }
        with TemporaryDirectory() as folder:
            storage.write_json(Path(folder, FILE), content)
            population.save(best, Path(folder, NETWORK))
            client.log_artifacts(run.info.run_id, folder, FOLDER)
    _log_model(client, run, torch_module.module(best, 0), examples_NI=valid.inputs(slice(EXAMPLES)))


def _log_model(
    client: "MlflowClient", run: "Run", model: torch.nn.Sequential, *, examples_NI: torch.Tensor
) -> None:
    """Log a model of a run, with signature and examples: `mlflow.pytorch.load_model` loads it.

    Done step by step, since `mlflow.pytorch.log_model` acts on a global store and run.
    """
    import mlflow.pytorch
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model, infer_signature

    experiment, run_id = run.info.experiment_id, run.info.run_id
    logged = client.create_logged_model(experiment, name="model", source_run_id=run_id)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    with torch.no_grad():
        signature = infer_signature(examples_NI.numpy(), model(examples_NI).numpy())
    # Releases without the label of a build, such as +cpu, that package indexes lack.
    versions = [f"{p.__name__}=={p.__version__.partition('+')[0]}" for p in (torch, np)]
    with TemporaryDirectory() as folder:
        path = Path(folder, "model")
        mlflow.pytorch.save_model(
            model,
            path,
            mlflow_model=Model(logged.artifact_location, run_id=run_id, model_id=logged.model_id),
            signature=signature,
            input_example=examples_NI.numpy(),
            pip_requirements=versions,
            serialization_format="pickle",  # plain torch layers; the traced format takes seconds
        )
        client.log_model_artifacts(logged.model_id, str(path))
    client.finalize_logged_model(logged.model_id, "READY")


def from_run(arm: Arm, run_id: str, seed: int | None = None, *, uri: str) -> Scorer:
    """Return the network of the best seed of an arm of texts, from its MLflow run alone.

    No code of the server runs. Raises Problem where the run is not of this arm, has no network of
    texts, or has the network of another seed, and Unreachable where the store fails.
    """
    with store.opened(uri, reading=True) as client, TemporaryDirectory() as folder:
        run = _run(client, run_id, arm)
        stored, stack = _stored(client, run, arm, folder=folder)
        if seed not in (None, stored["seed"]):
            raise Problem(
                f"run {run_id} holds the network of its best seed, {stored['seed']}, alone: "
                "leave out --seed, or leave out --run"
            )
    vocabulary = Vocabulary.of(stored["vocabulary"])
    names, inputs = tuple(stored["class_names"]), (len(vocabulary.terms),)
    return Scorer(
        torch_module.module(stack, 0),
        Encoding(inputs, names, vocabulary=vocabulary),
        stored["seed"],
    )


def _run(client: "MlflowClient", run_id: str, arm: Arm) -> "Run":
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in GONE:
            raise
        raise Problem(
            f"MLflow has no run {run_id}: look up the id with `make ui`, and check "
            "MLFLOW_TRACKING_URI"
        ) from error
    of_arm = run.data.tags.get("arm")
    if of_arm != arm.name:
        raise Problem(
            f"run {run_id} is of {of_arm or 'no arm'}, not of {arm.name}: correct --run or the arm"
        )
    if parent := run.data.tags.get("mlflow.parentRunId"):
        raise Problem(f"run {run_id} is of one seed: networks are in the arm's run, {parent}")
    return run


def _stored(
    client: "MlflowClient", run: "Run", arm: Arm, *, folder: str
) -> tuple[dict[str, Any], Population]:
    """Download and return the vocabulary with its seed, and the population of one network."""
    run_id = run.info.run_id
    paths = {file.path for file in client.list_artifacts(run_id, FOLDER)}
    if not {f"{FOLDER}/{FILE}", f"{FOLDER}/{NETWORK}"} <= paths:
        raise Problem(
            f"run {run_id} of {arm.name} has no network with a vocabulary: its dataset is not of "
            "texts, training failed, or the run is of an old version; `make track` publishes the "
            "latter again"
        )
    content = Path(client.download_artifacts(run_id, FOLDER, folder))
    try:
        return storage.read_json(content / FILE), population.load(content / NETWORK)
    except Problem as problem:
        raise Problem(
            f"run {run_id}: {FOLDER}/ is damaged: delete the run, `make track` publishes it again"
        ) from problem
