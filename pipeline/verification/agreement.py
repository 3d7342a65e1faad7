"""Comparison of a recorded file with the recomputed file, number by number.

Two files agree if their bytes are equal. Otherwise each cell is compared by a rule for its column,
which bounds the difference that counts as rounding:

- `derived`, for tables made from recorded numbers: numbers from quantiles, powers or fits may
  differ by 1e-9 of their size. All others, means among them, have to be equal: exact sums are the
  same on every CPU.
- `measured`, for networks that were run again. Torch or a GPU may sum the products of a layer in
  another order, which can move an output across 0 or an example to another class: errors may differ
  by one example, shares by 1e-5, costs and other measurements by 1e-5 of their size.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Cells = dict[str, Any]  # by column
Rule = Callable[[str], "Rounding"]  # by the name of a column, without indices

NAMES = ("activation", "initialization", "seed", "first", "second", "baseline", "key", "arm")
FITTED = (
    *("std", "low", "high", "p", "p_holm", "low_holm", "high_holm", "estimate"),
    *("binomial_standard_error", "split_error"),
)
SHARES = ("zeros", "zeros_by_layer", "dead_units")


class Rounding(NamedTuple):
    """Largest difference that rounding explains: in the number's unit, or relative to its size."""

    absolute: float
    relative: float


class Difference(NamedTuple):
    """A cell with two values, as text; `rounding` where rounding explains it."""

    row: str
    column: str
    recorded: str
    derived: str
    rounding: bool


@dataclass(frozen=True)
class Agreement:
    """Comparison of a recorded content with the derived one; `numbers` counts what was compared.

    `same_bytes` is False for rows that are compared without a file.
    """

    numbers: int
    differences: list[Difference] = field(default_factory=list)
    same_bytes: bool = False

    @property
    def wrong(self) -> list[Difference]:
        """The differences that rounding does not explain."""
        return [difference for difference in self.differences if not difference.rounding]


def derived(column: str) -> Rounding:
    """Return the bound for numbers made from recorded numbers."""
    fitted = any(column == name or column.endswith(f"_{name}") for name in FITTED)
    return Rounding(0.0, 1e-9 if fitted else 0.0)


def measured(examples: Mapping[str, int]) -> Rule:
    """Return the rule for networks run again; `examples` has the sizes of `valid` and `test`."""

    def rule(column: str) -> Rounding:
        if column.endswith("error"):
            return Rounding(1.5 / examples["valid" if "valid" in column else "test"], 0.0)
        return Rounding(1e-5, 0.0) if column in SHARES else Rounding(0.0, 1e-5)

    return rule


def compare_files(name: str, recorded: bytes, again: bytes, rule: Rule) -> Agreement:
    """Compare two contents of a CSV, JSON, JSON Lines or .npz file of this name.

    Raises ValueError where one cannot be read as such.
    """
    kind = Path(name).suffix
    theirs = list(_rows(kind, again))
    if recorded == again:
        numbers = sum(_is_number(cell) for _, cells in theirs for cell in cells.values())
        return Agreement(numbers, same_bytes=True)
    return _compare(_rows(kind, recorded), theirs, rule)


def compare_rows(recorded: Iterable[Cells], again: Iterable[Cells], rule: Rule) -> Agreement:
    """Compare rows of numbers, each with its names."""
    return _compare(_named(recorded, "row"), _named(again, "row"), rule)


def _compare(
    recorded: Iterable[tuple[str, Cells]], again: Iterable[tuple[str, Cells]], rule: Rule
) -> Agreement:
    numbers, differences = 0, []
    for first, second in zip_longest(recorded, again):
        if first is None or second is None:
            differences.append(_extra(first, second))
            continue
        (row, cells), (_, others) = first, second
        for column in dict.fromkeys([*cells, *others]):
            cell, other = cells.get(column, "absent"), others.get(column, "absent")
            numbers += _is_number(other)
            if cell != other:
                within = _within(cell, other, rule(column.split(".")[-1].partition("[")[0]))
                differences.append(Difference(row, column, str(cell), str(other), within))
    return Agreement(numbers, differences)


def _extra(recorded: tuple[str, Cells] | None, again: tuple[str, Cells] | None) -> Difference:
    """Return the difference of a row that one of the two lacks."""
    name, _ = recorded or again or ("", {})
    here, there = ("absent" if row is None else "a row" for row in (recorded, again))
    return Difference(name, "all columns", here, there, rounding=False)


def _within(cell: Any, other: Any, rounding: Rounding) -> bool:
    if not (_is_number(cell) and _is_number(other)):
        return False
    return math.isclose(
        float(cell), float(other), rel_tol=rounding.relative, abs_tol=rounding.absolute
    )


def _is_number(cell: Any) -> bool:
    if isinstance(cell, bool) or cell is None:
        return False
    try:
        return math.isfinite(float(cell))
    except (TypeError, ValueError):
        return False


def _rows(kind: str, content: bytes) -> Iterator[tuple[str, Cells]]:
    """Yield the rows of a file, each with its place."""
    if kind == ".npz":
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            yield from ((key, _flat(file[key].tolist(), key)) for key in file.files)
        return
    text = content.decode("utf-8")
    if kind == ".csv":
        table = csv.DictReader(io.StringIO(text, newline=""), restkey="more cells")
        yield from _named((_split(row) for row in table), "line", start=2)
    elif kind == ".jsonl":
        yield from _named((_flat(json.loads(line)) for line in text.splitlines()), "line")
    else:
        document = json.loads(text)
        rows = document if isinstance(document, list) else [document]
        yield from _named((_flat(row) for row in rows), "item")


def _named(rows: Iterable[Cells], kind: str, start: int = 1) -> Iterator[tuple[str, Cells]]:
    """Yield each row with its number, called a line, item or row, and the names in its cells."""
    for number, cells in enumerate(rows, start):
        names = " ".join(str(cells[name]) for name in NAMES if cells.get(name) not in (None, ""))
        yield f"{kind} {number}" + (f" ({names})" if names else ""), cells


def _split(row: Mapping[str, Any]) -> Cells:
    """Return the cells of a CSV row, lists of numbers one by one."""
    cells: Cells = {}
    for column, cell in row.items():
        parts = cell.split(" ") if isinstance(cell, str) else []
        if len(parts) > 1 and all(map(_is_number, parts)):
            cells |= {f"{column}[{index}]": part for index, part in enumerate(parts)}
        else:
            cells[column] = cell
    return cells


def _flat(value: Any, path: str = "") -> Cells:
    """Return the leaves of a JSON value, empty lists and objects among them, by their path."""
    if isinstance(value, dict | list) and not value:
        return {path: value}
    if isinstance(value, dict):
        parts = {f"{path}.{key}" if path else key: part for key, part in value.items()}
    elif isinstance(value, list):
        parts = {f"{path}[{index}]": part for index, part in enumerate(value)}
    else:
        return {path: value}
    return {name: leaf for key, part in parts.items() for name, leaf in _flat(part, key).items()}
