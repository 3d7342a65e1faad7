"""What MLflow keeps of a finished arm beside numbers: figures, the best model, the dataset."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pipeline.analysis import comparison
from pipeline.analysis.results import Results, read_card
from pipeline.config.arms import Arm
from pipeline.data.splits import examples
from pipeline.evaluation import first_filters, torch_module
from pipeline.networks import population
from pipeline.networks.population import Population
from pipeline.report.figures import dataset_card, image_grids, plots
from pipeline.runtime import storage
from pipeline.tracking import models
from pipeline.tracking.contents import FinishedArm, curves_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run
    from mlflow.models import ModelSignature

EXAMPLES = 3  # validation inputs that are kept with the model


def log(client: "MlflowClient", run: "Run", told: FinishedArm) -> None:
    """Log the dataset, the figures and the best seed's model; of a failed arm the dataset alone."""
    client.log_inputs(run.info.run_id, [dataset_input(told.arm)])
    log_card(client, run, told.arm)
    if told.best is None:
        return
    seed = told.best["seed"]
    best = population.load(told.arm.networks / "weights.safetensors", [seed])
    valid = examples.read(told.arm.ready / "valid.npz", seed)
    with TemporaryDirectory() as folder:
        for name, figure in figures(told, best, shape=valid.encoding.shape).items():
            Path(folder, name).write_bytes(figure)
        client.log_artifacts(run.info.run_id, folder, "figures")
    models.log_vocabulary(client, run, valid.encoding, seed=seed)
    model = torch_module.module(best, 0)
    log_model(client, run, model, examples_NI=valid.inputs(slice(EXAMPLES)))


def log_card(client: "MlflowClient", run: "Run", arm: Arm) -> None:
    """Log the dataset's card and its sheets of pictures, where preprocess left them."""
    card, samples = read_card(Path("results", arm.dataset))
    with TemporaryDirectory() as folder:
        if card is not None:
            storage.write_json(Path(folder, "card.json"), card)
        for name, picture in dataset_card.pictures(samples).items():
            Path(folder, f"{name}.png").write_bytes(picture)
        if any(Path(folder).iterdir()):
            client.log_artifacts(run.info.run_id, folder, "data")


def dataset_input(arm: Arm) -> "DatasetInput":
    """Return the training examples as MLflow names a dataset: its file, number and digest.

    Its profile has the counts and the origin of the data card, where there is one.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    path = arm.ready / "train.npz"
    form = examples.read_encoding(path)
    with np.load(path) as file:
        profile = {"examples": len(file["y"]), "shape": form.shape}
    if form.pipeline:
        profile |= {"recipe": form.pipeline}
    profile |= _origin(read_card(Path("results", arm.dataset), figures=False)[0])
    dataset = Dataset(
        name=arm.dataset,
        digest=storage.digest(path)[:16],
        source_type="local",
        source=json.dumps({"uri": path.as_posix()}),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _origin(card: dict[str, Any] | None) -> dict[str, Any]:
    if card is None:
        return {}
    counts = {part: split["examples"] for part, split in card["splits"].items()}
    names = ("title", "address", "license")
    return {"splits": counts, "classes": len(card["class_names"])} | {n: card[n] for n in names}


def figures(told: FinishedArm, best: Population, *, shape: tuple[int, ...]) -> dict[str, bytes]:
    """Return the report's figures, drawn of this arm alone, as SVG by file name.

    `best` holds the network of the best seed alone.
    """
    results = _results(told, best, shape)
    draws = {
        "validation-curve.svg": plots.validation_curves,
        "zeros-by-layer.svg": plots.zeros_by_layer,
    }
    if image_grids.drawable(shape):
        draws["first-layer-filters.svg"] = plots.first_filters
    return {name: plots.svg(draw, results, plots.LIGHT) for name, draw in draws.items()}


def _results(told: FinishedArm, best: Population, shape: tuple[int, ...]) -> Results:
    """Return what compare would write of a dataset with this one arm."""
    key = told.arm.key
    return Results(
        table=comparison.table([told.outcome], told.confidence),
        runs=comparison.runs([told.outcome]),
        tests=[],
        curves={"arms": {key: curves_of(told)}},
        protocol={"dataset": told.arm.dataset, "hidden": told.about["hidden"]},
        filters={key: first_filters.filters(best)},
        shape=shape,
    )


def log_model(
    client: "MlflowClient", run: "Run", model: torch.nn.Sequential, *, examples_NI: torch.Tensor
) -> None:
    """Log a model of a run, with signature and examples: `mlflow.pytorch.load_model` loads it.

    Done step by step, since `mlflow.pytorch.log_model` acts on a global store and run.
    """
    import mlflow.pytorch
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    experiment, run_id = run.info.experiment_id, run.info.run_id
    logged = client.create_logged_model(experiment, name="model", source_run_id=run_id)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    about = Model(logged.artifact_location, run_id=run_id, model_id=logged.model_id)
    with TemporaryDirectory() as folder:
        path = Path(folder, "model")
        mlflow.pytorch.save_model(
            model,
            path,
            mlflow_model=about,
            signature=_signature(model, examples_NI),
            input_example=examples_NI.numpy(),
            pip_requirements=_requirements(),
            serialization_format="pickle",  # plain torch layers; the traced format takes seconds
        )
        client.log_model_artifacts(logged.model_id, str(path))
    client.finalize_logged_model(logged.model_id, "READY")


def _signature(model: torch.nn.Sequential, examples_NI: torch.Tensor) -> "ModelSignature":
    from mlflow.models import infer_signature

    with torch.no_grad():
        return infer_signature(examples_NI.numpy(), model(examples_NI).numpy())


def _requirements() -> list[str]:
    """Name releases, without the label of a build, such as +cpu, that the index lacks."""
    return [
        f"{package.__name__}=={package.__version__.partition('+')[0]}" for package in (torch, np)
    ]
