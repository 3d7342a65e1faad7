"""Review files: JSON Lines, and CSV with a header row, in any text encoding.

Every reader yields a Review or a Fault for each non-blank line of its file, in order.
"""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.data.formats.table import listed
from pipeline.data.text.reviews import Columns, Fault, Parsed
from pipeline.runtime.errors import Problem

BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


def encoding_name(encoding: str) -> str:
    """Return Python's name of a text encoding. Raises ValueError where there is no such one."""
    try:
        codec = codecs.lookup(encoding)
        "a".encode(codec.name)
    except (LookupError, UnicodeError, ValueError, TypeError) as error:
        raise ValueError("there is no such encoding of text: utf-8 and latin-1 are two") from error
    return codec.name


def lines(file: io.RawIOBase, path: str, encoding: str, *, newline: str) -> Iterator[str]:
    """Yield the lines of a file; `newline` is "\\n", or "" to end lines at \\r too.

    Bytes that the encoding cannot decode become lone surrogates, which `check_decoded` refuses.
    Raises Problem where the whole file is of another encoding.
    """
    name = encoding_name(encoding)
    buffered = io.BufferedReader(file)
    mark = BYTE_ORDER_MARKS.get(buffered.peek(2)[:2])
    if mark and not name.startswith("utf-16"):
        raise Problem(f"{path}, line 1: the file is {mark}, not {encoding}: say its encoding")
    text = io.TextIOWrapper(
        buffered, "utf-8-sig" if name == "utf-8" else name, "surrogateescape", newline=newline
    )
    number = 0
    try:
        for line in text:
            number += 1
            yield line
    except UnicodeError as error:
        raise Problem(
            f"{path}, line {number + 1}: the file is not {encoding}: say its encoding"
        ) from error


def check_decoded(line: str) -> None:
    """Raise ValueError where a line has bytes that its encoding could not decode."""
    if line.isascii():
        return
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise ValueError("the line has bytes that are not of the file's encoding") from error


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
        raise ValueError("the line is no JSON") from error
    if not isinstance(parsed, dict):
        raise ValueError("the line is no JSON object")
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
            yield Fault(path, number, str(error))


def read_csv(
    lines: Iterable[str], path: str, columns: Columns, *, delimiter: str
) -> Iterator[Parsed]:
    """Yield the reviews of a CSV file whose header has the columns; cells may span lines.

    Raises Problem where the header lacks a column.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _header(reader, path, columns)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader, None)
            if row is None:
                return
            if row:
                yield _review(row, header, columns)
        except csv.Error as error:
            # An unclosed quote swallows lines: all of them count as bad.
            what = f"the row is no CSV ({error})"
            yield Fault(path, first, what, reader.line_num - first + 1)
        except ValueError as error:
            yield Fault(path, first, str(error), reader.line_num - first + 1)


def _review(row: list[str], header: list[str], columns: Columns) -> Parsed:
    if len(row) != len(header):
        raise ValueError("the row has other cells than the header")
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
                "say what it is called, or the delimiter"
            )
    repeated = {name for name in columns.names if header.count(name) > 1}
    if repeated:
        raise Problem(f"{path}, line 1: two columns {min(repeated)!r}: rename or remove one")
    return header
