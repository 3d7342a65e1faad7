"""The Yelp Open Dataset, of which everyone has to get a copy of their own: restaurants' reviews.

It stands in for OpenTable's reviews, which were never published: as many labeled and unlabeled
ones are drawn from it.

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
from pipeline.data.sources import own_reviews
from pipeline.data.sources.entry import Dataset
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
    """The folder with your copy, unpacked."""

    folder: str = "data/own/yelp"


class Preprocess(TextOptions):
    """Of businesses of a category, `labeled` reviews are drawn and `unlabeled` others, if there are
    as many; the paper has 10,000 and 300,000 of OpenTable's.
    """

    category: str = "Restaurants"
    labeled: Count = 10_000
    unlabeled: Count = 300_000


def embed(raw: Path, source: Source) -> None:
    """Take stock of the two files; they stay where they are. Raises Problem where one is absent."""
    paths = [Path(source.folder, name).as_posix() for name in (BUSINESSES, REVIEWS)]
    for path in paths:
        if not Path(path).is_file():
            raise Problem(
                f"params.yaml: datasets.yelp.source.folder: there is no {path}: get your copy from "
                f"{YELP.address}, unpack it, and say where it is"
            )
    inventory.write(own_reviews.take("yelp", paths, []), raw)


def corpus(raw: Path, options: Preprocess) -> Corpus:
    """Return the reviews that were drawn, in the order of their file, with their stars.

    The file is read twice, line by line. Raises Problem where stock was not taken, a file has
    changed or is another, and where the category has too few reviews.
    """
    stock = inventory.read(raw)
    businesses, reviews = stock.files
    chosen = _businesses(stock, businesses, options.category)
    places_N = np.array(
        array("Q", (draw for item in _reviews(stock, reviews, chosen) if (draw := _draw(item)))),
        np.uint64,
    )
    if len(places_N) < options.labeled:
        raise Problem(
            f"params.yaml: datasets.yelp.preprocess.labeled = {options.labeled}, but "
            f"{options.category!r} has {len(places_N)} reviews: lower it, or name another category"
        )
    places_N.sort()
    last = int(places_N[options.labeled - 1])
    last_of_all = int(places_N[: options.labeled + options.unlabeled][-1])
    found = _chosen(_reviews(stock, reviews, chosen), last, last_of_all)
    return gather("yelp", [found], Tokenizer(options.ngrams), stars=True)


def _split(raw: Path, options: Preprocess) -> Splits:
    """Return shares of each number of stars of the labeled reviews, all drawn once and for all by
    their names; unlabeled ones are for training.

    Raises Problem as `corpus` does.
    """
    found = corpus(raw, options)
    return found.splits(partitions(found, options), options.terms)


Item = tuple[int, dict[str, Any]] | Fault


def _objects(stock: Inventory, file: File) -> Iterator[Item]:
    with stock.stream(file) as opened:
        lines = review_files.lines(opened, file.path, "utf-8", newline="\n")
        yield from review_files.json_objects(lines, file.path)


def _businesses(stock: Inventory, file: File, category: str) -> set[str]:
    """Return the ids of the businesses of a category."""
    chosen = set()
    for item in _objects(stock, file):
        if isinstance(item, Fault):
            raise Problem(f"{item.path}, line {item.line}: {item.what}: get another copy of it")
        _, business = item
        told = business.get("categories") or []
        names = told.split(",") if isinstance(told, str) else told
        if category in [str(name).strip() for name in names]:
            chosen.add(str(business.get("business_id")))
    if not chosen:
        raise Problem(
            f"params.yaml: datasets.yelp.preprocess.category: no business in {file.path} is of "
            f"{category!r}: correct it"
        )
    return chosen


def _reviews(stock: Inventory, file: File, chosen: set[str]) -> Iterator[Item]:
    """Yield the lines that are about the chosen businesses, and those that cannot be read."""
    for item in _objects(stock, file):
        if isinstance(item, Fault):
            yield item
            continue
        number, told = item
        try:
            if not isinstance(told.get("review_id"), str):
                raise ValueError("there is no 'review_id'")
            if told.get("business_id") in chosen:
                COLUMNS.review(told)
                yield item
        except ValueError as error:
            yield Fault(file.path, number, str(error))


def _draw(item: Item) -> int:
    """Return the place of a review among all, at random but always the same; 0 for a bad line."""
    return 0 if isinstance(item, Fault) else 1 + stream("yelp", "draw", item[1]["review_id"])


def _chosen(items: Iterator[Item], last: int, last_of_all: int) -> Iterator[Parsed]:
    """Yield the reviews up to a place, those up to an earlier one with their stars."""
    for item in items:
        if isinstance(item, Fault):
            yield item
            continue
        place = _draw(item)
        if place <= last_of_all:
            review = COLUMNS.review(item[1])
            yield review if place <= last else review._replace(label=None)


YELP = Dataset(
    name="yelp",
    title="Yelp's reviews of restaurants, with their stars",
    address="https://business.yelp.com/data/resources/open-dataset/",
    citation="Yelp Open Dataset",
    license="Yelp's terms of use of the dataset: academic, not to be passed on",
    split=_split,
    source=Source,
    preprocess=Preprocess,
    embed=embed,
)
