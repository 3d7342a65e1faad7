"""Division of a corpus's labeled reviews into training, validation and test, once or by folds.

Legend of shape suffixes: N reviews.
"""

from typing import Annotated, Self

import numpy as np
import torch
from pydantic import Field, model_validator

from pipeline.config.params import Count, Section, Share
from pipeline.data.text.corpus import Corpus, Parts, Rows
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import generator


class TextOptions(Section):
    """Options of `preprocess` that all text datasets have.

    `terms` is the number of inputs: the terms that occur in most training reviews, each of `ngrams`
    (fewest, most) words. `valid` and `test` are shares of the labeled reviews of every class, the
    same for all seeds. With `folds`, each seed tests on one fold instead of `test`, and `valid` is
    a share of the other reviews; with `labels` only that many of them keep their label. `repeats`
    is the number of seeds with a split, by default the number of folds.
    """

    terms: Count = 5000
    ngrams: Annotated[tuple[Count, Count], Field(strict=False)] = (1, 1)
    valid: Share = 0.1
    test: Share = 0.1
    folds: Annotated[int, Field(ge=2)] | None = None
    repeats: Count | None = None
    labels: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.folds is None and self.valid + self.test >= 1:
            raise ValueError("valid and test leave nothing to train on: lower them")
        if self.folds is None and (self.labels or self.repeats):
            raise ValueError("labels and repeats need folds: set folds as well")
        if self.ngrams[0] > self.ngrams[1]:
            raise ValueError("ngrams are (fewest, most) words: the first is larger than the second")
        return self


def partitions(corpus: Corpus, options: TextOptions) -> list[Parts]:
    """Return the one partition that all seeds share, or with `folds` the partition of each seed.

    Raises Problem where there are too few reviews.
    """
    if options.folds is None:
        return [shared(corpus, valid=options.valid, test=options.test)]
    return [fold(corpus, seed, options) for seed in range(options.repeats or options.folds)]


def shared(corpus: Corpus, *, valid: float, test: float) -> Parts:
    """Return a partition in which each part has its share of every class.

    The random stream depends on the dataset's name only. Raises Problem where a class has too few
    reviews.
    """
    parts: tuple[list[Rows], ...] = ([], [], [])
    for label, name in enumerate(corpus.class_names):
        rows = drawn(np.flatnonzero(corpus.label_N == label), corpus.dataset, "split", name)
        counts = [max(1, round(share * len(rows))) for share in (test, valid)]
        pieces = np.split(rows, np.cumsum(counts))
        if not all(len(piece) for piece in pieces):
            raise Problem(
                f"class {name} of {corpus.dataset} has {len(rows)} reviews to share between "
                "train, valid and test: add some"
            )
        for part, piece in zip(parts, pieces[::-1], strict=True):
            part.append(piece)
    train, valid_rows, test_rows = (
        drawn(np.concatenate(part), corpus.dataset, "split", name)
        for part, name in zip(parts, ("train", "valid", "test"), strict=True)
    )
    return Parts(train, valid_rows, test_rows, corpus.unlabeled)


def fold(corpus: Corpus, seed: int, options: TextOptions) -> Parts:
    """Return the partition of a seed, which tests on fold `seed % folds`.

    Every round of `folds` seeds divides the reviews anew. Folds have equal size and the same share
    of every class; the remainder of the division is always trained on. Where the corpus has folds
    of its own, they hold in every round. With `labels`, only that
    many of the other reviews keep their label; `valid` is a share of the labeled ones. Raises
    Problem where there are too few reviews.
    """
    folds = options.folds or 1
    turn, held_out = divmod(seed, folds)
    names = (corpus.dataset, "folds", turn)
    by_class = [np.flatnonzero(corpus.label_N == k) for k in range(len(corpus.class_names))]
    order_N = np.concatenate([drawn(rows, *names, k) for k, rows in enumerate(by_class)])
    where = f"params.yaml: datasets.{corpus.dataset}.preprocess"
    if len(order_N) < folds:
        raise Problem(
            f"{where}.folds = {folds}, but there are {len(order_N)} labeled reviews: lower it"
        )
    if corpus.fold_N is None:
        fold_N = np.arange(len(order_N)) % folds
        fold_N[len(order_N) // folds * folds :] = folds  # the remainder, which no seed tests on
    else:
        fold_N = corpus.fold_N[order_N]
    test, others = order_N[fold_N == held_out], order_N[fold_N != held_out]
    if options.labels is not None and options.labels > len(others):
        raise Problem(
            f"{where}.labels = {options.labels}, but a fold leaves {len(others)} labeled reviews: "
            "lower it"
        )
    kept = others if options.labels is None else spread(others, options.labels)
    valid = spread(kept, max(1, round(options.valid * len(kept))))
    train = kept[~np.isin(kept, valid)]
    if not len(train):
        raise Problem(f"{where}: {len(kept)} labeled reviews leave none to train on: add some")
    hidden = np.sort(np.concatenate([corpus.unlabeled, others[~np.isin(others, kept)]]))
    train, valid, test = (
        drawn(rows, *names, held_out, part)
        for rows, part in ((train, "train"), (valid, "valid"), (test, "test"))
    )
    return Parts(train, valid, test, hidden)


def spread(rows_N: Rows, count: int) -> Rows:
    """Return `count` evenly spaced rows; of rows sorted by class, each class keeps its share.

    >>> spread(np.arange(10), 3).tolist()
    [1, 5, 8]
    """
    return np.asarray(rows_N[(2 * np.arange(count) + 1) * len(rows_N) // (2 * count)])


def drawn(rows: Rows, *names: str | int) -> Rows:
    """Return rows in random order, from the random stream `names`."""
    order = torch.randperm(len(rows), generator=generator(*names)).numpy()
    return np.asarray(rows[order])
