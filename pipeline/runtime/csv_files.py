"""CSV with exact floats."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as UTF-8 CSV under a header of column names.

    Floats are written in full, lists joined by spaces, booleans as `true` and `false`, None as an
    empty cell.

    >>> as_csv(["a", "b"], [{"a": 0.1, "b": [1, None]}])
    b'a,b\\n0.1,1 \\n'
    >>> as_csv(["a", "b"], [{"a": np.float64(0.1), "b": np.bool_(True)}])
    b'a,b\\n0.1,true\\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, float):
        return repr(float(value))  # of numpy's too
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    return str(value)
