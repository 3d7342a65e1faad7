"""Recognition of a user's files: their format, labels and inputs, as the blocks of params.yaml."""

import json
import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data.download import inventory
from pipeline.data.formats import npz_arrays
from pipeline.data.sources import own
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.labels import MISSING
from pipeline.questions.question import SHARES
from pipeline.runtime.errors import Problem

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 1000  # rows, lines or images that are looked at
SIDE = 32  # pixels; larger images, or images of several sizes, are resized to squares of it
LABELS = ("label", "labels", "class", "target", "y", "category", "sentiment", "stars", "rating")
TEXTS = ("text", "review", "reviewtext", "content", "comment", "sentence")
TERMS = 2000
LONG = 20  # characters; a column of texts is longer on average
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


def recognize(path: Path, folder: Path, label: str | None, scaling: str) -> Recognized:
    """Return what is recognized of a folder of images, or of a .npz, .csv, .tsv or .jsonl file.

    `folder` is that of the question, `label` the column of the classes. Raises Problem where the
    format is unknown, or labels or inputs cannot be used.
    """
    target = os.path.relpath(path, folder)
    suffix = own.review_suffix(path.name)
    if path.is_dir():
        return _folder(path, target)
    if not path.is_file():
        raise Problem(f"{path}: no such file or folder, and no dataset of params.yaml: correct it")
    if suffix == ".npz":
        return _npz(path, target, label, scaling)
    if suffix in own.JSON_SUFFIXES:
        return _json_lines(path, target, label)
    if suffix in own.TABLE_SUFFIXES:
        return _table(path, target, label, scaling)
    known = ", ".join(sorted({".npz"} | own.JSON_SUFFIXES | own.TABLE_SUFFIXES))
    raise Problem(f"{path}: expected a folder of images, or a file that ends in one of {known}")


