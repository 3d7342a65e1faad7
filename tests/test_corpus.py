"""Corpus and vocabulary: held-out reviews have no influence, and splits are reproducible."""

import dataclasses
import json
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.data.cards import data_card
from pipeline.data.sources import own
from pipeline.data.splits import examples
from pipeline.data.splits.vocabulary import Tokenizer, Vocabulary
from pipeline.data.text.corpus import Corpus, gather
from pipeline.data.text.cross_validation import shared
from pipeline.data.text.reviews import Fault, Review
from pipeline.report.figures import dataset_card
from pipeline.runtime.errors import Problem
from tests.imports import ROOT
from tests.review_files import jsonl, reviews, texts_of

WORDS = [f"word{n:03}" for n in range(200)]


@cache
def written() -> list[Review]:
    """Return 120 labeled and 30 unlabeled texts, whose words have frequencies 1 / rank."""
    count, unlabeled = 120, 30
    draws = np.random.default_rng(0)
    shares = 1 / np.arange(1, 201)
    chosen = [draws.choice(WORDS, 12, p=shares / shares.sum()) for _ in range(count + unlabeled)]
    labels = [("no", "yes")[n % 2] if n < count else None for n in range(count + unlabeled)]
    return [Review(" ".join(words), label) for words, label in zip(chosen, labels, strict=True)]


def made(found: list[Review] | None = None, tokens: Tokenizer | None = None) -> Corpus:
    return gather("mine", [written() if found is None else found], tokens or Tokenizer())


def test_vocabulary_is_the_most_frequent_training_terms() -> None:
    """Terms are ranked by the number of training texts that have them; ties in code-point order."""
    found = made()
    rows = shared(found, valid=0.2, test=0.3)
    splits = found.splits([rows], 50)
    seen = [*rows[0].tolist(), *range(120, 150)]
    counts = Counter(word for n in seen for word in {*written()[n].text.split()})
    wanted = sorted(counts, key=lambda word: (-counts[word], word))[:50]
    assert splits.train.encoding.vocabulary.terms == tuple(wanted)
    assert splits.train.id_N.tolist() == seen
    for split in splits:
        dense_NI = split.x_NI.toarray()
        for row, n in zip(dense_NI, split.id_N, strict=True):
            assert row.tolist() == [int(word in written()[n].text.split()) for word in wanted]


def test_held_out_terms_are_not_in_the_vocabulary() -> None:
    """A term that occurs in every validation and test review, and nowhere else, is no input."""
    rows = shared(made(), valid=0.2, test=0.3)
    held = {*rows[1].tolist(), *rows[2].tolist()}
    planted = [
        review._replace(text=review.text + " planted" * (n in held))
        for n, review in enumerate(written())
    ]
    found = made(planted)
    again = shared(found, valid=0.2, test=0.3)
    assert all(np.array_equal(*pair) for pair in zip(rows, again, strict=True))
    assert "planted" in found.terms
    there = len({word for n in {*range(150)} - held for word in planted[n].text.split()})
    vocabulary = found.splits([again], there).train.encoding.vocabulary
    assert "planted" not in vocabulary.terms
    with pytest.raises(Problem, match=f"terms = {there + 1}, but the .* have {there} different"):
        found.splits([again], there + 1)


def test_held_out_reviews_do_not_change_training() -> None:
    """Other words in every validation and test review leave the training split unchanged."""
    rows = shared(made(), valid=0.2, test=0.3)
    held = {*rows[1].tolist(), *rows[2].tolist()}
    changed = [
        review._replace(text="word000 word150 aaa zzz") if n in held else review
        for n, review in enumerate(written())
    ]
    one, other = (made(found).splits([rows], 60) for found in (written(), changed))
    assert one.train.encoding == other.train.encoding
    assert (one.train.x_NI != other.train.x_NI).nnz == 0


