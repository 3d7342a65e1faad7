"""CSV tables: a header row, then numbers and a label per row.

Legend of shape suffixes: N examples, I inputs.
"""

import csv
import io
import math
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.formats.table import LARGEST, Scaled, Table, classes, listed
from pipeline.runtime.errors import Problem

QUOTED = 20  # characters of a cell that an error message quotes


def read_csv(content: bytes, path: str, label: str, *, delimiter: str, scaled: Scaled) -> Table:
    """Return the table of a UTF-8 file with a header row.

    The column `label` holds the classes, all others numbers. Labels that are whole numbers are
    sorted as numbers. Raises Problem naming file, line and column of what cannot be used.
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
        # float() accepts 1_000; the sum detects a NaN or an infinity in one step.
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
        raise Problem(f"{where} is {cell[:QUOTED]!r}, which is no finite 32-bit number: correct it")


def _typed(labels: list[str]) -> NDArray[Any]:
    """Return labels as numbers if all of them are, else as text."""
    try:
        return np.array([float(label) for label in labels])
    except ValueError:
        return np.array(labels)
