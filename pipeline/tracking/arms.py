"""MLflow runs of an arm: a parent run with means over seeds, and a child run per seed."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from pipeline.analysis import comparison
from pipeline.analysis.results import folds_of
from pipeline.config.arms import Arm
from pipeline.config.params import Params
from pipeline.report.figures import style
from pipeline.runtime import storage
from pipeline.runtime.storage import Record
from pipeline.tracking import artifacts, finished_arm, runs
from pipeline.tracking.finished_arm import FinishedArm
from pipeline.tracking.runs import Content, Point

LAYOUT = 5  # raise it where the runs change: arms that were published before are published anew
SCORES = (
    *("test_error", "valid_error", "test_rmse", "valid_rmse"),
    *("zeros", "dead_units", "best_epoch"),
)


def read(arm: Arm, settings: Params) -> list[Content]:
    """Return the content of an arm's runs. Raises Problem where the arm is not finished."""
    return [content(finished_arm.read(arm, settings))]


def content(finished: FinishedArm) -> Content:
    """Return the content of an arm's run, with a child a seed."""
    arm, records = finished.arm, (finished.scores, finished.trained, finished.pretrained)
    params = params_of(finished)
    fingerprint = storage.fingerprint(LAYOUT, params, finished.confidence, *records)
    tags = runs.source(finished.about, command="python -m stages.track")
    return Content(
        experiment=arm.dataset,
        kind="arm",
        name=arm.name,
        fingerprint=fingerprint,
        params=params,
        points=points_of(finished),
        tags=tags | {"mlflow.runColor": _color(finished)},
        failed=finished.outcome.failed,
        children=[
            Content(
                experiment=arm.dataset,
                kind="seed",
                name=f"seed {score['seed']}",
                fingerprint=fingerprint,
                params=params | _choices(arm, score),
                points=seed_points(finished, score),
                tags=tags,
                failed=score["test_error"] is None,
            )
            for score in finished.scores
        ],
        log_artifacts=partial(artifacts.log, finished=finished),
    )


def params_of(finished: FinishedArm) -> dict[str, Any]:
    """Return the params of an arm: its names, its unit, its network, its schedules."""
    arm, about = finished.arm, finished.about
    unit = dict(about["activation"])
    phases = {"finetune": about["finetune"]}
    if about["pretrain"]:
        phases["pretrain"] = about["pretrain"]
    else:
        del unit["reconstruction"]  # plays no part: nothing was reconstructed
    folds = folds_of(finished.card)
    return {
        "dataset": arm.dataset,
        "activation": arm.activation,
        "initialization": arm.initialization,
        **unit,
        "hidden": about["hidden"],
        "layers": len(about["hidden"]),
        "seeds": len(finished.scores),
        **({"folds": folds} if folds else {}),
        **{
            f"{phase}.{key}": x for phase, settings in phases.items() for key, x in settings.items()
        },
    }


def _choices(arm: Arm, score: Record) -> dict[str, Any]:
    """Return a seed's own params. It repeats the arm's as well: MLflow filters see no parent."""
    names = ["seed", "learning_rate", "diverged"]
    if arm.initialization == "pretrained":
        names += ["pretrain_learning_rates", "pretrain_diverged"]
    return {name: score[name] for name in names}


def points_of(finished: FinishedArm) -> list[Point]:
    """Return the metrics of an arm: the row of table.csv, sparsity by layer, the mean curve.

    A failed arm has the number of its finished seeds alone: no average over the survivors.
    """
    (row,) = comparison.table([finished.outcome], finished.confidence)
    row |= accuracies(row, finished.card)
    points = [Point(name, value) for name, value in row.items() if isinstance(value, int | float)]
    curves = finished.curves
    if curves is None:
        return points
    points += _layers("zeros", curves["zeros_by_layer"], suffix="_mean")
    return points + list(_curve("by_epoch/valid_error", curves["valid_error"]))


def accuracies(row: Mapping[str, Any], card: Record | None) -> dict[str, float]:
    """Return the accuracy, 1 - test error, of a row of table.csv with its interval.

    Publications on texts give accuracies. Empty for other data and for a failed arm.
    """
    ends = {"mean": "mean", "low": "high", "high": "low"}
    errors = {end: row[f"test_error_{other}"] for end, other in ends.items()}
    if not (card and card.get("text")):
        return {}
    return {f"test_accuracy_{end}": 1 - e for end, e in errors.items() if e is not None}


def seed_points(finished: FinishedArm, score: Record) -> list[Point]:
    """Return the metrics of one seed's chosen network, and its curves by epoch."""
    points = [Point(name, score[name]) for name in SCORES if score.get(name) is not None]
    if finished.card and finished.card.get("text") and score["test_error"] is not None:
        points.append(Point("test_accuracy", 1 - score["test_error"]))
    points += _layers("zeros", score["zeros_by_layer"])
    chosen = finished.chosen.get(score["seed"])
    if chosen is not None:
        points += _training_curves(chosen)
    return points + list(_reconstruction_curves(finished.pretrained, score["seed"]))


def _training_curves(chosen: Record) -> Iterator[Point]:
    return chain(
        _curve("by_epoch/train_cost", chosen["train_costs"]),
        _curve("by_epoch/valid_error", chosen["valid_errors"]),
        _layer_curves("by_epoch/zeros", chosen["zeros"]),
        _layer_curves("by_epoch/gradient_norm", chosen["gradient_norms"]),
    )


def _reconstruction_curves(pretrained: list[Record], seed: int) -> Iterator[Point]:
    for line in pretrained:
        if line["seed"] == seed and line["chosen"]:
            name = f"pretraining/reconstruction_layer_{line['layer']}"
            yield from _curve(name, line["valid_costs"])


def _layers(name: str, values: list[float], *, suffix: str = "") -> list[Point]:
    return [Point(f"{name}_layer_{n}{suffix}", value) for n, value in enumerate(values, 1)]


def _layer_curves(name: str, by_epoch: list[list[float]]) -> Iterator[Point]:
    for layer, values in enumerate(zip(*by_epoch, strict=True), 1):
        yield from _curve(f"{name}_layer_{layer}", list(values))


def _curve(name: str, values: list[float | None]) -> Iterator[Point]:
    """Yield a curve's points; an epoch whose value was not finite has none."""
    for epoch, value in enumerate(values, 1):
        if value is not None:
            yield Point(name, value, epoch)


def _color(finished: FinishedArm) -> str:
    """Return the report's color of the arm's activation, lighter for random starts."""
    theme = style.LIGHT if finished.arm.initialization == "pretrained" else style.DARK
    return style.hues(finished.activations, theme)[finished.arm.activation]
