"""Groups of networks that claims compare, and the tables that hold their records."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from pipeline.analysis import statistics

Row = Mapping[str, Any]
Parts = Mapping[str, Sequence[Row]]
ARM = "{activation}-{initialization}"


@dataclass(frozen=True)
class Group:
    """Some networks, one row each; several rows of a seed stand for their mean."""

    rows: Sequence[Row]

    @property
    def lost(self) -> int | None:
        """The first seed that has no network, because every learning rate diverged."""
        lost = [int(row["seed"]) for row in self.rows if row.get("test_error", 0.0) is None]
        return min(lost, default=None)

    @property
    def seeds(self) -> list[int]:
        """The seeds, ascending."""
        return sorted({row["seed"] for row in self.rows})

    @property
    def gap(self) -> int | None:
        """The first seed with fewer rows than another seed has; None where all have as many."""
        counts = Counter(int(row["seed"]) for row in self.rows)
        return next((seed for seed in range(max(counts) + 1) if counts[seed] < self.levels), None)

    @property
    def levels(self) -> int:
        """The largest number of rows of one seed."""
        return max(len(rows) for rows in by_seed(self.rows))

    def by_seed(self, column: str) -> dict[int, float]:
        """Return the mean of a column over the rows of each seed."""
        return {
            int(rows[0]["seed"]): statistics.mean([row[column] for row in rows])
            for rows in by_seed(self.rows)
        }

    def values(self, column: str) -> list[float]:
        """Return a column in the order of the seeds; lists in it are chained."""
        values = [row[column] for row in sorted(self.rows, key=_seed)]
        return [v for value in values for v in (value if isinstance(value, list) else [value])]


@dataclass(frozen=True)
class Records:
    """A table that claims are judged on, and the groups that its rows form.

    `words` and `lists` name its columns of words, and of numbers joined by spaces, besides the
    common ones (`analysis.results`).
    `pairing`: groups are compared seed by seed, or also have one row a level and seed ("levels");
    "none" where each seed is another network, not a repetition. `absent` is the reason of a claim
    without this table, a sentence.
    """

    name: str
    parts: Callable[[Any], Parts]
    words: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    pairing: Literal["seeds", "levels", "none"] = "seeds"
    absent: str = "There are no records of `{name}` on this dataset."

    def groups(self, table: Any) -> dict[str, Group]:
        """Return the groups of a table by name, none of them empty."""
        parts = self.parts(table) if table else {}
        return {name: Group(rows) for name, rows in parts.items() if rows}


def where(rows: Sequence[Row], **levels: Any) -> list[Row]:
    """Return the rows that have these levels."""
    return [row for row in rows if all(row[factor] == level for factor, level in levels.items())]


def by_seed(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows of each seed, the seeds in order."""
    return [list(part) for _, part in groupby(sorted(rows, key=_seed), key=_seed)]


def one_a_seed(
    rows: Sequence[Row], column: str, statistic: Callable[[Sequence[Row]], float | None]
) -> list[Row]:
    """Return one row a seed with a statistic of all its rows; None marks a seed without network."""
    values = [(part[0]["seed"], statistic(part)) for part in by_seed(rows)]
    return [
        {"seed": seed, "test_error": None if value is None else 0.0, column: value}
        for seed, value in values
    ]


def _seed(row: Row) -> int:
    return int(row["seed"])


def _arms(rows: Sequence[Row]) -> Parts:
    """Return the rows of runs.csv by key of the arm."""
    keys = dict.fromkeys(ARM.format(**row) for row in rows)
    return {key: [row for row in rows if ARM.format(**row) == key] for key in keys}


ARMS = Records("arms", _arms, absent="The arms were not run on this dataset.")
