"""Validation curves and zeros by layer of each arm, averaged over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.analysis import statistics
from pipeline.analysis.comparison import Outcome
from pipeline.analysis.ranking import rank
from pipeline.runtime.storage import Record

CURVE_RULE = (
    "mean over seeds of the validation error after each epoch, of the network chosen for each "
    "seed; a network that has stopped keeps counting with its last error"
)


def curves(results: Sequence[Outcome], histories: Mapping[str, Sequence[Record]]) -> dict[str, Any]:
    """Return curves.json, from the scores and, by arm key, the records of fine-tuning.

    Of each arm: `valid_error` (fractions) and `training` (networks not yet stopped) by epoch from
    1 up, `zeros_by_layer` (shares, lowest layer first). None for a failed arm.
    """
    arms = {
        outcome.arm.key: None if outcome.failed else _curves_of(outcome, histories[outcome.arm.key])
        for outcome in results
    }
    return {"rule": CURVE_RULE, "arms": arms}


def _curves_of(outcome: Outcome, history: Sequence[Record]) -> dict[str, Any]:
    chosen = [_finite(record["valid_errors"]) for record in history if record["chosen"]]
    epochs = range(max(map(len, chosen)))
    zeros = zip(*(record["zeros_by_layer"] for record in outcome.records), strict=True)
    return {
        "valid_error": [
            statistics.mean([errors[min(epoch, len(errors) - 1)] for errors in chosen])
            for epoch in epochs
        ],
        "training": [sum(len(errors) > epoch for errors in chosen) for epoch in epochs],
        "zeros_by_layer": [statistics.mean(layer) for layer in zeros],
    }


def _finite(errors: Sequence[float | None]) -> list[float]:
    return [error for error in errors if error is not None]


def best_seed(outcome: Outcome) -> int:
    """Return the seed of the lowest validation error (of ratings: RMSE), then validation cost; of
    equals the first."""
    return int(min(outcome.records, key=rank)["seed"])
