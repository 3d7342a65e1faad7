"""Made-up tables of experiments with a known truth, in the form that `score` writes."""

import itertools
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
