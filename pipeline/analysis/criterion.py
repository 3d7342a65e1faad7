"""Ranking criterion of a dataset's arms: test error, or for ratings the RMSE of expected stars."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class Criterion:
    """A quantity of records and tables, lower is better, and its format in print.

    `key` is its name in records and the stem of its columns in table.csv; a value there times
    `scale` is in `unit`, and is printed with `digits` decimals. `sign` follows a value in a
    sentence, `difference` the difference of two values.
    """

    key: str
    name: str
    scale: float
    digits: int
    unit: str
    sign: str
    difference: str

    def mean(self, row: Mapping[str, Any]) -> float | None:
        """Return the mean of a row of table.csv; None for a failed arm."""
        value: float | None = row[f"{self.key}_mean"]
        return value

    def ends(self, row: Mapping[str, Any]) -> tuple[float, float] | None:
        """Return the ends of the mean's interval in a row of table.csv; None where it has none."""
        low, high = row[f"{self.key}_low"], row[f"{self.key}_high"]
        return None if low is None else (low, high)

    def shown(self, value: float | None) -> str:
        """Return a value in print without its unit; `UNKNOWN` for None.

        >>> ERROR.shown(0.0314), RMSE.shown(0.746)
        ('3.14', '0.746')
        """
        return written(None if value is None else value * self.scale, self.digits)

    def with_unit(self, value: float | None) -> str:
        """Return a value in print with its unit.

        >>> ERROR.with_unit(0.0314), RMSE.with_unit(0.746)
        ('3.14%', '0.746 stars')
        """
        return self.shown(value) + self.sign

    def margin(self, row: Mapping[str, Any]) -> str:
        """Return half the width of a row's interval, without the unit; `UNKNOWN` without one."""
        ends = self.ends(row)
        return self.shown(None if ends is None else (ends[1] - ends[0]) / 2)


ERROR = Criterion("test_error", "test error", 100, 2, "%", "%", "points")
RMSE = Criterion("test_rmse", "test RMSE", 1, 3, "stars", " stars", "stars")


def written(value: float | None, digits: int) -> str:
    """Return a number with `digits` decimals, a true minus sign and no -0; `UNKNOWN` for None.

    >>> written(0.25, 1), written(-0.01, 1)
    ('0.2', '0.0')
    """
    return UNKNOWN if value is None else f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}")


def measure_of(protocol: Mapping[str, Any]) -> Criterion:
    """Return the ranking criterion of a dataset's arms, from its protocol.json."""
    return RMSE if protocol.get("measure") == "rmse" else ERROR
