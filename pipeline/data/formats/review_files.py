"""Review files: JSON Lines, and CSV with a header row, in any text encoding, gzipped or not.

Every reader yields a Review or a Fault for each non-blank line of its file, in order.
"""

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from pipeline.data.formats.csv_table import LONGEST_CELL, csv_reader
from pipeline.data.formats.signatures import GZIP
from pipeline.data.formats.table import listed
from pipeline.data.text.reviews import Columns, Fault, Parsed, Review
from pipeline.runtime.errors import Problem

BYTE_ORDER_MARKS = {  # that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
ROWS_IN_QUOTES = (
    "a quoted cell spans lines that are rows by themselves: set quoting: false if quotes are plain "
    "characters, else quoting: true"
)
OTHER_ENCODING = "set its encoding, or save it in UTF-8"
LONGEST_LINE = LONGEST_CELL  # characters; a longer line is not a review


def encoding_name(encoding: str) -> str:
    """Return Python's name of a text encoding. Raises ValueError where there is no such one."""
    try:
        codec = codecs.lookup(encoding)
        "a".encode(codec.name)
    except (LookupError, UnicodeError, ValueError, TypeError) as error:
        raise ValueError("unknown text encoding: use for example utf-8 or latin-1") from error
    return codec.name


def lines(file: io.RawIOBase, path: str, encoding: str, *, newline: str) -> Iterator[str]:
    """Yield the lines of a file, expanded if it is a gzip file.

    `newline` is "\\n", or "" to end lines at \\r too. Bytes that the encoding cannot decode become
    lone surrogates, which `check_decoded` refuses. Raises Problem where the whole file is of
    another encoding, where a line has more than 16 million characters, and where a gzip file is
    damaged.
    """
    name = encoding_name(encoding)
    buffered = io.BufferedReader(file)
    if buffered.peek(2)[:2] == GZIP:
        buffered = io.BufferedReader(gzip.GzipFile(fileobj=buffered))  # type: ignore[arg-type]
    number = 0
    try:
        start = buffered.peek(4)
        marks = [coding for mark, coding in BYTE_ORDER_MARKS.items() if start.startswith(mark)]
        if marks and not name.startswith(marks[0]):
            found = marks[0].upper()
            raise Problem(f"{path}, line 1: the file is {found}, not {encoding}: {OTHER_ENCODING}")
        if marks:
            name = marks[0]  # of the codec that leaves the mark out
        text = io.TextIOWrapper(
            buffered, "utf-8-sig" if name == "utf-8" else name, "surrogateescape", newline=newline
        )
        while line := text.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise Problem(
                    f"{path}, line {number}: more than {LONGEST_LINE} characters: correct the file"
                )
            yield line
    except UnicodeError as error:
        raise Problem(
            f"{path}, line {number + 1}: the file is not {encoding}: {OTHER_ENCODING}"
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Problem(f"{path} is a damaged gzip file ({error}): replace it") from error


def check_decoded(line: str) -> None:
    """Raise ValueError where a line has bytes that its encoding could not decode."""
    if line.isascii():
        return
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise ValueError("the line has bytes that are invalid in the file's encoding") from error


def json_objects(lines: Iterable[str], path: str) -> Iterator[tuple[int, dict[str, Any]] | Fault]:
    """Yield the number, from 1, and the JSON object of each line; blank lines are skipped."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            check_decoded(line)
            yield number, _object(line)
        except ValueError as error:
            yield Fault(path, number, str(error))


def _object(line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("the line is not JSON") from error
    if not isinstance(parsed, dict):
        raise ValueError("the line is not a JSON object")
    return parsed


def read_json_lines(lines: Iterable[str], path: str, columns: Columns) -> Iterator[Parsed]:
    """Yield the reviews of a JSON Lines file, whose objects have the columns as keys."""
    for item in json_objects(lines, path):
        if isinstance(item, Fault):
            yield item
            continue
        number, row = item
        try:
            yield columns.review(row)
        except ValueError as error:
            yield Fault(path, number, str(error), cause=error)


def read_csv(
    lines: Iterable[str],
    path: str,
    columns: Columns,
    *,
    delimiter: str,
    quoting: bool | None = None,
) -> Iterator[Parsed]:
    """Yield the reviews of a CSV file whose header has the columns.

    With `quoting`, quotes enclose cells, which may span lines; without, quotes are plain
    characters. By default they enclose cells, and the lines that a quoted cell spans are bad lines
    if each of them looks like a row: quotes are then probably plain characters.

    Raises Problem where the header lacks a column.
    """
    recorded = _Recorded(lines)
    reader = csv_reader(recorded, delimiter=delimiter, quoting=quoting)
    header = _header(reader, path, columns)
    labels = set[str | None]()
    while True:
        first = reader.line_num + 1
        recorded.lines.clear()
        try:
            row = next(reader, None)
            if row is None:
                return
            if row:
                review = _review(row, header, columns)
                within = recorded.lines if quoting is None else []
                if _are_rows(within, header, columns, labels, delimiter):
                    raise ValueError(ROWS_IN_QUOTES)
                labels.add(review.label)
                yield review
        except csv.Error as error:
            # An unclosed quote swallows lines: all of them count as bad.
            hint = "" if quoting is False else "; set quoting: false if quotes are plain characters"
            what = f"the row is no CSV ({error}){hint}"
            yield Fault(path, first, what, reader.line_num - first + 1)
        except ValueError as error:
            yield Fault(path, first, str(error), reader.line_num - first + 1, error)


class _Recorded:
    """Iterator over lines that keeps the lines since `lines` was last cleared."""

    def __init__(self, source: Iterable[str]) -> None:
        self.source, self.lines = iter(source), list[str]()

    def __iter__(self) -> "_Recorded":
        return self

    def __next__(self) -> str:
        line = next(self.source)
        self.lines.append(line)
        return line


def _are_rows(
    lines: list[str], header: list[str], columns: Columns, labels: set[str | None], delimiter: str
) -> bool:
    """Return whether several lines are probably a row each, not one row with a quoted cell.

    Tabs do not occur in texts: the lines of one row with a quoted cell have its cells between them,
    so two lines with as many cells as the header are two rows. Commas do occur: then each line must
    have as many cells as the header, and one of the lines that would not hold the label of a single
    row must also have a rating, or a label that is known or not behind a space.
    """
    rows = [line.rstrip("\r\n").split(delimiter) for line in lines]
    whole = sum(len(row) == len(header) for row in rows)
    if len(header) < 2 or whole < (2 if delimiter == "\t" else max(2, len(rows))):
        return False
    if delimiter == "\t":
        return True
    label_column = columns.stars or columns.label
    if label_column is None:
        return False
    text_last = header.index(label_column) < header.index(columns.text)
    for row in rows[1:] if text_last else rows[:-1]:
        cells = dict(zip(header, row, strict=True))
        with suppress(ValueError):
            label = columns.review(cells).label
            spaced = columns.label is not None and cells[columns.label].startswith(" ")
            if label is not None and not (spaced and label not in labels):
                return True
    return False


def _review(row: list[str], header: list[str], columns: Columns) -> Review:
    if len(row) != len(header):
        raise ValueError("the row and the header differ in the number of cells")
    check_decoded("".join(row))
    return columns.review(dict(zip(header, row, strict=True)))


def _header(reader: Iterator[list[str]], path: str, columns: Columns) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise Problem(f"{path}, line 1: {error}: correct it") from error
    if not header:
        raise Problem(f"{path} is empty, or begins with an empty line: expected a header row")
    for name in columns.names:
        if name not in header:
            raise Problem(
                f"{path}, line 1: there is no column {name!r}; it has {listed(header)}: "
                "set its name, or the delimiter"
            )
    repeated = {name for name in columns.names if header.count(name) > 1}
    if repeated:
        raise Problem(f"{path}, line 1: two columns {min(repeated)!r}: rename or remove one")
    return header