def _folder(path: Path, target: str) -> Recognized:
    from PIL import Image, UnidentifiedImageError

    files = inventory.take("question", "folder", str(path)).files
    sizes, colored = set(), False
    for file in files[:: max(1, len(files) // SAMPLE)]:
        try:
            with Image.open(path / file.path) as image:
                sizes.add(image.size[::-1])
                colored |= image.mode not in ("1", "L", "LA", "I;16", "I")
        except UnidentifiedImageError as error:
            raise Problem(f"{path / file.path} is not an image: remove it") from error
    size = sizes.pop() if len(sizes) == 1 else (SIDE, SIDE)
    size = (SIDE, SIDE) if max(size) > 2 * SIDE else size
    classes = {file.class_name for file in files}
    what = (
        f"a folder of {len(files)} images of {len(classes)} classes, read as {size[0]} x {size[1]} "
        f"{'pixels in color' if colored else 'gray pixels'}"
    )
    preprocess = {"size": [*size], "color": colored} | _shares({file.part for file in files})
    return Recognized({"folder": target}, preprocess, len(files), what)


def _npz(path: Path, target: str, label: str | None, scaling: str) -> Recognized:
    content = path.read_bytes()
    names = ("X", label or "y")
    try:
        with zipfile.ZipFile(path) as archive:
            stored = [name.removesuffix(".npy") for name in archive.namelist()]
    except zipfile.BadZipFile:
        stored = []
    if "X" not in stored and "x" in stored:
        names = ("x", names[1])
    table = npz_arrays.table(content, str(path), names, scaled="range")
    preprocess = {"x": names[0], "y": names[1]} | _shares({*table.part_N})
    if table.x.dtype != np.uint8:
        preprocess |= {"scaling": scaling if table.x.ndim == 2 else "range"}
    what = f"arrays of {len(table.x)} examples of shape {[*table.x.shape[1:]]}"
    return Recognized({"npz": target}, preprocess, len(table.x), what)


def _table(path: Path, target: str, label: str | None, scaling: str) -> Recognized:
    import pandas as pd

    with path.open("rb") as file:
        header = file.readline().decode("utf-8-sig", errors="replace")
    delimiter = max(",;\t|", key=header.count)
    options: dict[str, Any] = {"sep": delimiter, "dtype": str, "keep_default_na": False}
    try:
        sample = pd.read_csv(path, nrows=SAMPLE, encoding="utf-8-sig", **options)
        sample.columns = sample.columns.str.strip()
        column = _label(path, [*sample.columns], label)
        labels = pd.read_csv(
            path, usecols=[[*sample.columns].index(column)], encoding="utf-8-sig", **options
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise Problem(f"{path}: {' '.join(str(error).split())}: correct the file") from error
    labels_N = labels.iloc[:, 0].str.strip()
    check_classes(labels_N[~labels_N.isin(MISSING)].tolist(), f"column {column} of {path}")
    shared = {"label": column, "delimiter": delimiter} | _shares(set())
    inputs = sample.drop(columns=column)
    if text := _text_column(inputs):
        return _texts(target, inputs[text], shared, len(labels))
    for name in inputs:
        if (inputs[name].str.strip() == "").all():
            raise Problem(f"{path}: column {name} is empty in every row: remove it")
    what = f"a table of {len(labels)} rows, {inputs.shape[1]} inputs, classes in column {column}"
    return Recognized({"csv": target}, shared | {"scaling": scaling}, len(labels), what)


def _json_lines(path: Path, target: str, label: str | None) -> Recognized:
    import pandas as pd

    try:
        with path.open("rb") as file:
            lines = [line for _, line in zip(range(SAMPLE), file, strict=False) if line.strip()]
            rows = len(lines) + sum(1 for line in file if line.strip())
        sample = pd.DataFrame([json.loads(line) for line in lines])
    except (ValueError, AttributeError) as error:
        raise Problem(f"{path} is not JSON Lines ({error}): one object a line") from error
    column = _label(path, [*sample.columns], label)
    text = _text_column(sample.drop(columns=column).select_dtypes("str"))
    if text is None:
        raise Problem(f"{path} has no column of texts: it has {', '.join(sample.columns)}")
    return _texts(target, sample[text], {"label": column} | _shares(set()), rows)


def _texts(target: str, texts: "pd.Series[str]", options: dict[str, Any], rows: int) -> Recognized:
    """Return texts, of which the first ones are given, with at most `TERMS` terms as inputs."""
    known = len(Tokenizer((1, 1)).vectorizer().fit(texts).vocabulary_)
    # The training part lacks some of them: it may be smaller than these texts.
    options = options | {"text": str(texts.name), "terms": max(1, min(TERMS, known // 2))}
    what = f"{rows} texts under {texts.name}, classes under {options['label']}"
    return Recognized({"reviews": target}, options, rows, what)


def _label(path: Path, columns: list[str], label: str | None) -> str:
    """Return the column of the classes: `label`, else the first of `LABELS`, else the last."""
    if label is not None and label not in columns:
        raise Problem(f"{path} has no column {label!r}; it has {', '.join(columns[:20])}")
    by_name = {name.lower(): name for name in reversed(columns)}
    named = [by_name[name] for name in LABELS if name in by_name]
    return label or (named or columns[-1:])[0]


def _text_column(inputs: "pd.DataFrame") -> str | None:
    """Return the column of texts: one of `TEXTS`, else the one of the longest; None for numbers."""
    named = [name for name in inputs if name.lower() in TEXTS]
    lengths = {name: inputs[name].str.len().mean() for name in inputs if _wordy(inputs[name])}
    return str((named or sorted(lengths, key=lambda name: -lengths[name]) or [""])[0]) or None


def _wordy(values: "pd.Series[str]") -> bool:
    return bool(values.str.len().mean() > LONG and values.str.contains(" ").mean() > 1 / 2)


def check_classes(labels: Sequence[Any], where: str) -> None:
    """Raise Problem where labels are a quantity: numbers of which most are in too few rows."""
    counts = Counter(labels)
    try:
        fractions = any(float(label) % 1 for label in counts)
    except ValueError:  # words
        return
    rare = sorted(counts.values())[len(counts) // 2] < FEWEST if counts else False
    if len(counts) > 2 * FEWEST and (fractions or rare):
        raise Problem(NO_CLASSES.format(where, len(counts), len(labels)))


def _shares(given: set[Any]) -> dict[str, float]:
    """Return the shares of the splits that the files do not name."""
    return {part: share for part, share in SHARES.items() if part not in given}
