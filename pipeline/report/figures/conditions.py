"""The records of one experiment as figures and captions see them: conditions, means, intervals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.analysis import statistics
from pipeline.analysis.results import Row
from pipeline.claims import groups


@dataclass(frozen=True)
class Point:
    """A quantity of one condition: its values by seed, their mean and interval.

    `mean` is None where a seed has no network (`lost` counts them): there is no average of those
    that happened to finish. `low` and `high` are None for one seed, too.
    """

    values: list[float]
    lost: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Table:
    """The rows of one experiment or probe on one dataset: one a network, fractions as recorded.

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
        found = statistics.summarize(values, self.confidence)
        return Point(values, 0, found.mean, found.low, found.high)

    def points(self, factor: str, quantity: str = "test_error") -> dict[Any, Point]:
        """Return a quantity at each level of a factor, in the order of the table."""
        return {
            level: self.where(**{factor: level}).point(quantity) for level in self.levels(factor)
        }

    def difference(self, other: "Table", quantity: str = "test_error") -> Point:
        """Return this condition less another, seed by seed."""
        first, second = (
            {row["seed"]: row[quantity] for row in table.rows} for table in (self, other)
        )
        seeds = sorted(first.keys() & second.keys())
        pairs = [(first[seed], second[seed]) for seed in seeds]
        rows = [
            {"seed": seed, quantity: None if None in pair else pair[0] - pair[1]}
            for seed, pair in zip(seeds, pairs, strict=True)
        ]
        return replace(self, rows=rows).point(quantity)

    def averaged(self, *quantities: str) -> "Table":
        """Return one row a seed: the mean of these quantities over its rows, layers say."""
        rows = [
            {"seed": mine[0]["seed"]} | {name: _mean(mine, name) for name in quantities}
            for mine in groups.by_seed(self.rows)
        ]
        return replace(self, rows=rows)

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return len({row["seed"] for row in self.rows})


def _mean(rows: Sequence[Mapping[str, Any]], quantity: str) -> float | None:
    values = [row[quantity] for row in rows]
    return None if None in values else statistics.mean(values)


def best(points: dict[Any, Point]) -> Any:
    """Return the level of the lowest mean, None where no level has one."""
    return min(_known(points), key=lambda level: points[level].mean, default=None)  # type: ignore[arg-type, return-value]


def worst(points: dict[Any, Point]) -> Any:
    """Return the level of the highest mean, None where no level has one."""
    return max(_known(points), key=lambda level: points[level].mean, default=None)  # type: ignore[arg-type, return-value]


def _known(points: dict[Any, Point]) -> Iterable[Any]:
    return [level for level, point in points.items() if point.mean is not None]
