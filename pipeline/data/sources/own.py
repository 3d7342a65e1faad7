"""The user's own data: images, npz arrays, a CSV table or reviews, without a line of code.

`download` takes stock of the files, which stay where they are; `preprocess` reads them.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.config.params import Count, Section
from pipeline.data.download import inventory
from pipeline.data.download.inventory import Inventory, Kind
from pipeline.data.formats import csv_table, image_folder, npz_arrays, review_files
from pipeline.data.sources import own_reviews
from pipeline.data.sources.entry import Dataset
from pipeline.data.splits.split import Splits
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.cross_validation import TextOptions, partitions
from pipeline.data.text.reviews import Columns, Stars
from pipeline.runtime.errors import Problem

KINDS: frozenset[Kind] = frozenset(("folder", "npz", "csv", "reviews"))
OPTIONS = {  # beside the shares, of which every kind has need
    "folder": {"size", "color"},
    "npz": {"x", "y", "scaling"},
    "csv": {"label", "delimiter", "scaling"},
    "reviews": {"text", "stars", "label", "ratings", "delimiter", "encoding"}
    | {*TextOptions.model_fields},
}
RANDOM_STATE = 0
Files = Annotated[
    list[str], Field(min_length=0), BeforeValidator(lambda it: [it] if isinstance(it, str) else it)
]


class Source(Section):
    """Where the data are, one of four kinds, and what the data card is to say of them.

    `unlabeled` goes with `reviews`: files of reviews that nobody has rated.
    """

    folder: str | None = None
    npz: str | None = None
    csv: str | None = None
    reviews: Files | None = None
    unlabeled: Files = []  # noqa: RUF012
    title: str | None = None
    license: str | None = None
    citation: str | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(self._given()) != 1:
            raise ValueError("give one of folder, npz, csv and reviews")
        if self.unlabeled and self.reviews is None:
            raise ValueError("unlabeled goes with reviews alone: remove it")
        return self

    @property
    def kind(self) -> Kind:
        """Which of the four it is."""
        return self._given()[0]

    @property
    def path(self) -> str:
        """Of the folder or file, as given; of several what they are called."""
        if self.reviews is not None:
            return ", ".join([*self.reviews, *self.unlabeled])
        return str(getattr(self, self.kind))

    def _given(self) -> list[Kind]:
        return sorted(kind for kind in KINDS if getattr(self, kind) is not None)


class Preprocess(TextOptions):
    """How the files become splits.

    `size` (rows, columns) and `color` are for images: where they are not given, all images have to
    agree. `x` and `y` name the arrays of an npz file, `label` the column of a CSV file with the
    classes. `scaling` is for numbers other than bytes: `range` takes what a feature spans in the
    training split to [0, 1] and clips the others to it, `standardized` gives it mean 0 and standard
    deviation 1 there. `valid` and `test` are shares of the examples, of each class alike; where
    files say what is for testing, `valid` is a share of the others.

    Of reviews `text` and `stars` name the columns, or `label` that of classes other than stars;
    `ratings` are the lowest and the highest number of stars, `encoding` is that of all files.
    """

    size: Annotated[tuple[Count, Count], Field(strict=False)] | None = None
    color: bool | None = None
    x: str = "X"
    y: str = "y"
    label: str = "label"
    delimiter: Annotated[str, Field(pattern=r'^[^"\r\n]$')] = ","
    scaling: Literal["range", "standardized"] = "range"
    text: str = "text"
    stars: str = "stars"
    ratings: Annotated[tuple[float, float], Field(strict=False)] = (1.0, 5.0)
    encoding: Annotated[str, AfterValidator(review_files.encoding_name)] = "utf-8"


def matters(kind: Kind, options: Section) -> set[str]:
    """Return the names of the options that mean something to a kind; reviews have stars or a label
    of another name, whichever was chosen.
    """
    other = "stars" if "label" in options.model_fields_set else "label"
    return OPTIONS[kind] - ({other} if kind == "reviews" else set())


class Found(Protocol):
    """Labelled examples that wait to be split, in an order that is always the same."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the labels."""
        ...

    @property
    def y_N(self) -> NDArray[np.int64]:
        """Labels [N]."""
        ...

    @property
    def part_N(self) -> NDArray[np.str_]:
        """What each is for [N], as far as the files say; `train` where they do not."""
        ...

    def splits(self, rows: tuple[NDArray[np.int64], ...]) -> Splits:
        """Return the splits that hold the given rows."""
        ...