def test_stored_vocabulary_encodes_texts_alike(tmp_path: Path) -> None:
    """A stored vocabulary gives the same texts the same inputs."""
    found = made(tokens=Tokenizer((1, 2)))
    splits = found.splits([shared(found, valid=0.2, test=0.3)], 150)
    path = tmp_path / "test.npz"
    examples.write(splits.test, path)
    stored = examples.read(path)
    assert isinstance(stored.encoding.vocabulary, Vocabulary)
    assert any(" " in term for term in stored.encoding.vocabulary.terms)
    again = stored.encoding.vocabulary.encode(written()[n].text.upper() for n in splits.test.id_N)
    assert torch.equal(torch.from_numpy(again.toarray()).float(), stored.inputs(slice(None)))
    new = stored.encoding.vocabulary.encode(["entirely different", ""])
    assert new.shape == (2, 150)
    assert new.nnz == 0


def test_terms_are_those_of_scikit_learn() -> None:
    """Terms are lower-case words of two or more letters, and word pairs on request."""
    found = made([Review("It IS a Good-one. It", "1"), Review("is it", "2")], Tokenizer((1, 2)))
    assert texts_of(found) == [
        {"it", "is", "good", "one", "it is", "is good", "good one", "one it"},
        {"is", "it", "is it"},
    ]


def test_splits_depend_on_the_name_alone() -> None:
    """Splits depend on the dataset's name, not on the texts, and do not overlap."""
    rows = shared(made(), valid=0.2, test=0.3)
    assert sorted(np.concatenate(rows).tolist()) == list(range(150))
    assert [len(part) for part in rows[:3]] == [60, 24, 36]
    other = shared(dataclasses.replace(made(), dataset="yours"), valid=0.2, test=0.3)
    assert [sorted(part) for part in rows] != [sorted(part) for part in other]
    assert rows[0].tolist() != sorted(rows[0].tolist())


def test_each_class_has_its_share() -> None:
    """Each split has its rounded share of every class, at least one review."""
    found = made([Review(f"text{n}", "ab"[n < 5]) for n in range(100)])
    rows = shared(found, valid=0.1, test=0.2)
    assert [np.bincount(found.label_N[part]).tolist() for part in rows[:3]] == [
        [66, 3], [10, 1], [19, 1]
    ]  # fmt: skip


def test_repeated_texts_and_bad_lines_are_noted(caplog: pytest.LogCaptureFixture) -> None:
    """The notes for the data card count repeated texts and bad lines."""
    texts = [Review("same text", "a"), Review("same text", "b"), Review("other", "a")]
    found = gather("mine", [[*texts, Fault("f", 4, "odd")], texts], Tokenizer())
    assert found.notes == {
        "bad_lines": [{"file": "f", "what": "odd", "lines": 1, "first": 4}],
        "repeated": 4,
    }
    assert "1 bad lines skipped, 6 reviews read" in caplog.text


def ready(folder: Path) -> tuple[Path, own.Source, own.Preprocess]:
    """Write the splits of 100 labeled reviews, one bad line and 40 unlabeled reviews."""
    rows = [*reviews(100), "{"]
    source = own.Source(
        reviews=[str(jsonl(folder / "a.jsonl", rows))],
        unlabeled=[str(jsonl(folder / "b.jsonl", [{"text": "common rare"}] * 40))],
    )
    options = own.Preprocess(terms=7)
    entry = own.entry("mine")
    assert entry.write_raw
    entry.write_raw(folder, source)
    for part, split in entry.split(folder, options)._asdict().items():
        examples.write(split, folder / f"{part}.npz")
    return folder, source, options


