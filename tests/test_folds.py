"""Cross-validation: folds partition the reviews, and held-out folds do not leak into training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.splits import examples
from pipeline.data.splits.per_seed import PerSeed, read_for
from pipeline.data.splits.sparse_batch import SparseBatch
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.corpus import Corpus, Parts, gather
from pipeline.data.text.cross_validation import TextOptions, partitions
from pipeline.data.text.reviews import Review
from pipeline.runtime.errors import Problem
from pipeline.training.minibatches import ShuffledMinibatches

LABELED, UNLABELED = 103, 20


def reviews(planted: set[int] | None = None) -> list[Review]:
    """Return reviews of three alternating classes, with unique and shared words."""
    return [
        Review(
            f"shared common own{n} word{n % 7}" + " planted" * (n in (planted or set())),
            ("no", "yes", "so")[n % 3] if n < LABELED else None,
        )
        for n in range(LABELED + UNLABELED)
    ]


def corpus(found: list[Review] | None = None) -> Corpus:
    return gather("mine", [reviews() if found is None else found], Tokenizer())


def parts(**options) -> list[Parts]:  # type: ignore[no-untyped-def]
    return partitions(corpus(), TextOptions(terms=9, **options))


def test_folds_are_held_out_in_turn() -> None:
    """Each review except the remainder is tested once per round; parts are equal and disjoint."""
    found = parts(folds=5, repeats=10, valid=0.25)
    for turn in (found[:5], found[5:]):
        tested = np.concatenate([part.test for part in turn])
        assert len({*tested.tolist()}) == len(tested) == 100
    assert {tuple(map(len, part)) for part in found} == {(62, 21, 20, 20)}
    for part in found:
        assert sorted(np.concatenate(part).tolist()) == list(range(LABELED + UNLABELED))
    assert {*found[0].test.tolist()} != {*found[5].test.tolist()}


def test_folds_are_stratified() -> None:
    """Class counts differ by at most two in every part, and rows are not sorted by class."""
    label_N = corpus().label_N
    for part in parts(folds=5, valid=0.25):
        for rows in part[:3]:
            counts = np.bincount(label_N[rows], minlength=3)
            assert counts.max() - counts.min() <= 2
            assert (np.diff(label_N[rows]) < 0).any()


def test_folds_of_the_corpus_are_kept() -> None:
    """Folds that the corpus has are tested in turn, the same ones in every round."""
    fold_N = np.arange(LABELED + UNLABELED) % 4
    fold_N[100:] = -1
    found = replace(corpus(), fold_N=fold_N)
    for seed, part in enumerate(partitions(found, TextOptions(terms=9, folds=4, repeats=8))):
        assert {*part.test.tolist()} == {*np.flatnonzero(fold_N == seed % 4).tolist()}
        assert sorted(np.concatenate(part).tolist()) == list(range(LABELED + UNLABELED))


def test_number_of_labels_is_limited() -> None:
    """Training and validation share the kept labels; other reviews become unlabeled."""
    found = parts(folds=2, repeats=4, labels=30, valid=0.3)
    assert {tuple(map(len, part)) for part in found} == {(21, 9, 51, 42)}
    kept = [frozenset(np.concatenate(part[:2]).tolist()) for part in found]
    assert len({*kept}) == 4
    for part in found:
        assert sorted(np.concatenate(part).tolist()) == list(range(LABELED + UNLABELED))


def test_hidden_labels_are_not_stored(tmp_path: Path) -> None:
    """In the stored training split, hidden labels are -1."""
    found = corpus()
    every = partitions(found, TextOptions(terms=9, folds=2, labels=30, valid=0.3))
    splits = found.splits(every, 9)
    examples.write(splits.train, tmp_path / "train.npz")
    for seed in range(2):
        stored = examples.read(tmp_path / "train.npz", seed, unlabeled=True)
        assert stored.y_N.tolist() == [*found.label_N[every[seed].train].tolist(), *[-1] * 42]


def test_terms_of_a_held_out_fold_are_not_in_its_vocabulary(tmp_path: Path) -> None:
    """A term that occurs in every review of one fold alone is in every other seed's vocabulary."""
    every = partitions(corpus(), TextOptions(terms=9, folds=5))
    held = 2
    found = corpus(reviews({*every[held].test.tolist()}))
    splits = found.splits(partitions(found, TextOptions(terms=9, folds=5)), 9)
    examples.write(splits.train, tmp_path / "train.npz")
    has = [
        "planted" in examples.read_encoding(tmp_path / "train.npz", seed).vocabulary.terms
        for seed in range(5)
    ]
    assert has == [seed != held for seed in range(5)]


def written(tmp_path: Path) -> Path:
    found = corpus()
    splits = found.splits(partitions(found, TextOptions(terms=9, folds=5)), 9)
    for name, split in splits._asdict().items():
        examples.write(split, tmp_path / f"{name}.npz")
    return tmp_path / "train.npz"


def test_every_seed_reads_its_own_split(tmp_path: Path) -> None:
    """Mini-batches of several seeds agree with those of each seed alone."""
    path = written(tmp_path)
    data = read_for(path, [1, 4])
    assert isinstance(data, PerSeed)
    each = {seed: examples.read(path, seed) for seed in (1, 4)}
    assert data.of(1).encoding != data.of(4).encoding
    batches = ShuffledMinibatches("mine", "finetune", 8, data)
    alone = {seed: ShuffledMinibatches("mine", "finetune", 8, each[seed]) for seed in each}
    singles = {seed: [*alone[seed].epoch([seed], 1)] for seed in each}
    for t, (x_SBI, y_SB) in enumerate(batches.epoch([1, 4], 1)):
        assert isinstance(x_SBI, SparseBatch)
        for place, seed in enumerate((1, 4)):
            x_1BI, y_1B = singles[seed][t]
            assert isinstance(x_1BI, SparseBatch)
            assert (x_SBI.dense()[place] == x_1BI.dense()[0]).all()
            assert (y_SB[place] == y_1B[0]).all()


def test_seeds_without_a_split_are_refused(tmp_path: Path) -> None:
    """A seed beyond the stored splits is a Problem, and so is reading without a seed."""
    path = written(tmp_path)
    with pytest.raises(Problem, match=r"for 5 seeds, .* none for seed 5: raise datasets\."):
        read_for(path, range(6))
    with pytest.raises(Problem, match="a split of its own for each seed"):
        examples.read(path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"folds": 104}, "folds = 104, but there are 103 labeled reviews"),
        ({"folds": 2, "labels": 60}, "labels = 60, but a fold leaves 52 labeled reviews"),
        ({"folds": 103, "labels": 2, "valid": 0.9}, "2 labeled reviews leave none to train on"),
    ],
)
def test_too_few_reviews_are_refused(options: dict, says: str) -> None:  # type: ignore[type-arg]
    """The Problem names the option and the number of reviews."""
    with pytest.raises(Problem, match=says):
        parts(**options)


@pytest.mark.parametrize("options", [{"labels": 10}, {"repeats": 3}])
def test_options_of_folds_need_folds(options: dict) -> None:  # type: ignore[type-arg]
    """`labels` and `repeats` are refused without `folds`."""
    with pytest.raises(ValueError, match="need folds"):
        TextOptions(**options)