def entry(name: str) -> Dataset:
    """Return the entry of a dataset of the user's own."""
    return Dataset(
        name=name,
        title=name,
        address="your own files",
        citation="none given",
        license="none given",
        split=partial(_split, name),
        source=Source,
        preprocess=Preprocess,
        embed=partial(_embed, name),
    )


def _embed(name: str, raw: Path, source: Source) -> None:
    if source.reviews is not None:
        stock = own_reviews.take(name, source.reviews, source.unlabeled)
    else:
        stock = inventory.take(name, source.kind, source.path)
    inventory.write(stock, raw)


def _split(name: str, raw: Path, options: Preprocess) -> Splits:
    """Return the splits that the files name, or shares of each class drawn once and for all."""
    stock = inventory.read(raw)
    where = f"params.yaml: datasets.{name}.preprocess"
    for option in sorted(options.model_fields_set - {"valid", "test"} - OPTIONS[stock.kind]):
        raise Problem(f"{where}.{option} means nothing to a source of kind {stock.kind}: remove it")
    if stock.kind == "reviews":
        return _of_reviews(stock, options, where)
    found = _found(stock, options)
    for option in sorted(options.model_fields_set & set(found.part_N)):
        raise Problem(f"{where}.{option}: {stock.path} says itself what {option} is: remove it")
    return found.splits(_partition(found, stock.path, options))


def _of_reviews(stock: Inventory, options: Preprocess, where: str) -> Splits:
    if {"stars", "label"} <= options.model_fields_set:
        raise Problem(f"{where} has both stars and label: remove one")
    labeled = "label" in options.model_fields_set
    columns = Columns(
        options.text,
        stars=None if labeled else options.stars,
        label=options.label if labeled else None,
        ratings=Stars(*options.ratings),
    )
    tokens = Tokenizer(options.ngrams)
    found = own_reviews.corpus(
        stock, columns, tokens, delimiter=options.delimiter, encoding=options.encoding
    )
    return found.splits(partitions(found, options), options.terms)


def _found(stock: Inventory, options: Preprocess) -> Found:
    if stock.kind == "folder":
        return image_folder.image_folder(stock, options.size, color=options.color)
    content = stock.content(stock.files[0])
    if stock.kind == "csv":
        return csv_table.read_csv(
            *(content, stock.path, options.label),
            delimiter=options.delimiter,
            scaled=options.scaling,
        )
    found = npz_arrays.table(content, stock.path, (options.x, options.y), scaled=options.scaling)
    if found.x.dtype == np.uint8 and "scaling" in options.model_fields_set:
        raise Problem(
            f"params.yaml: datasets.{stock.dataset}.preprocess.scaling: {stock.path} has bytes, "
            "which become inputs in [0, 1]: remove it, or save the array as float32"
        )
    return found


def _partition(found: Found, path: str, options: Preprocess) -> tuple[NDArray[np.int64], ...]:
    """Return the rows of the three splits, shuffled; each has its share of every class.

    Raises Problem where there is one class, or where a class has too few examples.
    """
    if len(found.class_names) < 2:
        raise Problem(f"{path} has one class alone, {found.class_names[0]}: add another")
    given = set(found.part_N.tolist())
    shares = [share for part, share in _shares(options) if part not in given]
    drawn = [part for part, _ in _shares(options) if part not in given]
    parts = {part: [np.flatnonzero(found.part_N == part)] for part in given - {"train"}}
    parts |= {part: [] for part in ("train", *drawn)}
    for label, name in enumerate(found.class_names):
        for part in given:
            if not (found.y_N[found.part_N == part] == label).any():
                raise Problem(f"class {name} of {path} has no {part} examples: add some")
        rows = np.flatnonzero((found.y_N == label) & (found.part_N == "train"))
        for part, some in zip((*drawn, "train"), _shared(rows, shares), strict=True):
            if not len(some):
                raise Problem(
                    f"class {name} of {path} has {len(rows)} examples to share between "
                    f"{' and '.join(('train', *drawn))}: add some, or leave the class out"
                )
            parts[part].append(some)
    return tuple(_shuffled(np.concatenate(parts[part])) for part in inventory.PARTS)


def _shares(options: Preprocess) -> tuple[tuple[str, float], ...]:
    return ("test", options.test), ("valid", options.valid)


def _shared(rows: NDArray[np.int64], shares: list[float]) -> list[NDArray[np.int64]]:
    """Deal rows of one class: at least one to each share, what is left to the last piece."""
    counts = [max(1, round(share * len(rows))) for share in shares]
    return np.split(_shuffled(rows), np.cumsum(counts))


def _shuffled(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    from sklearn.utils import shuffle

    return np.asarray(shuffle(rows, random_state=RANDOM_STATE))
