"""Recognition of a user's files: their format, labels and inputs, as the blocks of params.yaml."""

import csv
import math
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np

from pipeline.data.download import inventory
from pipeline.data.formats import csv_table, image_folder, npz_arrays, review_files
from pipeline.data.formats.table import listed
from pipeline.data.sources import own
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.labels import MISSING
from pipeline.data.text.reviews import Fault
from pipeline.questions.question import SHARES, Question
from pipeline.runtime.errors import Problem

SIGNATURE = 16  # first bytes that name a format
SAMPLE = 1000  # rows, lines or images that are looked at
SIDE = 32  # pixels; larger images, or images of several sizes, are resized to squares of it
LABELS = ("label", "labels", "class", "target", "y", "category", "sentiment", "stars", "rating")
TEXTS = ("text", "review", "reviewtext", "content", "comment", "sentence")
TERMS = 2000
DELIMITERS, QUOTED = ",;\t|", re.compile(r'"[^"]*"')
LONG = 20  # characters; a column of texts is longer on average
LONGER = 60  # beside several columns of numbers, where names and addresses occur too
WORD = re.compile(r"[^\W\d_]{2,}")
FEWEST = 3  # rows of a class, one for each split
NO_CLASSES = (
    "{} has {} different numbers in {} rows: a quantity and no class; these networks classify, so "
    "cut it into classes, for instance with pandas.qcut"
)


@dataclass(frozen=True)
class Recognized:
    """Blocks `source` and `preprocess` of params.yaml, the number of examples, and a description.

    Paths in `source` are relative to the folder of the question.
    """

    source: dict[str, Any]
    preprocess: dict[str, Any]
    rows: int
    what: str


def recognize(path: Path, folder: Path, question: Question) -> Recognized:
    """Return what is recognized of a folder of images, or of a .npz, .csv, .tsv or .jsonl file.

    `folder` is that of the question, whose options take the place of what is recognized. Raises
    Problem where the format is unknown, or labels or inputs cannot be used.
    """
    found = _recognized(path, folder, question)
    return replace(found, preprocess=found.preprocess | question.preprocess)


def _recognized(path: Path, folder: Path, question: Question) -> Recognized:
    target = os.path.relpath(path, folder)
    suffix = own.review_suffix(path.name)
    if path.is_dir():
        return _folder(path, target, question)
    if not path.is_file():
        raise Problem(f"{path}: no such file or folder, and no dataset of params.yaml: correct it")
    if suffix == ".npz":
        return _npz(path, target, question)
    if suffix in own.JSON_SUFFIXES:
        return _json_lines(path, target, question)
    if suffix in own.TABLE_SUFFIXES:
        return _table(path, target, question)
    known = ", ".join(sorted({".npz"} | own.JSON_SUFFIXES | own.TABLE_SUFFIXES))
    raise Problem(f"{path}: expected a folder of images, or a file that ends in one of {known}")


