"""Rows of numbers with a label each, and the CSV files that hold them.

Legend of shape suffixes: N examples, I inputs, B rows of a block.
"""

import csv
import io
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.data.formats import scaling
from pipeline.data.splits.encoding import UNBOUNDED, Encoding
from pipeline.data.splits.split import Blocks, Split, Splits
from pipeline.runtime.errors import Problem

SHOWN = 20  # names in a message
SCALE = 1 / 255  # a value of 0 to 255 becomes an input in [0, 1]
LARGEST = float(np.finfo(np.float32).max)

Scaled = Literal["range", "standardized"]
SCALINGS = {"range": scaling.ranged, "standardized": scaling.standardized}


@dataclass(frozen=True)
class Table:
    """Numbers that wait to be split; y_N [N] are positions in the class names.

    x is [N, I], [N, H, W] or [N, H, W, C], bytes or any other real numbers.
    """

    x: NDArray[Any]
    y_N: NDArray[np.int64]
    part_N: NDArray[np.str_]
    class_names: tuple[str, ...]
    scaled: Scaled

    def splits(self, rows: tuple[NDArray[np.int64], ...]) -> Splits:
        """Return the splits that hold the given rows: bytes as they are, other numbers scaled.

        The first split alone decides the scaling, feature by feature. What is constant in it
        becomes 0 everywhere.
        """
        shape = self.x.shape[1:]
        if len(shape) == 3:
            shape = (shape[2], *shape[:2]) if shape[2] > 1 else shape[:2]
        if self.x.dtype == np.uint8:
            form = Encoding(shape, self.class_names, SCALE)
            return Splits(*(self._split(rows_N, form, None) for rows_N in rows))
        bounds = (0.0, 1.0) if self.scaled == "range" else UNBOUNDED
        form = Encoding(shape, self.class_names, bounds=bounds)
        scale = SCALINGS[self.scaled](self.x, rows[0])
        return Splits(*(self._split(rows_N, form, scale) for rows_N in rows))

    def _split(
        self, rows_N: NDArray[np.int64], form: Encoding, scale: scaling.Scaling | None
    ) -> Split:
        def make() -> Iterator[NDArray[Any]]:
            for x_BI in scaling.blocks(self.x, rows_N):
                yield scale(x_BI.astype(np.float64)).astype(np.float32) if scale else x_BI

        return Split(Blocks((len(rows_N), form.inputs), make), self.y_N[rows_N], form)


def read_csv(content: bytes, path: str, label: str, *, delimiter: str, scaled: Scaled) -> Table:
    """Return a table with a header row: the column `label` has the classes, all others numbers.

    The text is UTF-8. Labels that are whole numbers are sorted as numbers. Raises Problem naming
    file, line and column of what cannot be used.
    """
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(reader, []), label, path)
        values, labels = _cells(reader, columns, label, path)
    except UnicodeDecodeError as error:
        raise Problem(f"{path} is not UTF-8 ({error.reason}): save it as UTF-8") from error
    except csv.Error as error:
        raise Problem(f"{path}, line {reader.line_num}: {error}: correct it") from error
    if not labels:
        raise Problem(f"{path} has no rows below its header: add examples")
    x_NI = np.frombuffer(values).reshape(len(labels), -1)
    class_names, y_N = classes(_typed(labels), f"{path}: {label}")
    return Table(x_NI, y_N, np.full(len(y_N), "train"), class_names, scaled)


def _columns(header: list[str], label: str, path: str) -> list[str]:
    columns = [name.strip() for name in header]
    if not columns:
        raise Problem(f"{path} is empty, or begins with an empty line: expected a header row")
    if label not in columns:
        raise Problem(
            f"{path} has no column {label!r}; it has {listed(columns)}: say label in preprocess"
        )
    for n, name in enumerate(columns):
        if not name or name in columns[:n]:
            fault = f"two columns {name!r}" if name else f"a column without a name, number {n + 1}"
            raise Problem(f"{path} has {fault}: rename or remove it")
    if len(columns) == 1:
        raise Problem(f"{path} has no column but {label!r}: add inputs, or say its delimiter")
    return columns


def _cells(
    reader: Any, columns: list[str], label: str, path: str
) -> tuple["array[float]", list[str]]:
    """Return all numbers, row by row, and the labels."""
    values, labels = array("d"), []
    position = columns.index(label)
    for row in reader:
        if not row:
            continue
        if len(row) != len(columns):
            raise Problem(
                f"{path}, line {reader.line_num}: {len(row)} cells, expected {len(columns)}: "
                "correct it"
            )
        labels.append(row.pop(position).strip())
        try:
            numbers = array("d", map(float, row))
        except ValueError:
            numbers = array("d", [math.nan])
        # float() takes 1_000 for a number; a sum shows a NaN or an infinity in one step.
        if not (labels[-1] and sum(map(abs, numbers)) <= LARGEST) or "_" in "".join(row):
            names = [label, *(name for name in columns if name != label)]
            for name, cell in zip(names, [labels[-1], *row], strict=True):
                _check_cell(
                    cell, f"{path}, line {reader.line_num}, column {name}", is_label=name == label
                )
        values.extend(numbers)
    return values, labels


def _check_cell(cell: str, where: str, *, is_label: bool) -> None:
    if not cell.strip():
        raise Problem(f"{where} is empty: fill it, or leave the row out")
    if is_label:
        return
    try:
        usable = "_" not in cell and abs(float(cell)) <= LARGEST
    except ValueError:
        usable = False
    if not usable:
        raise Problem(f"{where} is {cell[:SHOWN]!r}, which is no finite 32-bit number: correct it")


def _typed(labels: list[str]) -> NDArray[Any]:
    """Return labels as numbers where all of them are, else as text."""
    try:
        return np.array([float(label) for label in labels])
    except ValueError:
        return np.array(labels)


def listed(names: list[str]) -> str:
    """Return names for a message, the first ones where they are many."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def classes(y_N: NDArray[Any], where: str) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names of the distinct labels, sorted, and each label's position [N] in them."""
    if y_N.dtype.kind == "f":
        wrong = np.flatnonzero(~((y_N == np.round(y_N)) & (np.abs(y_N) < 2**53)))
        if len(wrong):
            raise Problem(
                f"{where}[{wrong[0]}] is {y_N[wrong[0]]}: "
                "labels are whole numbers or text, correct it"
            )
        y_N = y_N.astype(np.int64)
    if y_N.dtype.kind not in "biuU":
        raise Problem(f"{where} is {y_N.dtype}: labels are whole numbers or text, correct it")
    names, positions_N = np.unique(y_N, return_inverse=True)
    return tuple(str(name) for name in names.tolist()), positions_N.astype(np.int64)
