"""Own review files as a dataset: splits, labels, ratings, and files that are refused."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources import own
from pipeline.runtime.errors import Problem
from tests.review_files import jsonl, reviews, splits


def test_own_reviews_become_splits(tmp_path: Path) -> None:
    """JSON Lines and CSV files together give stratified, disjoint splits."""
    first = jsonl(tmp_path / "a.jsonl", reviews(60))
    second = tmp_path / "b.csv"
    second.write_text("text,stars\n" + "".join(f"{r['text']},{r['stars']}\n" for r in reviews(40)))
    found = splits(tmp_path, {"reviews": [str(first), str(second)]}, valid=0.2, test=0.1)
    assert [len(split.y_N) for split in found] == [70, 20, 10]
    assert found.train.encoding.class_names == ("1", "2", "3", "4", "5")
    for split in found:
        assert np.bincount(split.y_N).tolist() == [len(split.y_N) // 5] * 5
    ids = np.concatenate([split.id_N for split in found])
    assert sorted(ids.tolist()) == list(range(100))
    rated = np.array([r["stars"] for r in reviews(60) + reviews(40)])
    assert all((rated[split.id_N] == split.y_N + 1).all() for split in found)


def test_unlabeled_reviews_are_for_training(tmp_path: Path) -> None:
    """Unlabeled reviews follow the labeled training reviews and need a text column only."""
    first = jsonl(tmp_path / "a.jsonl", reviews(50))
    second = jsonl(tmp_path / "b.jsonl", [{"text": "rare rarer"}] * 30)
    found = splits(tmp_path, {"reviews": str(first), "unlabeled": str(second)}, terms=2)
    assert found.train.y_N[-30:].tolist() == [-1] * 30
    assert (found.train.y_N[:-30] >= 0).all()
    assert found.train.encoding.vocabulary.terms == ("common", "rare")
    assert found.train.id_N[-30:].tolist() == list(range(50, 80))
    assert all((split.y_N >= 0).all() for split in found[1:])


def test_texts_that_occur_twice_are_counted(tmp_path: Path) -> None:
    """Texts of validation and test that are also in training, and texts of two classes."""
    texts = [f"t{n % 12} common" for n in range(120)]
    rows = [{"text": text, "kind": "ab"[n // 12 % 2]} for n, text in enumerate(texts)]
    path = jsonl(tmp_path / "a.jsonl", rows)
    found = splits(tmp_path, {"reviews": str(path)}, label="kind", terms=1)
    assert found.train.notes["duplicates"] == {
        "valid_in_train": len(found.valid.y_N),
        "test_in_train": len(found.test.y_N),
        "in_two_classes": 120,
    }
    rows = [{"text": f"t{n} common", "kind": "ab"[n % 2]} for n in range(40)]
    found = splits(
        tmp_path, {"reviews": str(jsonl(tmp_path / "b.jsonl", rows))}, label="kind", terms=1
    )
    assert "duplicates" not in found.train.notes


def test_long_texts_of_csv_files_are_read(tmp_path: Path) -> None:
    """A cell longer than the 131,072 characters of Python's own limit."""
    path = tmp_path / "a.csv"
    long = "common " * 20_000
    path.write_text("text,stars\n" + "".join(f'"{long}{n}",{n % 2 + 1}\n' for n in range(20)))
    found = splits(tmp_path, {"reviews": str(path)}, terms=1)
    assert sum(len(split.y_N) for split in found) == 20


