"""Yelp Open Dataset, in a synthetic copy: reviews of restaurants are drawn as documented."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.cards import data_card
from pipeline.data.sources import yelp
from pipeline.data.splits import examples
from pipeline.data.text.corpus import Corpus
from pipeline.runtime.errors import Problem
from tests.review_files import jsonl, texts_of

BUSINESSES = [
    {"business_id": "b0", "categories": "Food, Restaurants, Pizza"},
    {"business_id": "b1", "categories": "Restaurants Supplies, Shopping"},
    {"business_id": "b2", "categories": None},
    {"business_id": "b3", "categories": ["Restaurants"]},
]


def reviews(count: int) -> list[Any]:
    return [
        {
            "review_id": f"r{n}", "business_id": f"b{n % 4}", "stars": float(n // 4 % 5 + 1),
            "text": f"review{n} of business{n % 4} with stars{n // 4 % 5 + 1}",
        }
        for n in range(count)
    ]  # fmt: skip


def stock(folder: Path, rows: list[Any], businesses: list[Any] = BUSINESSES) -> Path:
    """Write a copy and its inventory, and return the folder of the inventory."""
    jsonl(folder / yelp.BUSINESSES, businesses)
    jsonl(folder / yelp.REVIEWS, rows)
    raw = folder / "raw"
    raw.mkdir(exist_ok=True)
    yelp.write_raw(raw, yelp.Source(folder=str(folder)))
    return raw


def options(**changes: Any) -> yelp.Preprocess:
    return yelp.Preprocess.model_validate({"labeled": 50, "unlabeled": 30, "terms": 4} | changes)


def numbers(found: Corpus) -> list[int]:
    """Return the number of each review, from its text."""
    return [int(next(t for t in terms if t.startswith("review"))[6:]) for terms in texts_of(found)]


def test_restaurants_are_chosen_and_reviews_drawn(tmp_path: Path) -> None:
    """The draw has the numbers of the options, no repeats, and only reviews of the category."""
    found = yelp.corpus(stock(tmp_path, reviews(400)), options())
    assert (len(found.labeled), len(found.unlabeled)) == (50, 30)
    drawn = numbers(found)
    assert len({*drawn}) == 80
    assert {n % 4 for n in drawn} == {0, 3}
    assert drawn == sorted(drawn)
    for place in found.labeled:
        assert found.class_names[found.label_N[place]] == str(drawn[place] // 4 % 5 + 1)
    assert sorted(drawn)[:40] != [n for n in range(400) if n % 4 in (0, 3)][:40]


def test_draw_depends_on_the_reviews_alone(tmp_path: Path) -> None:
    """Neither file order nor other businesses matter; a smaller draw is part of a larger."""
    rows = reviews(400)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = yelp.corpus(stock(tmp_path / "one", rows), options())
    shuffled = [rows[n] for n in np.random.default_rng(0).permutation(400)]
    other = yelp.corpus(stock(tmp_path / "two", shuffled), options(labeled=40))
    drawn, fewer = numbers(one), numbers(other)
    labeled = {drawn[n] for n in one.labeled}
    assert {fewer[n] for n in other.labeled} < labeled
    assert {*fewer} < {*drawn}


def test_splits_and_card(tmp_path: Path) -> None:
    """Training has the unlabeled reviews; the card has the number of the user's own files."""
    raw = stock(tmp_path, reviews(400))
    for part, split in yelp.YELP.split(raw, options())._asdict().items():
        examples.write(split, raw / f"{part}.npz")
    source = yelp.Source(folder=str(tmp_path))
    card = data_card.card(yelp.YELP, source, options(), raw=raw, ready=raw)
    assert card["own_files"]["files"] == 2
    assert card["class_names"] == ["1", "2", "3", "4", "5"]
    assert card["text"]["unlabeled"] == 30
    assert sum(part["examples"] for part in card["splits"].values()) == 50
    assert json.loads(json.dumps(card)) == card


def test_fewer_unlabeled_than_asked_for_are_all_there_are(tmp_path: Path) -> None:
    """All other reviews are unlabeled where there are fewer than the option asks for."""
    found = yelp.corpus(stock(tmp_path, reviews(400)), options(labeled=150, unlabeled=300))
    assert (len(found.labeled), len(found.unlabeled)) == (150, 50)


def test_bad_lines_are_counted_once(tmp_path: Path) -> None:
    """Bad lines count once though the file is read twice; lines of other businesses are not bad."""
    rows = reviews(400)
    rows[8] = rows[8] | {"text": ""}
    rows[9] = rows[9] | {"text": ""}
    del rows[12]["review_id"]
    rows.insert(20, '{"review_id": "broken')
    found = yelp.corpus(stock(tmp_path, rows), options())
    assert [(bad["lines"], bad["first"], bad["what"]) for bad in found.notes["bad_lines"]] == [
        (1, 9, "the text is empty"),
        (1, 13, "there is no 'review_id'"),
        (1, 21, "the line is not JSON"),
    ]
    assert len(found.labeled) == 50


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"category": "restaurants"}, "no business in .* is of 'restaurants'"),
        ({"labeled": 201}, "labeled = 201, but 'Restaurants' has 200 reviews"),
    ],
)
def test_options_beyond_the_copy_are_refused(tmp_path: Path, changes, says: str) -> None:
    """The error names the key of params.yaml."""
    with pytest.raises(Problem, match=says):
        yelp.corpus(stock(tmp_path, reviews(400)), options(**changes))


def test_broken_copy_is_refused(tmp_path: Path) -> None:
    """An absent file, a broken line of businesses and a changed file are refused."""
    with pytest.raises(Problem, match=r"business\.json does not exist: get a copy"):
        yelp.write_raw(tmp_path, yelp.Source(folder=str(tmp_path)))
    raw = stock(tmp_path, reviews(400), [*BUSINESSES, "{"])
    with pytest.raises(Problem, match=r"business\.json, line 5: the line is not JSON"):
        yelp.corpus(raw, options())
    raw = stock(tmp_path, reviews(400))
    jsonl(tmp_path / yelp.REVIEWS, reviews(399))
    with pytest.raises(Problem, match=r"review\.json has changed since it was recorded"):
        yelp.corpus(raw, options())
