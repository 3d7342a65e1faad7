"""Sweeps of the experiments over one numeric factor, with the measured conditions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.analysis import statistics
from pipeline.claims.records import read_rows
from pipeline.report.figures.depth import norms_by_layer
from pipeline.report.figures.table import Point, Table
from pipeline.runtime import storage

NEEDS = {
    *("seed", "learning_rate", "test_error", "test_examples"),
    *("zeros", "zeros_by_layer", "dead_units", "gradient_norms"),
}


@dataclass(frozen=True)
class Sweep:
    """A number that an experiment varies: the column of its levels, and its words on the page.

    `records` is the experiment, of whose rows `part` are taken; `chosen` is the choice that was
    left to validation; `at` is a place for the level in a sentence.
    """

    records: str
    factor: str
    title: str
    label: str
    at: str
    chosen: str
    part: Mapping[str, str] = field(default_factory=dict)


SWEEPS = (
    Sweep(
        "sparsity", "l1", "L1 penalty, one network at each of many values", "L1 penalty",
        "at an L1 penalty of {}", "the epoch",
    ),
    Sweep(
        "dying", "level", "L1 penalty, several networks at each value", "L1 penalty",
        "at an L1 penalty of {}", "the epoch", {"varied": "l1"},
    ),
    Sweep(
        "depth", "depth", "Depth", "hidden layers",
        "of depth {}", "the learning rate and the epoch",
    ),
    Sweep(
        "rates", "rate", "Learning rate", "learning rate",
        "at a learning rate of {}", "the epoch",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """Measured networks of one activation at one level; shares are fractions.

    `zeros_by_layer` and `norms` have one number a hidden layer, from the lowest up, and none where
    a seed has no network. A norm is NaN where the gradient of some network is exactly 0.
    """

    activation: str
    level: float
    n: int
    examples: int
    rates: list[float]
    error: Point
    zeros: Point
    dead: Point
    zeros_by_layer: list[float]
    norms: list[float]


def read(folder: Path, confidence: float) -> dict[str, Table]:
    """Return the tables of claims/<dataset>/ that a sweep can be shown from, by experiment.

    Tables that are absent or have no rows are left out. Raises Problem for a table without a
    column that a sweep needs.
    """
    tables = {}
    for sweep in SWEEPS:
        path = folder / "records" / f"{sweep.records}.csv"
        rows = read_rows(path) if path.exists() else []
        if absent := rows and sorted({*NEEDS, sweep.factor, *sweep.part} - rows[0].keys()):
            raise storage.unreadable(path, ValueError(f"it has no column {', '.join(absent)}"))
        if rows:
            tables[sweep.records] = Table(folder.name, rows, confidence)
    return tables


def conditions(sweep: Sweep, table: Table) -> dict[str, list[Condition]]:
    """Return the conditions of each activation, by rising level."""
    arms = {activation: rows for (activation, _), rows in table.where(**sweep.part).arms().items()}
    return {
        activation: [
            _condition(activation, level, rows.where(**{sweep.factor: level}))
            for level in sorted(rows.levels(sweep.factor))
        ]
        for activation, rows in arms.items()
    }


def _condition(activation: str, level: float, table: Table) -> Condition:
    error = table.point()
    layers: Sequence[tuple[float, ...]] = (
        [] if error.lost else list(zip(*(r["zeros_by_layer"] for r in table.rows), strict=True))
    )
    return Condition(
        activation,
        level,
        len(table.rows),
        int(table.rows[0]["test_examples"]),
        sorted({row["learning_rate"] for row in table.rows} - {None}, reverse=True),
        error,
        table.point("zeros"),
        table.point("dead_units"),
        [statistics.mean(layer) for layer in layers],
        norms_by_layer(table),
    )


def known(norms: Sequence[float]) -> list[float]:
    """Return the norms that are numbers."""
    return [norm for norm in norms if not math.isnan(norm)]
