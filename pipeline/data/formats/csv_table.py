"""CSV tables: a header row, then numbers and a label per row.

Legend of shape suffixes: N examples, I inputs.
"""

import csv
import io
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.data.formats.signatures import format_name
from pipeline.data.formats.table import LARGEST, Scaled, Table, listed
from pipeline.data.text.labels import classes
from pipeline.runtime.errors import Problem

QUOTED = 20  # characters of a cell that an error message quotes
LONGEST_CELL = 1 << 24  # characters; Python's own limit, 131,072, is less than a long text


def read_csv(
    content: bytes,
    path: str,
    label: str,
    *,
    delimiter: str,
    scaled: Scaled,
    quoting: bool | None = None,
) -> Table:
    """Return the table of a UTF-8 file with a header row.

    The column `label` holds the classes, all others numbers. A row is one line. Quotes enclose
    cells unless `quoting` is False. Raises Problem naming file, line and column of what cannot be
    used.
    """
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
    reader = csv_reader(text, delimiter=delimiter, quoting=quoting)
    try:
        columns = _columns(next(reader, []), label, path)
        values, labels, line_N = _cells(reader, columns, label, path)
    except UnicodeDecodeError as error:
        raise not_text(path, content) from error
    except csv.Error as error:
        raise Problem(f"{path}, line {reader.line_num}: {error}: correct it") from error
    if not labels:
        raise Problem(f"{path} has no rows below its header: add examples")
    x_NI = np.frombuffer(values).reshape(len(labels), -1)
    class_names, y_N = classes(
        np.array(labels, object), lambda n: f"{path}, line {line_N[n]}, column {label}"
    )
    features = tuple(name for name in columns if name != label)
    return Table(x_NI, y_N, np.full(len(y_N), "train"), class_names, scaled, features)


def not_text(path: str, start: bytes) -> Problem:
    """Return the Problem for a file, of which the first bytes are given, that is not UTF-8."""
    kind = format_name(start)
    fault = f" but {kind}" if kind else ""
    return Problem(f"{path} is not text in UTF-8{fault}: save it as CSV in UTF-8")


def column_names(header: Sequence[str]) -> list[str]:
    """Return the names of columns, without the "# " of numpy.savetxt before the first one.

    >>> column_names(["# label", " a "])
    ['label', 'a']
    """
    names = [name.strip() for name in header]
    return [name.removeprefix("# ") for name in names[:1]] + names[1:]


def csv_reader(
    lines: Iterable[str], *, delimiter: str, quoting: bool | None, strict: bool = True
) -> Any:
    """Return a CSV reader, to which quotes are plain characters if `quoting` is False.

    A strict one raises csv.Error for malformed quotes.
    """
    csv.field_size_limit(LONGEST_CELL)
    if quoting is False:
        return csv.reader(lines, delimiter=delimiter, strict=strict, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter, strict=strict)


def _columns(header: list[str], label: str, path: str) -> list[str]:
    columns = column_names(header)
    if not columns:
        raise Problem(f"{path} is empty, or begins with an empty line: expected a header row")
    if label not in columns:
        if len(columns) == 1:
            fault = f"the header {columns[0][:QUOTED]!r} is a single column"
            raise Problem(f"{path}: {fault}: set delimiter in preprocess, for example ';'")
        raise Problem(
            f"{path} has no column {label!r}; it has {listed(columns)}: set label in preprocess"
        )
    name, count = Counter(columns).most_common(1)[0]
    if "" in columns:
        fault = f"a column without a name, number {columns.index('') + 1}"
        raise Problem(f"{path} has {fault}: rename or remove it")
    if count > 1:
        raise Problem(f"{path} has two columns {name!r}: rename or remove one")
    if len(columns) == 1:
        raise Problem(f"{path} has no column but {label!r}: add inputs, or set delimiter")
    return columns


def _cells(
    reader: Any, columns: list[str], label: str, path: str
) -> tuple["array[float]", list[str], "array[int]"]:
    """Return all numbers, row by row, and the label and the line of each row."""
    values, labels, line_N = array("d"), list[str](), array("Q")
    position, previous = columns.index(label), reader.line_num
    inputs = [name for name in columns if name != label]
    for row in reader:
        line, last = previous + 1, reader.line_num
        previous = last
        if not row:
            continue
        where = f"{path}, line {line}"
        if len(row) != len(columns):
            raise Problem(f"{where}: {len(row)} cells, expected {len(columns)}: correct it")
        if line != last:
            raise Problem(
                f"{where}: a quoted cell goes on to line {last}, but a row is one line: correct "
                "the quotes, or set quoting: false if they are plain characters"
            )
        labels.append(row.pop(position))
        line_N.append(line)
        try:
            numbers = array("d", map(float, row))
        except ValueError:
            numbers = array("d", [math.nan])
        # float() accepts 1_000; the sum detects a NaN or an infinity in one step.
        if not sum(map(abs, numbers)) <= LARGEST or "_" in "".join(row):
            for name, cell in zip(inputs, row, strict=True):
                _check_number(cell, f"{where}, column {name}")
        values.extend(numbers)
    return values, labels, line_N


def _check_number(cell: str, where: str) -> None:
    if not cell.strip():
        raise Problem(f"{where} is empty: fill it in, or leave the row out")
    try:
        usable = "_" not in cell and abs(float(cell)) <= LARGEST
    except ValueError:
        usable = False
    if not usable:
        raise Problem(
            f"{where} is {cell[:QUOTED]!r}, which is not a finite 32-bit number: correct it"
        )
