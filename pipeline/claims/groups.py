"""Groups of networks that claims are about: the arms, and what the experiments' tables hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pipeline.analysis import statistics

Row = Mapping[str, Any]
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
        """The first seed that lacks records: each is to have as many as any other."""
        counts = Counter(int(row["seed"]) for row in self.rows)
        return next((seed for seed in range(max(counts) + 1) if counts[seed] < self.levels), None)

    @property
    def levels(self) -> int:
        """How many rows the seed with most of them has."""
        return max(len(rows) for rows in by_seed(self.rows))

    def by_seed(self, quantity: str) -> dict[int, float]:
        """Return a quantity of each seed."""
        return {
            int(rows[0]["seed"]): statistics.mean([row[quantity] for row in rows])
            for rows in by_seed(self.rows)
        }

    def values(self, quantity: str) -> list[float]:
        """Return a quantity of each network; of one that is a list all of its values."""
        found = [row[quantity] for row in sorted(self.rows, key=_seed)]
        return [v for value in found for v in (value if isinstance(value, list) else [value])]


def by_seed(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows of each seed, the seeds in order."""
    return [list(mine) for _, mine in groupby(sorted(rows, key=_seed), key=_seed)]


def _seed(row: Row) -> int:
    return int(row["seed"])


def arms(rows: Sequence[Row]) -> dict[str, Group]:
    """Return the arms of a comparison, from the rows of runs.csv, by key."""
    keys = dict.fromkeys(ARM.format(**row) for row in rows)
    return {key: Group([row for row in rows if ARM.format(**row) == key]) for key in keys}