def test_labels_of_another_column(tmp_path: Path) -> None:
    """With `label`, classes are the values of that column, and no stars are needed."""
    rows = [{"text": f"t{n} common", "kind": "up" if n % 2 else "down"} for n in range(40)]
    path = jsonl(tmp_path / "a.jsonl", rows)
    found = splits(tmp_path, {"reviews": str(path)}, label="kind", terms=1)
    assert found.train.encoding.class_names == ("down", "up")
    assert not found.train.encoding.vocabulary.stars
    with pytest.raises(Problem, match="both stars and label"):
        splits(tmp_path, {"reviews": str(path)}, label="kind", stars="stars")


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ([{"text": "a good one", "stars": 3}] * 9, {}, "one class alone, 3"),
        (reviews(10), {}, "class 1 of mine has 2 reviews to share"),
        (reviews(50), {"terms": 60}, "terms = 60, but the 40 reviews to train on have"),
        ([{"text": "a .", "stars": n % 2 + 1} for n in range(40)], {}, "no review has a term"),
        (reviews(50), {"size": [3, 3]}, "size does not apply to a source of kind reviews"),
        ([{"review": "a"}], {}, "a.jsonl, line 1: there is no 'text'"),
        ([], {}, "no review has a term"),
    ],
)
def test_reviews_that_cannot_be_used_are_a_problem(tmp_path: Path, rows, options, says) -> None:
    """Unusable reviews are refused in one line with a remedy."""
    path = jsonl(tmp_path / "a.jsonl", rows)
    with pytest.raises(Problem, match=says) as caught:
        splits(tmp_path, {"reviews": str(path)}, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"reviews": "nowhere.jsonl"}, "source.reviews: there is no file nowhere.jsonl"),
        ({"reviews": "a.jsonl", "unlabeled": "no.jsonl"}, "source.unlabeled: there is no file"),
        ({"reviews": ["a.jsonl", "a.jsonl"]}, "a.jsonl and a.jsonl have the same content: name"),
        ({"reviews": ["a.jsonl", "./a.jsonl"]}, r"a.jsonl and ./a.jsonl have the same content"),
        ({"reviews": "a.jsonl", "unlabeled": "a.txt"}, "a.jsonl and a.txt have the same content"),
        ({"reviews": "a.txt"}, "a.txt does not end in .jsonl or .csv"),
    ],
)
def test_absent_files_are_named(tmp_path: Path, monkeypatch, source, says: str) -> None:
    """The Problem names the key of params.yaml or the file."""
    monkeypatch.chdir(tmp_path)
    jsonl(tmp_path / "a.jsonl", reviews(50))
    jsonl(tmp_path / "a.txt", reviews(50))
    with pytest.raises(Problem, match=says):
        splits(tmp_path, source)


def test_changed_review_files_are_refused(tmp_path: Path) -> None:
    """A file that changed or vanished since `download` is a Problem."""
    path = jsonl(tmp_path / "a.jsonl", reviews(50))
    splits(tmp_path, {"reviews": str(path)})
    entry = own.entry("mine")
    path.write_text(path.read_text().replace("word7 ", "word8 "))
    with pytest.raises(Problem, match=r"a\.jsonl has changed since it was recorded"):
        entry.split(tmp_path / "raw", own.Preprocess(terms=3))
    path.unlink()
    with pytest.raises(Problem, match=r"a\.jsonl has changed since it was recorded"):
        entry.split(tmp_path / "raw", own.Preprocess(terms=3))


def test_surrogates_in_json_are_text(tmp_path: Path) -> None:
    """A lone surrogate escaped in JSON is accepted as text."""
    rows = [row | {"text": row["text"] + " \ud800x"} for row in reviews(50)]
    path = jsonl(tmp_path / "a.jsonl", [json.dumps(row) for row in rows])
    assert len(splits(tmp_path, {"reviews": str(path)}).train.y_N) == 40


@pytest.mark.parametrize(
    ("low", "high", "few"), [(0, 4, False), (1, 10, False), (-1, 1, False), (0, 5, True)]
)
def test_ratings_on_another_scale_are_a_problem(
    tmp_path: Path, low: int, high: int, few: bool
) -> None:
    """The Problem names the scale that occurs and the option; a few such ratings are bad lines."""
    count = 300
    stars = [low if few and not n else low + few + n % (high - low + 1 - few) for n in range(count)]
    rows = [row | {"stars": rating} for row, rating in zip(reviews(count), stars, strict=True)]
    source = {"reviews": str(jsonl(tmp_path / "a.jsonl", rows))}
    if few:
        assert sum(len(split.y_N) for split in splits(tmp_path, source)) == count - 1
        return
    says = rf"line \d+: ratings run from {low} to {high}, and \d+ are not from 1 to 5: set ratings:"
    with pytest.raises(Problem, match=says):
        splits(tmp_path, source)
    found = splits(tmp_path, source, ratings=[low, high])
    assert len(found.train.encoding.class_names) == high - low + 1


