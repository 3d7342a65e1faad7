"""What MLflow is told of a finished arm: params, metrics and curves, from its records alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.analysis import comparison
from pipeline.analysis.comparison import Outcome
from pipeline.analysis.results import folds_of, read_card
from pipeline.config.arms import Arm
from pipeline.config.params import Params
from pipeline.evaluation import prediction
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

LAYOUT = 4  # raise it where the runs change: arms that were published before are published anew


class Point(NamedTuple):
    """One value of a metric; `step` is an epoch from 1 up, 0 for what has no curve."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class FinishedArm:
    """An arm, the settings it was made with, and its records: scores by seed, both phases.

    The settings are those of its records, not of params.yaml, which may have changed since. `card`
    is the dataset's, None where preprocess left none.
    """

    arm: Arm
    about: Record
    confidence: float  # of the interval over seeds
    activations: list[str]  # of params.yaml: their order gives them their colors
    scores: list[Record]
    trained: list[Record]
    pretrained: list[Record]
    card: Record | None = None

    @property
    def outcome(self) -> Outcome:
        """The scores, as the comparison of arms sees them."""
        return Outcome(self.arm, self.scores)

    @property
    def best(self) -> Record | None:
        """The fine-tuning of the best seed: by validation error, then cost; None if the arm failed.

        The test split decides nothing.
        """
        if self.outcome.failed:
            return None
        return prediction.best(self.trained)

    @cached_property
    def chosen(self) -> dict[int, Record]:
        """The fine-tuning record of each seed's chosen network, by seed."""
        return {line["seed"]: line for line in self.trained if line["chosen"]}

    @cached_property
    def fingerprint(self) -> str:
        """What tells whether the arm was published already: 16 hex digits of all that is told."""
        told = [LAYOUT, params_of(self), self.confidence]
        return storage.fingerprint(*told, self.scores, self.trained, self.pretrained)


def finished(arm: Arm, settings: Params) -> bool:
    """Tell whether an arm has the scores of all its seeds."""
    path = arm.scores / "records.jsonl"
    return path.exists() and len(storage.read_lines(path)) == settings.run.seeds


def read(arm: Arm, settings: Params) -> FinishedArm:
    """Read an arm's records. Raises Problem where it is not finished."""
    if not finished(arm, settings):
        raise Problem(f"{arm.name} is not finished: run `dvc repro`")
    scores = storage.read_lines(arm.scores / "records.jsonl")
    return FinishedArm(
        arm,
        storage.read_json(arm.scores / "about.json"),
        settings.compare.confidence,
        list(settings.activations),
        scores=sorted(scores, key=lambda line: int(line["seed"])),
        trained=storage.read_lines(arm.networks / "records.jsonl"),
        pretrained=storage.read_lines(arm.start / "records.jsonl"),
        card=read_card(Path("results", arm.dataset), figures=False)[0],
    )


def params_of(told: FinishedArm) -> dict[str, Any]:
    """Return the params of an arm: its names, its unit, its network, its schedules."""
    arm, about = told.arm, told.about
    unit = dict(about["activation"])
    phases = {"finetune": about["finetune"]}
    if about["pretrain"]:
        phases["pretrain"] = about["pretrain"]
    else:
        del unit["reconstruction"]  # plays no part: nothing was reconstructed
    return {
        "dataset": arm.dataset,
        "activation": arm.activation,
        "initialization": arm.initialization,
        **unit,
        "hidden": about["hidden"],
        "layers": len(about["hidden"]),
        "seeds": len(told.scores),
        **({"folds": folds} if (folds := folds_of(told.card)) else {}),
        **{
            f"{phase}.{key}": value for phase, keys in phases.items() for key, value in keys.items()
        },
    }


def seed_params(told: FinishedArm, score: Record) -> dict[str, Any]:
    """Return the params of one seed: the arm's, since filters see nothing else, and its choices."""
    own = {name: score[name] for name in ("seed", "learning_rate", "diverged")}
    if told.arm.initialization == "pretrained":
        own["pretrain_learning_rates"] = score["pretrain_learning_rates"]
    return params_of(told) | own


def metrics_of(told: FinishedArm) -> list[Point]:
    """Return the metrics of an arm: the row of table.csv, zeros by layer, the mean curve.

    A failed arm has the number of its finished seeds alone: no average over the survivors.
    """
    (row,) = comparison.table([told.outcome], told.confidence)
    row |= accuracies(row, told.card)
    points = [Point(name, value) for name, value in row.items() if isinstance(value, int | float)]
    curves = curves_of(told)
    if curves is None:
        return points
    points += _layers("zeros", curves["zeros_by_layer"], suffix="_mean")
    return points + list(_curve("by_epoch/valid_error", curves["valid_error"]))


def accuracies(row: Mapping[str, Any], card: Record | None) -> dict[str, float]:
    """Return the accuracy of a row of table.csv, as publications on texts tell it: 1 - test error,
    with its interval; nothing for other data, and for a failed arm."""
    ends = {"mean": "mean", "low": "high", "high": "low"}
    errors = {end: row[f"test_error_{other}"] for end, other in ends.items()}
    if not (card and card.get("text")):
        return {}
    return {f"test_accuracy_{end}": 1 - e for end, e in errors.items() if e is not None}


def curves_of(told: FinishedArm) -> dict[str, Any] | None:
    """Return the arm's mean curves as the report draws them; None for a failed arm."""
    key = told.arm.key
    arms: dict[str, Any] = comparison.curves([told.outcome], {key: told.trained})["arms"]
    return arms[key]  # type: ignore[no-any-return]


def seed_metrics(told: FinishedArm, score: Record) -> list[Point]:
    """Return the metrics of one seed's chosen network, and its curves by epoch."""
    names = (
        *("test_error", "valid_error", "test_rmse", "valid_rmse"),
        *("zeros", "dead_units", "best_epoch"),
    )
    points = [Point(name, score[name]) for name in names if score.get(name) is not None]
    if told.card and told.card.get("text") and score["test_error"] is not None:
        points.append(Point("test_accuracy", 1 - score["test_error"]))
    points += _layers("zeros", score["zeros_by_layer"])
    chosen = told.chosen.get(score["seed"])
    if chosen is not None:
        points += _training_curves(chosen)
    return points + list(_reconstruction_curves(told.pretrained, score["seed"]))


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
