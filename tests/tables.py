"""Simulated tables of experiments and of arms with known true values."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pipeline.config import params
from pipeline.data.splits.encoding import Encoding
from pipeline.experiments.conditions import catalogue
from tests import committed

Row = dict[str, Any]
FORM = Encoding((8, 8), tuple("0123456789"))
OURS = params.load(committed.params())
ERROR = 0.03
TEST_EXAMPLES = 10_000


def table(
    name: str, error: Callable[[Row], float] = lambda row: ERROR, *, seeds: int = 6, draw: int = 0
) -> list[Row]:
    """Return the rows of an experiment of params.yaml, with test errors of this mean.

    Seeds share half of the variance of the errors, of a standard deviation of 0.002.
    """
    rng = np.random.default_rng(draw)
    conditions = catalogue.conditions_of(name, "digits", OURS, FORM)
    count = len(conditions[0].l1) if len(conditions[0].l1) > 1 else seeds
    return list(_rows(conditions, error, rng.normal(size=count), rng))


def _rows(
    conditions: list[Any], error: Callable[[Row], float], shared: Any, rng: np.random.Generator
) -> Iterator[Row]:
    for condition, seed in itertools.product(conditions, range(len(shared))):
        penalty = condition.l1[seed % len(condition.l1)]
        row: Row = dict(condition.levels) | {"seed": seed, "l1": penalty}
        row |= _row(row, rng)
        if "decoder" in row:
            row |= _halves(row, len(condition.hidden), rng)
        row["gradient_norms"] = [0.1] * (len(condition.hidden) + 1)
        noise = 0.002 * np.sqrt(0.5) * (shared[seed] + rng.normal())
        row["test_error"] = float(error(row) + noise)
        row["valid_error"] = float(error(row) + rng.normal() * 0.002)
        yield row


def _row(row: Row, rng: np.random.Generator) -> Row:
    sparse = row.get("activation", "rectifier") == "rectifier"
    zeros = float(np.clip(0.5 + 35 * row["l1"] + 0.02 * rng.normal(), 0, 1)) if sparse else 0.0
    return {
        "learning_rate": 0.1,
        "test_examples": TEST_EXAMPLES,
        "zeros": zeros,
        "zeros_by_layer": [zeros, zeros],
        "zeros_at_start": float(0.5 + 0.01 * rng.normal()),
        "dead_units": float(0.1 + 0.01 * rng.normal()),
        "revived": float(0.002 + 0.0005 * rng.normal()),
        "dead_by_epoch": [0.0, 0.1],
        "best_epoch": 2.0,
        "pretrain_learning_rates": [],
        "diverged": [],
    }


def _halves(row: Row, layers: int, rng: np.random.Generator) -> Row:
    shares = (0.1 + 0.01 * rng.normal(size=(2, layers))).tolist()
    negated = shares[1] if row["signs"] == "half negated" else []
    return {"dead_positive": shares[0], "dead_negated": negated}


def arm_rows(key, errors, zeros, dead):
    """Return one arm's rows from its values by seed, in falling order of seed."""
    activation, initialization = key.rsplit("-", 1)
    values = list(zip(errors, zeros, dead, strict=True))
    return [
        {
            "activation": activation,
            "initialization": initialization,
            "seed": seed,
            "test_error": float(values[seed][0]),
            "test_examples": TEST_EXAMPLES,
            "zeros": float(values[seed][1]),
            "zeros_by_layer": [0.0] if activation == "tanh" else [float(values[seed][1])],
            "dead_units": float(values[seed][2]),
        }
        for seed in reversed(range(len(values)))
    ]


def simulate(rng, means, seeds, *, spread=0.002, zeros=0.5, dead=0.1):
    """Return six arms with these true means; half of the variance is shared by the arms."""
    shared = rng.normal(size=seeds)
    return [
        row
        for key, mean in means.items()
        for row in arm_rows(
            key,
            mean + spread * math.sqrt(0.5) * (shared + rng.normal(size=seeds)),
            rng.normal(zeros, 0.03, seeds),
            rng.normal(dead, 0.01, seeds),
        )
    ]
