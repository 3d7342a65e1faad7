"""Artifacts of an arm's MLflow run: the dataset's card, the figures, the best network."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.analysis import comparison
from pipeline.analysis.results import Results, read_card
from pipeline.config.arms import Arm
from pipeline.data.splits import examples
from pipeline.evaluation import first_filters
from pipeline.networks import population
from pipeline.networks.population import Population
from pipeline.report.figures import arms, dataset_card, image_grids, style
from pipeline.runtime import storage
from pipeline.tracking import models
from pipeline.tracking.finished_arm import FinishedArm

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run


def log(client: "MlflowClient", run: "Run", *, finished: FinishedArm) -> None:
    """Log the dataset, the figures and the best seed's model; of a failed arm the dataset alone."""
    _log_dataset(client, run, dataset_input(finished.arm))
    log_card(client, run, finished.arm)
    if finished.best is None:
        return
    seed = finished.best["seed"]
    best = population.load(finished.arm.networks / "weights.safetensors", [seed])
    valid = examples.read(finished.arm.ready / "valid.npz", seed)
    with TemporaryDirectory() as folder:
        for name, figure in figures(finished, best, shape=valid.encoding.shape).items():
            Path(folder, name).write_bytes(figure)
        client.log_artifacts(run.info.run_id, folder, "figures")
    models.log(client, run, best, valid, seed=seed)


def _log_dataset(client: "MlflowClient", run: "Run", dataset: "DatasetInput") -> None:
    """Log a dataset. Another machine may insert the same one meanwhile, which MLflow refuses."""
    from mlflow.exceptions import MlflowException

    try:
        client.log_inputs(run.info.run_id, [dataset])
    except MlflowException:
        client.log_inputs(run.info.run_id, [dataset])


def log_card(client: "MlflowClient", run: "Run", arm: Arm) -> None:
    """Log the dataset's card and its sheets of images, where preprocess left them."""
    card, samples = read_card(Path("results", arm.dataset))
    with TemporaryDirectory() as folder:
        if card is not None:
            storage.write_json(Path(folder, "card.json"), card)
        for name, picture in dataset_card.pictures(samples).items():
            Path(folder, f"{name}.png").write_bytes(picture)
        if any(Path(folder).iterdir()):
            client.log_artifacts(run.info.run_id, folder, "data")


def dataset_input(arm: Arm) -> "DatasetInput":
    """Return the training examples as an MLflow dataset: file, number of examples, digest.

    Its profile has the counts and the origin of the data card, where there is one.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    path = arm.ready / "train.npz"
    encoding = examples.read_encoding(path)
    with np.load(path) as file:
        profile = {"examples": len(file["y"]), "shape": encoding.shape}
    if encoding.pipeline:
        profile |= {"recipe": encoding.pipeline}
    card = read_card(Path("results", arm.dataset), figures=False)[0]
    if card is not None:
        profile["splits"] = {part: split["examples"] for part, split in card["splits"].items()}
        profile["classes"] = len(card["class_names"])
        profile |= {name: card[name] for name in ("title", "address", "license")}
    dataset = Dataset(
        name=arm.dataset,
        digest=storage.digest(path)[:16],
        source_type="local",
        source=json.dumps({"uri": path.as_posix()}),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def figures(finished: FinishedArm, best: Population, *, shape: tuple[int, ...]) -> dict[str, bytes]:
    """Return the report's figures, drawn of this arm alone, as SVG by file name.

    `best` holds the network of the best seed alone.
    """
    key = finished.arm.key
    results = Results(  # those of a dataset with this one arm
        table=comparison.table([finished.outcome], finished.confidence),
        runs=comparison.runs([finished.outcome]),
        tests=[],
        curves={"arms": {key: finished.curves}},
        protocol={"dataset": finished.arm.dataset, "hidden": finished.about["hidden"]},
        filters={key: first_filters.filters(best)},
        shape=shape,
    )
    draws: dict[str, Any] = {
        "validation-curve.svg": arms.validation_curves,
        "zeros-by-layer.svg": arms.sparsity_by_layer,
    }
    if image_grids.drawable(shape):
        draws["first-layer-filters.svg"] = arms.first_filters
    return {name: style.svg(draw, results, style.LIGHT) for name, draw in draws.items()}
