"""Records of one experiment or probe: conditions, with means and intervals over seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pipeline.analysis import criterion, statistics
from pipeline.analysis.results import Row
from pipeline.report.text.wording import UNKNOWN, label, percent

Numbers = list[tuple[str, ...]]  # a table of text: its head, then its rows


@dataclass(frozen=True)
class Point:
    """A quantity of one condition: its values by seed, their mean and interval.

    `mean` is None where a seed has no network (`lost` counts them): a condition is not averaged
    over the seeds that happened to finish. `low` and `high` are None for one seed, too.
    """

    values: list[float]
    lost: int
    mean: float | None
    low: float | None
    high: float | None

    def shown(self, unit: str = "%") -> str:
        """Return mean and interval; fractions in percent for the units "%" and " points".

        >>> Point([0.02], 0, 0.02, 0.019, 0.021).shown(), Point([], 1, None, None, None).shown()
        ('2.00% (1.90 to 2.10)', 'failed')
        """
        if self.mean is None:
            return "failed" if self.lost else UNKNOWN
        number = percent if unit in ("%", " points") else partial(criterion.written, digits=2)
        ends = ""
        if self.low is not None and self.high is not None:
            ends = f" ({number(self.low)} to {number(self.high)})"
        return f"{number(self.mean)}{unit}{ends}"


@dataclass(frozen=True)
class Series:
    """Points by level of a factor: a curve of a figure, a column of its numbers."""

    name: str
    points: Mapping[Any, Point]
    activation: str = "rectifier"
    start: str = "pretrained"


@dataclass(frozen=True)
class Entry:
    """One row of a dot plot; `paper` is the paper's value, in the unit of the point."""

    name: str
    point: Point
    activation: str = "rectifier"
    start: str = "pretrained"
    paper: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows of one experiment or probe on one dataset; fractions as recorded.

    An experiment has one row for each network, a probe for example one for each of its layers.

    `confidence` is that of the intervals over seeds, in (0, 1).
    """

    dataset: str
    rows: Sequence[Row]
    confidence: float

    def where(self, **levels: Any) -> "Table":
        """Return the rows that have these levels."""
        rows = [row for row in self.rows if all(row[key] == value for key, value in levels.items())]
        return replace(self, rows=rows)

    def levels(self, factor: str) -> list[Any]:
        """Return the levels of a factor in the order of the table."""
        return list(dict.fromkeys(row[factor] for row in self.rows))

    def point(self, quantity: str = "test_error") -> Point:
        """Return a quantity of all rows as one condition. Rows of a lost seed count as lost."""
        values = [row[quantity] for row in self.rows if row[quantity] is not None]
        lost = len(self.rows) - len(values)
        if lost or not values:
            return Point(values, lost, None, None, None)
        summary = statistics.summarize(values, self.confidence)
        return Point(values, 0, summary.mean, summary.low, summary.high)

    def points(self, factor: str, quantity: str = "test_error") -> dict[Any, Point]:
        """Return a quantity at each level of a factor, in the order of the table."""
        return {
            level: self.where(**{factor: level}).point(quantity) for level in self.levels(factor)
        }

    def difference(self, other: "Table", quantity: str = "test_error") -> Point:
        """Return this condition less another, paired by seed."""
        first, second = (
            {row["seed"]: row[quantity] for row in table.rows} for table in (self, other)
        )
        rows = [
            {quantity: None if None in pair else pair[0] - pair[1]}
            for seed in sorted(first.keys() & second.keys())
            for pair in [(first[seed], second[seed])]
        ]
        return replace(self, rows=rows).point(quantity)

    def averaged(self, quantity: str) -> "Table":
        """Return one row a seed: the mean of a quantity over the seed's rows, e.g. over layers."""
        rows = []
        for seed in sorted(self.levels("seed")):
            values = [row[quantity] for row in self.where(seed=seed).rows]
            mean = None if None in values else statistics.mean(values)
            rows.append({"seed": seed, quantity: mean})
        return replace(self, rows=rows)

    def arms(self) -> "dict[tuple[str, str], Table]":
        """Return the rows of each arm, by activation and start.

        In a table without a column of starts every row counts as pre-trained, without one of
        activations as rectifier: the look of its curves.
        """
        keys = dict.fromkeys(map(_arm, self.rows))
        return {key: replace(self, rows=[r for r in self.rows if _arm(r) == key]) for key in keys}

    def series(self, factor: str, quantity: str = "test_error") -> "list[Series]":
        """Return a quantity over a factor, averaged over a seed's other rows: one series an arm."""
        several = "initialization" in next(iter(self.rows), {})
        return [
            Series(
                label(activation, start) if several else activation,
                {
                    level: rows.where(**{factor: level}).averaged(quantity).point(quantity)
                    for level in rows.levels(factor)
                },
                activation,
                start,
            )
            for (activation, start), rows in self.arms().items()
        ]

    @property
    def seeds(self) -> int:
        """The number of seeds; 1 for a table without seeds."""
        return len({row.get("seed") for row in self.rows})


def numbers(
    head: str, *columns: Series, unit: str = "%", word: Callable[[Any], str] = str
) -> Numbers:
    """Return means with intervals as text: a row a level, a column a series.

    `head` names the factor, `word` a level of it.
    """
    levels = dict.fromkeys(level for series in columns for level in series.points)
    cells = [
        [one.points[level].shown(unit) if level in one.points else "" for one in columns]
        for level in levels
    ]
    rows = [(word(level), *row) for level, row in zip(levels, cells, strict=True)]
    return [(head, *(series.name for series in columns)), *rows]


def _arm(row: Row) -> tuple[str, str]:
    return row.get("activation", "rectifier"), row.get("initialization", "pretrained")
