"""Columns of a user's table: which holds the classes, which texts, which numbers."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.data.formats.table import listed
from pipeline.data.text.labels import MISSING
from pipeline.report.text import wording
from pipeline.runtime.errors import Problem

LABELS = ("label", "labels", "class", "target", "y", "category", "sentiment", "stars", "rating")
TEXTS = ("text", "review", "reviewtext", "content", "comment", "sentence")
LONG = 20  # characters; a column of texts is longer on average
LONGER = 60  # beside several columns of numbers, where names and addresses occur too
WORD = re.compile(r"[^\W\d_]{2,}")
FEWEST = 3  # rows of a class, one for each split
NO_CLASSES = (
    "{} has {} different numbers in {} rows: a quantity and no class; these networks classify, so "
    "cut it into classes, for instance with pandas.qcut"
)
DELIMITERS, QUOTED = ",;\t|", re.compile(r'"[^"]*"')


def delimiter(header: str, row: str) -> str:
    """Return the most frequent delimiter of a header, if possible one as frequent in a row.

    >>> delimiter('"a, cm";"b, cm";label', "1;2;x"), delimiter("p(a|b|c),label", "1,x")
    (';', ',')
    """
    if header.lower().startswith("sep="):
        raise Problem(f"the first line, {header.strip()}, names the delimiter: delete the line")
    header, row = (QUOTED.sub("", line) for line in (header, row))
    alike = [mark for mark in DELIMITERS if 0 < header.count(mark) == row.count(mark)]
    return max(alike or DELIMITERS, key=header.count)


def check_names(path: Path, columns: list[str]) -> None:
    """Raise Problem where a column other than the first, which may number the rows, has no name."""
    unnamed = [str(n) for n, name in enumerate(columns, start=1) if not name and n > 1]
    if unnamed:
        places = "column {} has" if len(unnamed) == 1 else "columns {} have"
        places = places.format(wording.listed(unnamed))
        raise Problem(f"{path}: {places} no name: remove empty columns, name the others")


def check_header(
    path: Path, label: str, labels: Sequence[str], inputs: Mapping[str, Sequence[str]]
) -> None:
    """Raise Problem where the first line looks like a row: a name is also a cell of its column."""
    if label.lower() in LABELS:
        return
    for name, column in {**inputs, label: labels}.items():
        if name and name.lower() not in TEXTS and name in map(str.strip, column):
            raise Problem(
                f"{path}: the first line seems to be a row, not a header, since {name[:LONG]} is "
                "also a cell below: add a header, or set the column of the classes with --label"
            )


def check_guess(path: Path, label: str, labels: Sequence[str]) -> None:
    """Raise Problem where the last column, taken for that of the classes, has other texts."""
    rare = len({*labels}) > max(2 * FEWEST, len(labels) / 2)
    if label.lower() not in LABELS and rare and not _numbers(labels):
        raise Problem(
            f"{path}: the classes were looked for in the last column, {label}, which has "
            f"{len({*labels})} different texts in {len(labels)} rows: choose a column with --label"
        )


def check_cells(path: Path, name: str, cells: Sequence[str]) -> None:
    """Raise Problem where a column of inputs is empty, or most of its cells are no numbers."""
    filled = [cell for cell in map(str.strip, cells) if cell not in MISSING]
    if not any(map(str.strip, cells)):
        raise Problem(f"{path}: column {name} is empty in every row: remove it")
    words = [cell for cell in filled if not _numbers([cell])]
    if len(words) > len(filled) / 2:
        raise Problem(
            f"{path}: column {name} has {words[0][:LONG]!r} and other cells that are no numbers: "
            f"remove it, write numbers, or, to classify its texts alone, give --set text={name}"
        )


def label_column(path: Path, columns: list[str], label: str | None) -> str:
    """Return the column of the classes: `label`, else the first of `LABELS`, else the last."""
    if not columns:
        raise Problem(f"{path} is empty, or begins with an empty line: expected a header row")
    by_name = {name.lower(): name for name in reversed(columns)}
    named = [by_name[name] for name in LABELS if name in by_name]
    return given_column(path, columns, label) or (named or columns[-1:])[0]


def given_column(path: Path, columns: list[str], given: str | None) -> str | None:
    """Return the column that was given, if any. Raises Problem where there is no such column."""
    if given is not None and given not in columns:
        raise Problem(f"{path} has no column {given!r}; it has {listed(columns)}")
    return given


def text_column(inputs: Mapping[str, Sequence[str]]) -> str | None:
    """Return the column of texts: one of `TEXTS`, else the one of the longest; None for numbers.

    Beside two columns of numbers or more, only a column of longer texts is one.
    """
    among_numbers = sum(map(_numbers, inputs.values())) > 1
    wordy = [name for name in inputs if _wordy(inputs[name], LONGER if among_numbers else LONG)]
    lengths = {name: fmean(map(len, inputs[name])) for name in wordy}
    candidates = wordy if among_numbers else inputs
    named = [n for n in candidates if n.lower() in TEXTS and not _numbers(inputs[n])]
    return (named or sorted(lengths, key=lambda name: -lengths[name]) or [""])[0] or None


def _wordy(cells: Sequence[str], long: int) -> bool:
    """Return whether cells are long, and most of them several words."""
    if sum(map(len, cells)) <= long * len(cells):
        return False
    return sum(len(WORD.findall(cell)) > 1 for cell in cells) > len(cells) / 2


def _numbers(cells: Sequence[str]) -> bool:
    """Return whether all cells are numbers or missing."""
    try:
        return all(cell.strip() in MISSING or math.isfinite(float(cell)) for cell in cells)
    except ValueError:
        return False


def check_classes(labels: Sequence[Any], where: str, otherwise: str = "") -> None:
    """Raise Problem where labels are a quantity: numbers of which most are in too few rows.

    `otherwise` is a further remedy, for the end of the message.
    """
    counts = Counter(labels)
    try:
        fractions = any(float(label) % 1 for label in counts)
    except (ValueError, OverflowError):  # words, and whole numbers of more than 308 digits
        return
    rare = sorted(counts.values())[len(counts) // 2] < FEWEST if counts else False
    if len(counts) > 2 * FEWEST and (fractions or rare):
        raise Problem(NO_CLASSES.format(where, len(counts), len(labels)) + otherwise)
