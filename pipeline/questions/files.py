"""Recognition of a user's files: their format, labels and inputs, as the blocks of params.yaml."""

import csv
import os
import random
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.download import inventory
from pipeline.data.formats import csv_table, image_folder, npz_arrays, review_files
from pipeline.data.formats.table import listed
from pipeline.data.sources import own
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.labels import MISSING
from pipeline.data.text.reviews import Fault
from pipeline.questions import table_columns
from pipeline.questions.question import SHARES, Question
from pipeline.runtime.errors import Problem

SIGNATURE = 16  # first bytes that name a format
SAMPLE = 1000  # rows, lines or images that are looked at
SIDE = 32  # pixels; larger images, or images of several sizes, are resized to squares of it
TERMS = 2000


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


def relative(path: Path | str, folder: Path) -> str:
    """Return the path from a folder with slashes; the absolute one on another drive of Windows."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return Path(path).absolute().as_posix()


def _recognized(path: Path, folder: Path, question: Question) -> Recognized:
    target = relative(path, folder)
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
    if question.label or question.scaling:
        option = "--label" if question.label else "--scaling"
        raise Problem(f"{option} has no effect on {path}, a folder of images: leave it out")
    files = inventory.take("question", "folder", str(path)).files
    sizes, colored = set(), False
    # Drawn, not every n-th file: names may alternate, as a_gray and a_color.
    for file in random.Random(0).sample(files, min(len(files), SAMPLE)):
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
    names = (given.get("x", "X"), question.label or given.get("y", "y"))
    if zipfile.is_zipfile(path):
        npz_arrays.check_file_size(path)
        content = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            stored = [name.removesuffix(".npy") for name in archive.namelist()]
    else:
        with path.open("rb") as file:
            content, stored = file.read(SIGNATURE), []
    if "x" not in given and "X" not in stored and "x" in stored:
        names = ("x", names[1])
    chosen = question.label or {"x", "y"} & {*given}
    if absent := [name for name in names if stored and chosen and name not in stored]:
        raise Problem(
            f"{path} has no array {' and no array '.join(absent)}; it has {listed(stored)}: choose "
            "the examples with --set x=NAME, the classes with --label NAME"
        )
    table = npz_arrays.table(content, str(path), names, scaled="range")
    preprocess = {"x": names[0], "y": names[1]} | _shares({*table.part_N})
    if table.x.dtype != np.uint8:
        standard = "standardized" if table.x.ndim == 2 else "range"
        preprocess |= {"scaling": question.scaling or standard}
    elif question.scaling:
        raise Problem(
            f"{path} has bytes, which become inputs in [0, 1]: leave out --scaling, or save the "
            "array as float32"
        )
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
        delimiter = given.get("delimiter") or table_columns.delimiter(header, second)
        text = chain([header, second], lines)
        quoting = given.get("quoting")
        rows = _rows(csv_table.csv_reader(text, delimiter=delimiter, quoting=quoting, strict=False))
        columns = csv_table.column_names(next(rows, []))
        table_columns.check_names(path, columns)
        column = table_columns.label_column(path, columns, given.get("stars") or question.label)
        labels, sample = _sampled(rows, len(columns), columns.index(column))
    inputs = dict(zip(columns, zip(*sample, strict=True), strict=False))
    if question.label is None:
        table_columns.check_header(path, column, labels, inputs)
        table_columns.check_guess(path, column, labels)
    inputs.pop(column, None)
    text_column = table_columns.given_column(
        path, [*inputs], given.get("text")
    ) or table_columns.text_column(inputs)
    classes = [name for name in labels if name not in MISSING]
    left_out = len(labels) - len(classes)
    if "stars" not in given:
        table_columns.check_classes(
            classes,
            f"column {column} of {path}",
            f", or, if these are stars, give --set stars={column}" if text_column else "",
        )
    shared = {"delimiter": delimiter} | _shares(set())
    if text_column:
        texts = inputs[text_column]
        options = shared | ({} if "stars" in given else {"label": column})
        others = [name for name in inputs if name != text_column]
        found = _texts(target, text_column, texts, options, column, len(classes), others)
        return replace(found, what=found.what + _without_class(left_out))
    if "encoding" in given:
        raise Problem(f"{path} is a table of numbers: save it in UTF-8 in place of --set encoding")
    for name, cells in inputs.items():
        if len(classes) <= SAMPLE or any(cells):  # else later rows may fill the column
            table_columns.check_cells(path, name, cells)
    shared |= {"label": column}
    what = f"a table of {len(classes)} rows, {len(columns) - 1} inputs, classes in column {column}"
    what += _without_class(left_out)
    shared |= {"scaling": question.scaling or "standardized"}
    return Recognized({"csv": target}, shared, len(classes), what)


def _sampled(
    rows: Iterator[list[str]], columns: int, place: int
) -> tuple[list[str], list[list[str]]]:
    """Return the cells at `place` of all whole rows, and the first rows with a class.

    Where no row has a class, the first rows are returned.
    """
    labels, sample, unlabeled = list[str](), list[list[str]](), list[list[str]]()
    for row in rows:
        if len(row) == columns:
            labels.append(row[place].strip())
            kept = unlabeled if labels[-1] in MISSING else sample
            if len(kept) < SAMPLE:
                kept.append(row)
    return labels, sample or unlabeled


def _without_class(rows: int) -> str:
    return f"; left out: {rows} more without a class" if rows else ""


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
    column = table_columns.label_column(path, columns, given.get("stars") or question.label)
    labeled = [row for row in objects if not _is_missing(row.get(column))]
    texts = {
        name: [row[name] for row in labeled or objects if isinstance(row.get(name), str)]
        for name in columns
        if name != column
    }
    text_column = table_columns.given_column(
        path, columns, given.get("text")
    ) or table_columns.text_column({name: cells for name, cells in texts.items() if cells})
    if text_column not in texts:
        raise Problem(
            f"{path} has no column of texts beside {column}, where the classes were looked for; it "
            f"has {listed(columns)}: choose with --label and --set text=NAME"
        )
    if "stars" not in given:
        table_columns.check_classes(
            [row[column] for row in labeled if isinstance(row[column], int | float | str)],
            f"{column} of {path}",
            f", or, if these are stars, give --set stars={column}",
        )
    options = ({} if "stars" in given else {"label": column}) | _shares(set())
    others = [name for name in columns if name not in (column, text_column)]
    return _texts(target, text_column, texts[text_column], options, column, rows, others)


def _is_missing(label: Any) -> bool:
    """Return whether a label of JSON is null, NaN, which differs from itself, or such a text."""
    return label is None or label != label or (isinstance(label, str) and label.strip() in MISSING)


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


def _shares(given: set[Any]) -> dict[str, float]:
    """Return the shares of the splits that the files do not name."""
    return {part: share for part, share in SHARES.items() if part not in given}
