"""Yelp Open Dataset: reviews of restaurants, from the user's own copy.

It replaces OpenTable's reviews, which were never published (paper, section 4.2): the same
numbers of labeled and unlabeled reviews are drawn.

Legend of shape suffixes: N reviews.
"""

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.params import Count, Section
from pipeline.data.download import inventory
from pipeline.data.download.inventory import File, Inventory
from pipeline.data.formats import review_files
from pipeline.data.sources import own
from pipeline.data.sources.dataset import Dataset
from pipeline.data.splits.split import Splits
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.corpus import Corpus, gather
from pipeline.data.text.cross_validation import TextOptions, partitions
from pipeline.data.text.reviews import Columns, Fault, Parsed
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import stream

BUSINESSES = "yelp_academic_dataset_business.json"
REVIEWS = "yelp_academic_dataset_review.json"
COLUMNS = Columns("text", stars="stars")


class Source(Section):
    """Folder with the user's copy, unpacked."""

    folder: str = "data/own/yelp"


class Preprocess(TextOptions):
    """Category of the businesses, and how many of their reviews are drawn, labeled and unlabeled.

    Where there are fewer others than `unlabeled`, all are taken. The paper has 10,000 and 300,000
    reviews of OpenTable.
    """

    category: str = "Restaurants"
    labeled: Count = 10_000
    unlabeled: Count = 300_000


def write_raw(raw: Path, source: Source) -> None:
    """Write the inventory of the two files, which are not copied, into the folder `raw`.

    Raises Problem where a file is absent.
    """
    paths = [Path(source.folder, name).as_posix() for name in (BUSINESSES, REVIEWS)]
    for path in paths:
        if not Path(path).is_file():
            raise Problem(
                f"params.yaml: datasets.yelp.source.folder: {path} does not exist: get a copy "
                f"from {YELP.address}, unpack it, and set its folder"
            )
    inventory.write(own.review_inventory("yelp", paths, []), raw)


def corpus(raw: Path, options: Preprocess) -> Corpus:
    """Return the drawn reviews with their stars, in the order of the file.

    The file is read twice, line by line. Raises Problem where the inventory is absent, a file has
    changed or cannot be read, or the category has too few reviews.
    """
    own_files = inventory.read(raw)
    businesses, reviews = own_files.files
    chosen = _businesses(own_files, businesses, options.category)
    rank_N = np.array(
        array(
            "Q", (rank for item in _reviews(own_files, reviews, chosen) if (rank := _rank(item)))
        ),
        np.uint64,
    )
    if len(rank_N) < options.labeled:
        raise Problem(
            f"params.yaml: datasets.yelp.preprocess.labeled = {options.labeled}, but "
            f"{options.category!r} has {len(rank_N)} reviews: lower it, or name another category"
        )
    rank_N.sort()
    last = int(rank_N[options.labeled - 1])
    last_of_all = int(rank_N[: options.labeled + options.unlabeled][-1])
    drawn = _drawn(_reviews(own_files, reviews, chosen), last, last_of_all)
    return gather("yelp", [drawn], Tokenizer(options.ngrams), stars=True)


def _split(raw: Path, options: Preprocess) -> Splits:
    """Return folds, on one of which each seed tests, or without `folds` shares of each number of
    stars, drawn once and for all by the reviews' names; unlabeled reviews are for training.

    Raises Problem as `corpus` does.
    """
    reviews = corpus(raw, options)
    return reviews.splits(partitions(reviews, options), options.terms)


Item = tuple[int, dict[str, Any]] | Fault


def _objects(own_files: Inventory, file: File) -> Iterator[Item]:
    with own_files.stream(file) as opened:
        lines = review_files.lines(opened, file.path, "utf-8", newline="\n")
        yield from review_files.json_objects(lines, file.path)


def _businesses(own_files: Inventory, file: File, category: str) -> set[str]:
    """Return the ids of the businesses of a category. Raises Problem where there is none."""
    chosen = set()
    for item in _objects(own_files, file):
        if isinstance(item, Fault):
            raise Problem(f"{item.path}, line {item.line}: {item.what}: get another copy of it")
        _, business = item
        names = business.get("categories") or []
        names = names.split(",") if isinstance(names, str) else names
        if category in [str(name).strip() for name in names]:
            chosen.add(str(business.get("business_id")))
    if not chosen:
        raise Problem(
            f"params.yaml: datasets.yelp.preprocess.category: no business in {file.path} is of "
            f"{category!r}: correct it"
        )
    return chosen


def _reviews(own_files: Inventory, file: File, chosen: set[str]) -> Iterator[Item]:
    """Yield the reviews of the chosen businesses, and the lines that cannot be read."""
    for item in _objects(own_files, file):
        if isinstance(item, Fault):
            yield item
            continue
        number, row = item
        try:
            if not isinstance(row.get("review_id"), str):
                raise ValueError("there is no 'review_id'")
            if row.get("business_id") in chosen:
                COLUMNS.review(row)
                yield item
        except ValueError as error:
            yield Fault(file.path, number, str(error))


def _rank(item: Item) -> int:
    """Return the rank of a review, random but the same in every run; 0 for a bad line."""
    return 0 if isinstance(item, Fault) else 1 + stream("yelp", "draw", item[1]["review_id"])


def _drawn(items: Iterator[Item], last: int, last_of_all: int) -> Iterator[Parsed]:
    """Yield the reviews up to rank `last_of_all`, with their stars up to rank `last`."""
    for item in items:
        if isinstance(item, Fault):
            yield item
            continue
        rank = _rank(item)
        if rank <= last_of_all:
            review = COLUMNS.review(item[1])
            yield review if rank <= last else review._replace(label=None)


YELP = Dataset(
    name="yelp",
    title="Yelp's reviews of restaurants, with their stars",
    address="https://business.yelp.com/data/resources/open-dataset/",
    citation="Yelp Open Dataset",
    license="Yelp's terms of use of the dataset: academic, not to be passed on",
    split=_split,
    source=Source,
    preprocess=Preprocess,
    write_raw=write_raw,
)
