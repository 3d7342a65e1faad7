"""Class labels: one rule for CSV tables, npz arrays, image folders and reviews.

| label | class |
|---|---|
| whole number (0, 0.0, numpy's 0), text of one ("0", "0.0", "-0") | the whole number: 0 |
| boolean (JSON's false and true, numpy's) | the whole number: 0 or 1 |
| other text, without the spaces around it: "spam", "01", "1_11", "1e3", "True" | itself, in NFC |
| null, NaN, and the texts in `MISSING`: "", "nan", "NA", "null", ... | none: a missing label |
| fraction (0.5, "0.5"), infinity, float of 2**53 and more | none: refused |
| list, object, bytes, text of several lines or with control characters | none: refused |

Class names are sorted as numbers where all of them are numbers, else by code points.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.runtime.errors import Problem

MISSING = frozenset(
    ["", "nan", "NaN", "NAN", "NA", "N/A", "n/a", "<NA>", "#N/A", "null", "NULL", "Null"]
)
NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # and ends of lines
EXACT = 2**53  # floats from here on may have lost their last digits
NOT_WHOLE = "no whole number: labels are whole numbers or text"
SHOWN = 20  # characters of a label that an error message quotes


class MissingLabelError(ValueError):
    """A label is absent."""


class RefusedLabelError(ValueError):
    """A value is no label: a fraction, a list, text with control characters."""


def class_name(label: object) -> str:
    """Return the class of a label by the module's rule.

    Raises MissingLabelError for a missing label, and RefusedLabelError for what is no label.

    >>> class_name(0.0), class_name("-0"), class_name(False), class_name("1_11"), class_name(" a ")
    ('0', '0', '0', '1_11', 'a')
    """
    if isinstance(label, str):
        # The same letters have several spellings in Unicode.
        return _text_class(unicodedata.normalize("NFC", label).strip())
    if label is None or (isinstance(label, float) and math.isnan(label)):
        raise MissingLabelError("the label is missing")
    if isinstance(label, int):
        return str(int(label))
    if not isinstance(label, float):
        raise RefusedLabelError("the label is neither text nor a number")
    if not (abs(label) < EXACT and label.is_integer()):
        raise RefusedLabelError(f"the label {label} is {NOT_WHOLE}")
    return str(int(label))


def _text_class(label: str) -> str:
    if label in MISSING:
        raise MissingLabelError(f"the label is missing{label and f' ({label})'}")
    if CONTROL.search(label):
        what = "has several lines or control characters"
        raise RefusedLabelError(f"the label {label[:SHOWN]!r} {what}")
    number = NUMBER.fullmatch(label)
    if number is None:
        return label
    sign, whole, fraction = number.groups()
    if fraction and fraction.strip("0"):
        raise RefusedLabelError(f"the label {label} is {NOT_WHOLE}")
    return str(whole if whole == "0" else sign + whole)


def class_names(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct classes, or ratings, in order.

    >>> class_names(["10", "9.5", "9"]), class_names(["b", "9", "10"])
    (('9', '9.5', '10'), ('10', '9', 'b'))
    """
    names = sorted({*labels})
    if all(NUMBER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=float))
    return tuple(names)


def classes(
    labels_N: NDArray[Any], place: Callable[[int], str]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the class names of labels [N], and the position of each label in them [N], int64.

    Raises Problem for the first label that is missing or refused, with `place(n)` as its place and
    the number of such labels.
    """
    values, first_V, value_N, count_V = np.unique(
        labels_N, return_index=True, return_inverse=True, return_counts=True
    )
    names, faults = list[str](), list[tuple[int, str, bool, int]]()
    for value, first, count in zip(values.tolist(), first_V, count_V, strict=True):
        try:
            names.append(class_name(value))
        except ValueError as error:
            missing = isinstance(error, MissingLabelError)
            faults.append((int(first), str(error), missing, int(count)))
    if faults:
        raise _refusal(faults, place, len(labels_N))
    ordered = class_names(names)
    position = {name: n for n, name in enumerate(ordered)}
    position_V = np.array([position[name] for name in names], np.int64)
    return ordered, position_V[value_N.reshape(-1)]


def _refusal(
    faults: list[tuple[int, str, bool, int]], place: Callable[[int], str], labels: int
) -> Problem:
    first, what, missing, _ = min(faults)
    alike = sum(count for _, _, other, count in faults if other == missing)
    kind = "missing" if missing else "of this kind"
    remedy = "fill it in, or leave the row out" if missing else "correct it"
    return Problem(f"{place(first)}: {what} ({alike} of {labels} are {kind}): {remedy}")
