"""The groups that claims about time name, from one device's block of results/cost.json."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.claims.groups import Group, Row

DENSE = "dense"
MANY = 0.85  # the share measured that is next to the most zeros that the paper reports, 83.4%
NEARLY_ALL = 0.90


def groups(measured: Mapping[str, Any]) -> dict[str, Group]:
    """Return one row a comparison, numbered as its seed: quotients of median times."""
    found = {
        "the other units": _rows("unit_time", _units(measured["units"])),
        "dense products at 85% zeros": _rows(
            "sparse_time", [1 / gain for gain in _gains(measured, lambda zeros: zeros == MANY)]
        ),
        "products that skip 50 to 85% zeros": _rows(
            "dense_time", _gains(measured, lambda zeros: zeros < NEARLY_ALL)
        ),
        "products that skip 50 to 99% zeros": _rows(
            "dense_time", _gains(measured, lambda zeros: True)
        ),
    }
    return {key: Group(rows) for key, rows in found.items() if rows}


def _rows(quantity: str, values: Sequence[float]) -> list[Row]:
    return [{"seed": place, quantity: value} for place, value in enumerate(values)]


def _units(units: Mapping[str, Mapping[str, float]]) -> list[float]:
    return [units["rectifier"]["ms"] / row["ms"] for name, row in units.items()
            if name != "rectifier"]  # fmt: skip


def _gains(measured: Mapping[str, Any], counts: Callable[[float], bool]) -> list[float]:
    """Return for each direction and share how many times dense the fastest other product is."""
    best: dict[tuple[str, float], float] = {}
    for row in measured["products"]:
        place = row["direction"], row["zeros"]
        if counts(row["zeros"]) and not row["contender"].startswith(DENSE):
            best[place] = max(best.get(place, 0.0), row["times_the_speed"])
    return list(best.values())
