"""The user's own data: a folder of images, an npz file, a CSV file, or files of reviews.

`download` writes an inventory of the files, which are not copied; `preprocess` reads the files.

Legend of shape suffixes: N examples.
"""

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.config.params import Count, Section
from pipeline.data.download import inventory
from pipeline.data.download.inventory import File, Inventory, Kind, Place
from pipeline.data.formats import csv_table, image_folder, npz_arrays, review_files
from pipeline.data.formats.duplicates import duplicates, hashes
from pipeline.data.formats.table import Table
from pipeline.data.sources.dataset import Dataset
from pipeline.data.splits.split import Splits
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.corpus import Corpus, gather
from pipeline.data.text.cross_validation import TextOptions, partitions
from pipeline.data.text.reviews import Columns, Parsed, Stars
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

log = logging.getLogger(__name__)

KINDS: frozenset[Kind] = frozenset(("folder", "npz", "csv", "reviews"))
OPTIONS = {  # of each kind, beside the shares `valid` and `test`
    "folder": {"size", "color", "background"},
    "npz": {"x", "y", "scaling"},
    "csv": {"label", "delimiter", "quoting", "scaling"},
    "reviews": {"text", "stars", "label", "ratings", "delimiter", "quoting", "encoding"}
    | {*TextOptions.model_fields},
}
JSON_SUFFIXES = {".jsonl", ".json", ".ndjson"}
TABLE_SUFFIXES = {".csv", ".tsv"}
RANDOM_STATE = 0
LabeledExamples = Table | image_folder.ImageFolder  # in an order that depends on the files alone