def test_card_describes_texts(tmp_path: Path) -> None:
    """The card has counts, terms, share of ones, bad lines and frequent terms, but no images."""
    folder, source, options = ready(tmp_path)
    out = tmp_path / "out"
    data_card.write(own.entry("mine"), source, options, raw=folder, ready=folder, out=out)
    card = json.loads((out / "card.json").read_text())
    assert card["splits"]["train"] == {"examples": 80, "by_class": [16] * 5}
    assert card["inputs"] == 7
    assert card["preparation"] == "1 where the text has the term"
    assert card["options"] == {
        "terms": 7, "ngrams": [1, 1], "valid": 0.1, "test": 0.1, "text": "text", "stars": "stars",
        "ratings": [1.0, 5.0], "encoding": "utf-8", "delimiter": ",",
    }  # fmt: skip
    text = card["text"]
    assert (text["terms"], text["unlabeled"], text["repeated"]) == (7, 40, 39)
    assert list(text["frequent"])[:3] == ["common", "rare", "stars1"]
    assert text["frequent"]["rare"] == 0.333333
    train = examples.read(folder / "train.npz", unlabeled=True).inputs(slice(None))
    assert text["ones"] == pytest.approx(float(train.mean()), abs=1e-6)
    assert text["terms_per_text"] == round(float(train.sum(1).mean()), 1)
    [bad] = text["bad_lines"]
    assert (bad["lines"], bad["first"], bad["what"]) == (1, 101, "the line is not JSON")
    with np.load(out / "samples.npz") as sheet:
        assert sheet["x"].size == 0
        assert dataset_card.pictures(dict(sheet)) == {}


@pytest.mark.parametrize("column", ["stars", "label"])
def test_card_names_the_label_column_in_use(column: str) -> None:
    """Only the chosen one of the options `stars` and `label` is listed."""
    options = own.Preprocess.model_validate({column: "x"})
    assert {"stars", "label"} & own.relevant("reviews", options) == {column}


def test_report_describes_texts(tmp_path: Path) -> None:
    """The report has one sentence about the texts, and facts on terms and bad lines."""
    folder, source, options = ready(tmp_path)
    card = data_card.card(own.entry("mine"), source, options, raw=folder, ready=folder)
    assert dataset_card.introduction(card) == "mine: 100 texts in 5 classes."
    facts = dict(dataset_card.text_facts(card["text"]))
    assert facts["Bad lines"].endswith("a.jsonl from line 101 on: the line is not JSON")
    assert "the 7 of 1 word that most training texts have" in facts["Terms"]
    assert facts["Repeated"].startswith("39 texts")


SCRIPT = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from pipeline.data.sources import own
from pipeline.data.splits import examples
folder = Path(sys.argv[1])
start = time.monotonic()
entry = own.entry("made")
source = own.Source(reviews=[str(folder / "a.jsonl")], unlabeled=[str(folder / "b.jsonl")])
entry.write_raw(folder, source)
for part, split in entry.split(folder, own.Preprocess(folds=10))._asdict().items():
    examples.write(split, folder / f"{part}.npz")
examples.read(folder / "train.npz", 9, unlabeled=True)
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([time.monotonic() - start, most * 1024]))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_corpus_of_the_papers_size(tmp_path: Path) -> None:
    """10,000 labeled and 300,000 unlabeled reviews of 100 words, in ten folds, each with its own
    vocabulary, take at most 5 minutes and 3 GB."""
    draws = np.random.default_rng(0)
    words = np.array([f"w{n}" for n in range(100_000)])
    cumulated = np.cumsum(1 / np.arange(1, len(words) + 1))
    for name, count in (("a", 10_000), ("b", 300_000)):
        with (tmp_path / f"{name}.jsonl").open("w") as file:
            for n in range(count):
                places = np.searchsorted(cumulated, draws.random(100) * cumulated[-1])
                row = {"text": " ".join(words[places]), "stars": n % 5 + 1}
                file.write(json.dumps(row) + "\n")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, most_bytes = json.loads(done.stdout)
    train = examples.read(tmp_path / "train.npz", 0, unlabeled=True)
    assert len(train) == 308_100
    assert seconds <= 300
    assert most_bytes <= 3e9
    print(f"310,000 reviews: {seconds:.0f} s, {most_bytes / 1e9:.2f} GB")  # noqa: T201
