"""What the figures of one dataset show beyond its tables: curves, zeros by layer, filters."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import statistics
from pipeline.analysis.comparison import Outcome
from pipeline.networks import Stack
from pipeline.records import Record
from pipeline.selection import rank

CURVE_RULE = (
    "mean over seeds of the validation error after each epoch, of the network chosen for each "
    "seed; a network that has stopped keeps counting with its last error"
)
FILTERS_RULE = (
    "weights of the first hidden layer of the seed with the lowest validation error; units spread "
    "evenly over the layer, so that idle ones show too"
)
MOST_FILTERS = 48


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


def filters(network: Stack) -> NDArray[np.float16]:
    """Return the weights [units, I] into up to 48 first-layer units of a stack of one network."""
    W_IO = network.W_KIO(0)[0].numpy()
    width = W_IO.shape[1]
    n = min(MOST_FILTERS, width)
    shown_UI = W_IO[:, np.arange(n) * width // n].T
    limit = np.finfo(np.float16).max  # a network that all but diverged may have larger weights
    return shown_UI.clip(-limit, limit).astype(np.float16)


def as_npz(arrays: Mapping[str, NDArray[Any]], shape: Sequence[int]) -> bytes:
    """Return filters.npz: one array an arm, under its key, and `shape`, how to draw one input."""
    content = io.BytesIO()
    named: dict[str, Any] = {"shape": np.array(shape, np.int64), **arrays}
    np.savez(content, **named)
    return content.getvalue()