def _path(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("a path is not empty and has no null character: correct it")
    return text


def one_delimiter(text: str) -> str:
    """Return a delimiter, a tab for `\\t`. Raises ValueError if it is no single character."""
    text = "\t" if text == r"\t" else text  # as shells and plain YAML give it
    if len(text) != 1 or text in '"\r\n':
        raise ValueError("a delimiter is one character, for example ; or a tab (\\t)")
    return text


def _ascending(ratings: tuple[float, float]) -> tuple[float, float]:
    if not ratings[0] < ratings[1]:
        raise ValueError("set the lowest number of stars, then a higher one, for example [1, 5]")
    return ratings


OnePath = Annotated[str, AfterValidator(_path)]
Paths = Annotated[list[OnePath], BeforeValidator(lambda it: [it] if isinstance(it, str) else it)]


class Source(Section):
    """Path of the data, under the key of its kind, and metadata for the data card.

    `unlabeled` goes with `reviews`: paths of files of reviews without labels.
    """

    folder: OnePath | None = None
    npz: OnePath | None = None
    csv: OnePath | None = None
    reviews: Paths | None = None
    unlabeled: Paths = []  # noqa: RUF012
    title: str | None = None
    license: str | None = None
    citation: str | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(self._given()) != 1:
            raise ValueError("set exactly one of folder, npz, csv and reviews")
        if self.unlabeled and self.reviews is None:
            raise ValueError("unlabeled is allowed only with reviews: remove it")
        return self

    @property
    def kind(self) -> Kind:
        """Kind of the data."""
        return self._given()[0]

    @property
    def paths(self) -> list[str]:
        """Paths of the folder or the files, as given."""
        if self.reviews is not None:
            return [*self.reviews, *self.unlabeled]
        return [str(getattr(self, self.kind))]

    @property
    def path(self) -> str:
        """All paths, joined by commas."""
        return ", ".join(self.paths)

    def _given(self) -> list[Kind]:
        return sorted(kind for kind in KINDS if getattr(self, kind) is not None)


class Preprocess(TextOptions):
    """Options of the splits.

    `size` (rows, columns) and `color` are for images; where they are absent, all images must agree.
    `background` is the color behind transparent images, white where it is absent.
    `x` and `y` name the arrays of an npz file, `label` the column of a CSV file with the classes.
    `scaling` is for numbers other than bytes: `range` maps the range of a feature in the training
    split to [0, 1] and clips the other splits to it, `standardized` gives the feature mean 0 and
    standard deviation 1 in the training split. `valid` and `test` are shares of the examples of
    each class; where the files define the test split, `valid` is a share of the others.

    For reviews `text` and `stars` name the columns, or `label` that of classes other than stars;
    `ratings` are the lowest and the highest number of stars, `encoding` is that of all files.

    In CSV files quotes enclose cells; `quoting: false` makes them plain characters. By default
    lines within quotes are bad lines where each is a row by itself, `quoting: true` accepts them.
    """

    size: Annotated[tuple[Count, Count], Field(strict=False)] | None = None
    color: bool | None = None
    background: image_folder.Background | None = None
    x: str = "X"
    y: str = "y"
    label: str = "label"
    delimiter: Annotated[str, AfterValidator(one_delimiter)] = ","
    quoting: bool | None = None
    scaling: Literal["range", "standardized"] = "range"
    text: str = "text"
    stars: str = "stars"
    ratings: Annotated[tuple[float, float], Field(strict=False), AfterValidator(_ascending)] = (
        1.0,
        5.0,
    )
    encoding: Annotated[str, AfterValidator(review_files.encoding_name)] = "utf-8"

    @property
    def review_columns(self) -> Columns:
        """Columns of files of reviews: those of text and label where `label` is set, else stars."""
        labeled = "label" in self.model_fields_set
        return Columns(
            self.text,
            stars=None if labeled else self.stars,
            label=self.label if labeled else None,
            ratings=Stars(*self.ratings),
        )


def relevant(kind: Kind, options: Section) -> set[str]:
    """Return the names of the options that a kind has; reviews have either `stars` or `label`."""
    other = "stars" if "label" in options.model_fields_set else "label"
    return OPTIONS[kind] - ({other} if kind == "reviews" else set())


def entry(name: str) -> Dataset:
    """Return the catalogue's entry for a dataset of the user's own."""
    return Dataset(
        name=name,
        title=name,
        address="your own files",
        citation="none given",
        license="none given",
        split=partial(_split, name),
        source=Source,
        preprocess=Preprocess,
        write_raw=partial(_write_raw, name),
    )


def _write_raw(name: str, raw: Path, source: Source) -> None:
    if source.reviews is not None:
        files = review_inventory(name, source.reviews, source.unlabeled)
    else:
        files = inventory.take(name, source.kind, source.path)
    inventory.write(files, raw)


def _split(name: str, raw: Path, options: Preprocess) -> Splits:
    """Return the splits that the files name, else folds, on one of which each seed tests, or shares
    of each class, drawn once and for all."""
    files = inventory.read(raw)
    where = f"params.yaml: datasets.{name}.preprocess"
    for option in sorted(options.model_fields_set - {"valid", "test"} - OPTIONS[files.kind]):
        raise Problem(
            f"{where}.{option} does not apply to a source of kind {files.kind}: remove it"
        )
    if files.kind == "reviews":
        if {"stars", "label"} <= options.model_fields_set:
            raise Problem(f"{where} has both stars and label: remove one")
        reviews = _corpus(files, options)
        partitioned = partitions(reviews, options)
        first = partitioned[0][:3]
        texts, labels = (_lists(array, first) for array in (reviews.text_N, reviews.label_N))
        if counts := duplicates(texts, labels):
            reviews = replace(reviews, notes=reviews.notes | {"duplicates": counts})
        return reviews.splits(partitioned, options.terms)
    examples = _examples(files, options)
    for option in sorted(options.model_fields_set & set(examples.part_N)):
        raise Problem(f"{where}.{option}: {files.path} already has a {option} split: remove it")
    parts = partition(examples, files.path, options)
    splits = examples.splits(parts)
    if not isinstance(examples, Table):
        return splits
    # Rows are compared as the file has them: scaling makes values beyond the training range equal.
    inputs = [hashes(examples.x[rows]) for rows in parts]
    counts = duplicates(inputs, _lists(examples.y_N, parts))
    notes: Record = {"duplicates": counts}
    if columns := examples.index_columns():
        log.warning(
            "%s: %s of %s numbers the rows, and may reveal the class: remove the column",
            *(name, " and ".join(columns), files.path),
        )
        notes["index_columns"] = columns
    return splits._replace(train=replace(splits.train, notes=notes))


def _lists(array_N: NDArray[np.int64], parts: Sequence[NDArray[np.int64]]) -> list[list[int]]:
    return [array_N[rows].tolist() for rows in parts]


def _examples(files: Inventory, options: Preprocess) -> LabeledExamples:
    if files.kind == "folder":
        return image_folder.image_folder(
            files, options.size, color=options.color, background=options.background or "white"
        )
    content = files.content(files.files[0])
    if files.kind == "csv":
        return csv_table.read_csv(
            *(content, files.path, options.label),
            delimiter=options.delimiter,
            scaled=options.scaling,
            quoting=options.quoting,
        )
    table = npz_arrays.table(content, files.path, (options.x, options.y), scaled=options.scaling)
    if table.x.dtype == np.uint8 and "scaling" in options.model_fields_set:
        raise Problem(
            f"params.yaml: datasets.{files.dataset}.preprocess.scaling: {files.path} has bytes, "
            "which become inputs in [0, 1]: remove it, or save the array as float32"
        )
    return table


def partition(
    examples: LabeledExamples, path: str, options: Preprocess
) -> tuple[NDArray[np.int64], ...]:
    """Return the rows of the three splits, shuffled; each split has its share of every class.

    Raises Problem where there is one class, or where a class has too few examples.
    """
    if len(examples.class_names) < 2:
        raise Problem(f"{path} has only one class, {examples.class_names[0]}: add another")
    given = set(examples.part_N.tolist())
    shares = {"test": options.test, "valid": options.valid}
    drawn = {part: share for part, share in shares.items() if part not in given}
    parts = {part: [np.flatnonzero(examples.part_N == part)] for part in given - {"train"}}
    parts |= {part: [] for part in ("train", *drawn)}
    for label, name in enumerate(examples.class_names):
        for part in given:
            if not (examples.y_N[examples.part_N == part] == label).any():
                raise Problem(f"class {name} of {path} has no {part} examples: add some")
        rows = np.flatnonzero((examples.y_N == label) & (examples.part_N == "train"))
        counts = [max(1, round(share * len(rows))) for share in drawn.values()]
        pieces = np.split(_shuffled(rows), np.cumsum(counts))
        for part, piece in zip((*drawn, "train"), pieces, strict=True):
            if not len(piece):
                raise Problem(
                    f"class {name} of {path} has {len(rows)} examples to share between "
                    f"{' and '.join(('train', *drawn))}: add some, or leave the class out"
                )
            parts[part].append(piece)
    return tuple(_shuffled(np.concatenate(parts[part])) for part in inventory.PARTS)


def _shuffled(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    from sklearn.utils import shuffle

    return np.asarray(shuffle(rows, random_state=RANDOM_STATE))


def review_inventory(dataset: str, labeled: list[str], unlabeled: list[str]) -> Inventory:
    """Return the inventory of files of reviews, in the order given, unlabeled ones last.

    Raises Problem where a file is absent, or given twice by any path or as a copy.
    """
    files: dict[str, File] = {}  # by the hash of their content
    for key, paths in (("reviews", labeled), ("unlabeled", unlabeled)):
        mark = {"unlabeled": True} if key == "unlabeled" else {}
        for path in paths:
            if not Path(path).is_file():
                raise inventory.absent(dataset, key, path)
            try:
                measured = inventory.measure(Place(Path(path)), Path(path).parent)
            except OSError as error:
                raise Problem(f"{path} cannot be read: {error.strerror}") from error
            file = measured.model_copy(update={"path": path, **mark})
            other = files.setdefault(file.sha256, file)
            if other is not file:
                raise Problem(
                    f"params.yaml: datasets.{dataset}.source: {other.path} and {path} have the "
                    "same content: name one"
                )
    path = ", ".join(file.path for file in files.values())
    return Inventory(dataset=dataset, kind="reviews", path=path, files=list(files.values()))


def _corpus(files: Inventory, options: Preprocess) -> Corpus:
    """Return all reviews. Raises Problem where a file cannot be read or has changed."""
    columns = options.review_columns
    by_file = [_file_reviews(files, file, columns, options) for file in files.files]
    tokens = Tokenizer(options.ngrams)
    return gather(files.dataset, by_file, tokens, stars=columns.stars is not None)


def _file_reviews(
    files: Inventory, file: File, columns: Columns, options: Preprocess
) -> Iterator[Parsed]:
    if file.unlabeled:
        columns = replace(columns, stars=None, label=None)
    with files.stream(file) as opened:
        yield from read_reviews(
            *(opened, file.path, columns),
            delimiter=options.delimiter,
            encoding=options.encoding,
            quoting=options.quoting,
        )


def review_suffix(path: str) -> str:
    """Return the lower-case suffix of a file of reviews, without a .gz behind it."""
    return Path(path.lower().removesuffix(".gz")).suffix


def read_reviews(
    opened: io.RawIOBase,
    path: str,
    columns: Columns,
    *,
    delimiter: str,
    encoding: str,
    quoting: bool | None = None,
) -> Iterator[Parsed]:
    """Yield the reviews of an open file, in the format of its suffix.

    The suffixes are .jsonl, .json and .ndjson, .csv and .tsv, each also with .gz behind it; Problem
    is raised for another one.
    """
    suffix = review_suffix(path)
    if suffix not in JSON_SUFFIXES | TABLE_SUFFIXES:
        raise Problem(f"{path} does not end in .jsonl or .csv: rename it by its format")
    newline = "\n" if suffix in JSON_SUFFIXES else ""
    lines = review_files.lines(opened, path, encoding, newline=newline)
    if suffix in JSON_SUFFIXES:
        yield from review_files.read_json_lines(lines, path, columns)
    else:
        yield from review_files.read_csv(lines, path, columns, delimiter=delimiter, quoting=quoting)