def _folder(path: Path, target: str, question: Question) -> Recognized:
    files = inventory.take("question", "folder", str(path)).files
    sizes, colored = set(), False
    for file in files[:: max(1, len(files) // SAMPLE)]:
        size, in_color = image_folder.size_and_color(path / file.path)
        sizes.add(size)
        colored |= in_color
    size = sizes.pop() if len(sizes) == 1 else (SIDE, SIDE)
    size = (SIDE, SIDE) if max(size) > 2 * SIDE else size
    size = question.preprocess.get("size", size)
    colored = question.preprocess.get("color", colored)
    classes = {file.class_name for file in files}
    what = (
        f"a folder of {len(files)} images of {len(classes)} classes, read as {size[0]} x {size[1]} "
        f"{'pixels in color' if colored else 'gray pixels'}"
    )
    preprocess = {"size": [*size], "color": colored} | _shares({file.part for file in files})
    return Recognized({"folder": target}, preprocess, len(files), what)


def _npz(path: Path, target: str, question: Question) -> Recognized:
    given = question.preprocess
    content = path.read_bytes()
    names = (given.get("x", "X"), given.get("y", question.label or "y"))
    try:
        with zipfile.ZipFile(path) as archive:
            stored = [name.removesuffix(".npy") for name in archive.namelist()]
    except zipfile.BadZipFile:
        stored = []
    if "x" not in given and "X" not in stored and "x" in stored:
        names = ("x", names[1])
    table = npz_arrays.table(content, str(path), names, scaled="range")
    preprocess = {"x": names[0], "y": names[1]} | _shares({*table.part_N})
    if table.x.dtype != np.uint8:
        preprocess |= {"scaling": question.scaling if table.x.ndim == 2 else "range"}
    what = f"arrays of {len(table.x)} examples of shape {[*table.x.shape[1:]]}"
    return Recognized({"npz": target}, preprocess, len(table.x), what)


def _table(path: Path, target: str, question: Question) -> Recognized:
    given = question.preprocess
    with path.open("rb") as file:
        reader = inventory.HashingReader(file)
        encoding = given.get("encoding", "utf-8")
        lines = review_files.lines(reader, str(path), encoding, newline="")
        header = next(lines, "")
        try:
            review_files.check_decoded(header)
        except ValueError as error:
            file.seek(0)
            raise csv_table.not_text(str(path), file.read(SIGNATURE)) from error
        second = next(lines, "")
        delimiter = given.get("delimiter") or _delimiter(header, second)
        quoting: Literal[0, 3] = (
            csv.QUOTE_NONE if given.get("quoting") is False else csv.QUOTE_MINIMAL
        )
        rows = _rows(
            csv.reader(chain([header, second], lines), delimiter=delimiter, quoting=quoting)
        )
        columns = csv_table.column_names(next(rows, []))
        _check_names(path, columns)
        column = _label(path, columns, given.get("stars") or question.label)
        place = columns.index(column)
        whole = (row for row in rows if len(row) == len(columns))
        sample = [*islice(whole, SAMPLE)]
        labels = [row[place].strip() for row in chain(sample, whole)]
    inputs = dict(zip(columns, zip(*sample, strict=True), strict=False))
    _check_header(path, question, column, labels, inputs)
    inputs.pop(column, None)
    text_column = _column(path, [*inputs], given.get("text")) or _text_column(inputs)
    if "stars" not in given:
        where = f"column {column} of {path}"
        check_classes(
            [name for name in labels if name not in MISSING],
            where,
            f", or, if these are stars, give --set stars={column}" if text_column else "",
        )
    shared = {"delimiter": delimiter} | _shares(set())
    if text_column:
        labeled = [
            cell
            for cell, row in zip(inputs[text_column], sample, strict=True)
            if row[place].strip() not in MISSING
        ]
        options = shared | ({} if "stars" in given else {"label": column})
        others = [name for name in inputs if name != text_column]
        return _texts(target, text_column, labeled, options, column, len(labels), others)
    if "encoding" in given:
        raise Problem(f"{path} is a table of numbers: save it in UTF-8 in place of --set encoding")
    for name, cells in inputs.items():
        _check_cells(path, name, cells)
    shared |= {"label": column}
    what = f"a table of {len(labels)} rows, {len(columns) - 1} inputs, classes in column {column}"
    return Recognized({"csv": target}, shared | {"scaling": question.scaling}, len(labels), what)


def _delimiter(header: str, row: str) -> str:
    """Return the most frequent delimiter of a header, if possible one as frequent in a row.

    >>> _delimiter('"a, cm";"b, cm";label', "1;2;x"), _delimiter("p(a|b|c),label", "1,x")
    (';', ',')
    """
    header, row = (QUOTED.sub("", line) for line in (header, row))
    alike = [mark for mark in DELIMITERS if 0 < header.count(mark) == row.count(mark)]
    return max(alike or DELIMITERS, key=header.count)


def _check_names(path: Path, columns: list[str]) -> None:
    """Raise Problem where a column other than the first, which may number the rows, has no name."""
    unnamed = [str(n) for n, name in enumerate(columns, start=1) if not name and n > 1]
    if unnamed:
        places = f"column {unnamed[0]} has" if len(unnamed) == 1 else (
            f"columns {', '.join(unnamed[:-1])} and {unnamed[-1]} have"
        )  # fmt: skip
        raise Problem(f"{path}: {places} no name: remove empty columns, name the others")


def _check_header(
    path: Path,
    question: Question,
    label: str,
    labels: Sequence[str],
    inputs: Mapping[str, Sequence[str]],
) -> None:
    """Raise Problem where the first line looks like a row: a name is also a cell of its column."""
    if question.label is not None or label.lower() in LABELS:
        return
    cells = {**inputs, label: labels}
    for name, column in cells.items():
        if name and name.lower() not in TEXTS and name in map(str.strip, column):
            raise Problem(
                f"{path}: the first line seems to be a row, not a header, since {name[:LONG]} is "
                "also a cell below: add a header, or set the column of the classes with --label"
            )


def _check_cells(path: Path, name: str, cells: Sequence[str]) -> None:
    """Raise Problem where a column of inputs is empty, or most of its cells are no numbers."""
    filled = [cell for cell in map(str.strip, cells) if cell not in MISSING]
    if not filled and not any(map(str.strip, cells)):
        raise Problem(f"{path}: column {name} is empty in every row: remove it")
    words = [cell for cell in filled if not _numbers([cell])]
    if len(words) > len(filled) / 2:
        raise Problem(
            f"{path}: column {name} has {words[0][:LONG]!r} and other cells that are no numbers: "
            f"remove it, write numbers, or, to classify its texts alone, give --set text={name}"
        )


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield the rows of a CSV file, header first; rows that are no CSV are left to `preprocess`."""
    while True:
        with suppress(csv.Error):
            row = next(reader, None)
            if row is None:
                return
            if row:
                yield row


def _json_lines(path: Path, target: str, question: Question) -> Recognized:
    given = question.preprocess
    with path.open("rb") as file:
        reader = inventory.HashingReader(file)
        encoding = given.get("encoding", "utf-8")
        lines = review_files.lines(reader, str(path), encoding, newline="\n")
        items = [*islice(review_files.json_objects(lines, str(path)), SAMPLE)]
        rows = len(items) + sum(1 for line in lines if line.strip())
    objects = [item[1] for item in items if not isinstance(item, Fault)]
    if not any(objects):
        faults = [f", line {item.line}: {item.what}" for item in items if isinstance(item, Fault)]
        raise Problem(f"{path}{''.join(faults[:1])}: expected a JSON object in each line")
    columns = [*dict.fromkeys(name for row in objects for name in row)]
    column = _label(path, columns, given.get("stars") or question.label)
    labeled = [row for row in objects if row.get(column) not in (None, *MISSING)]
    texts = {
        name: [row[name] for row in labeled or objects if isinstance(row.get(name), str)]
        for name in columns
        if name != column
    }
    text_column = _column(path, columns, given.get("text")) or _text_column(
        {name: cells for name, cells in texts.items() if cells}
    )
    if text_column not in texts:
        raise Problem(f"{path} has no column of texts: it has {', '.join(columns)}")
    if "stars" not in given:
        check_classes(
            [row[column] for row in labeled if isinstance(row[column], int | float | str)],
            f"{column} of {path}",
            f", or, if these are stars, give --set stars={column}",
        )
    options = ({} if "stars" in given else {"label": column}) | _shares(set())
    others = [name for name in columns if name not in (column, text_column)]
    return _texts(target, text_column, texts[text_column], options, column, rows, others)


def _texts(
    target: str,
    name: str,
    texts: Sequence[str],
    options: dict[str, Any],
    label: str,
    rows: int,
    others: Sequence[str],
) -> Recognized:
    """Return texts, with at most `TERMS` terms as inputs.

    The first labeled texts are given; `others` are the columns that are neither texts nor labels.
    """
    try:
        known = len(Tokenizer().fit(texts)[1])
    except ValueError as error:
        raise Problem(f"{error}: give texts of words under {name}") from error
    # The training part lacks some of them: it may be smaller than these texts.
    options = options | {"text": name, "terms": max(1, min(TERMS, known // 2))}
    what = f"{rows} rows with texts under {name} and classes under {label}"
    if others:
        what += f"; not used: {listed([*others])}"
    return Recognized({"reviews": target}, options, rows, what)


def _label(path: Path, columns: list[str], label: str | None) -> str:
    """Return the column of the classes: `label`, else the first of `LABELS`, else the last."""
    if not columns:
        raise Problem(f"{path} is empty, or begins with an empty line: expected a header row")
    by_name = {name.lower(): name for name in reversed(columns)}
    named = [by_name[name] for name in LABELS if name in by_name]
    return _column(path, columns, label) or (named or columns[-1:])[0]


def _column(path: Path, columns: list[str], given: str | None) -> str | None:
    """Return the column that was given, if any. Raises Problem where there is no such column."""
    if given is not None and given not in columns:
        raise Problem(f"{path} has no column {given!r}; it has {listed(columns)}")
    return given


def _text_column(inputs: Mapping[str, Sequence[str]]) -> str | None:
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
    except ValueError:  # words
        return
    rare = sorted(counts.values())[len(counts) // 2] < FEWEST if counts else False
    if len(counts) > 2 * FEWEST and (fractions or rare):
        raise Problem(NO_CLASSES.format(where, len(counts), len(labels)) + otherwise)


def _shares(given: set[Any]) -> dict[str, float]:
    """Return the shares of the splits that the files do not name."""
    return {part: share for part, share in SHARES.items() if part not in given}
