"""Reviews in JSON Lines: one object a line."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.data.formats.text_files import check_decoded
from pipeline.data.text.reviews import Columns, Fault, Found


def objects(lines: Iterable[str], path: str) -> Iterator[tuple[int, dict[str, Any]] | Fault]:
    """Yield each line's number, from 1, and its object; blank lines are passed over."""
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
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("the line is no JSON") from error
    if not isinstance(found, dict):
        raise ValueError("the line is no JSON object")
    return found


def read(lines: Iterable[str], path: str, columns: Columns) -> Iterator[Found]:
    """Yield the reviews of a file, whose objects have the columns as keys."""
    for item in objects(lines, path):
        if isinstance(item, Fault):
            yield item
            continue
        number, found = item
        try:
            yield columns.review(found)
        except ValueError as error:
            yield Fault(path, number, str(error))
