"""Reviews in CSV files with a header row."""

import csv
from collections.abc import Iterable, Iterator

from pipeline.data.formats.csv_table import listed
from pipeline.data.formats.text_files import check_decoded
from pipeline.data.text.reviews import Columns, Fault, Found
from pipeline.runtime.errors import Problem


def read(lines: Iterable[str], path: str, columns: Columns, *, delimiter: str) -> Iterator[Found]:
    """Yield the reviews of a file, whose header has the columns; a cell may be of several lines.

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
        except (csv.Error, ValueError) as error:
            # An unclosed quote swallows lines: all of them count.
            yield Fault(path, first, _said(error), reader.line_num - first + 1)


def _said(error: Exception) -> str:
    return f"the row is no CSV ({error})" if isinstance(error, csv.Error) else str(error)


def _review(row: list[str], header: list[str], columns: Columns) -> Found:
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