def test_ratings_between_the_steps_are_a_problem(tmp_path: Path) -> None:
    """A fifth of the reviews with 4.3 stars are refused in one line, not left out."""
    stars = [4.3 if n % 5 == 0 else n % 5 for n in range(100)]
    rows = [row | {"stars": rating} for row, rating in zip(reviews(100), stars, strict=True)]
    source = {"reviews": str(jsonl(tmp_path / "a.jsonl", rows))}
    says = "line 1: ratings run from 1 to 4.3, and 20 are neither whole nor half ones: round them"
    with pytest.raises(Problem, match=says):
        splits(tmp_path, source)


@pytest.mark.parametrize(
    ("options", "value", "says"),
    [
        ({"label": "stars"}, 1.5, r"line 1: the label 1.5 is no whole number.* \(20 of 100 labels"),
        ({"label": "stars"}, ["1"], "line 1: the label is neither text nor a number .20 of 100"),
        (
            {},
            "1/5",
            "line 1: stars of '1/5' are not a number .20 of 100 labels cannot be used.: corr",
        ),
    ],
)
def test_many_refused_labels_are_a_problem(tmp_path: Path, options, value, says: str) -> None:
    """A fifth of the reviews without a usable label are refused in one line, not left out."""
    rows = [row | {"stars": n % 5 or value} for n, row in enumerate(reviews(100))]
    source = {"reviews": str(jsonl(tmp_path / "a.jsonl", rows))}
    with pytest.raises(Problem, match=says):
        splits(tmp_path, source, **options)
    rows[20:] = [row | {"stars": 1 + n % 4} for n, row in enumerate(reviews(400))]
    jsonl(tmp_path / "a.jsonl", rows)
    assert sum(len(split.y_N) for split in splits(tmp_path, source, **options)) == 416


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz", "a.csv.gz"])
def test_gzipped_files_are_read(tmp_path: Path, name: str) -> None:
    """A .gz file is read as the file that it holds; a damaged one is a Problem."""
    rows = reviews(40)
    table = "text,stars\n" + "".join(f"{row['text']},{row['stars']}\n" for row in rows)
    lines = table if ".csv" in name else "".join(json.dumps(row) + "\n" for row in rows)
    path = tmp_path / name
    path.write_bytes(gzip.compress(lines.encode()))
    found = splits(tmp_path, {"reviews": str(path)})
    assert sum(len(split.y_N) for split in found) == 40
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Problem, match=r"gz is a damaged gzip file \(.*\): replace it"):
        splits(tmp_path, {"reviews": str(path)})


@pytest.mark.parametrize(
    ("text", "share"),
    [("这家餐厅的菜很好吃{n}服务也不错", 100), ("word {n}", 0), ("\U0001f600", None)],
)
def test_texts_without_terms_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, share: int | None
) -> None:
    """Sentences without spaces are terms that no other text has: a warning has the share."""
    rows = [{"text": text.format(n=n), "stars": n % 2 + 1} for n in range(50)]
    if share:
        rows[0]["text"] = rows[1]["text"] = "same words"
    source = {"reviews": str(jsonl(tmp_path / "a.jsonl", rows))}
    if share is None:
        with pytest.raises(Problem, match="no review has a term, a word of two letters or more"):
            splits(tmp_path, source)
        return
    splits(tmp_path, source, terms=1)
    warned = [record.getMessage() for record in caplog.records if "have none of" in record.message]
    assert bool(warned) == bool(share)
    assert all("mine: 9" in message or "mine: 100%" in message for message in warned)
