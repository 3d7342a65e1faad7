"""Who trains, who validates, who tests: the labeled reviews of a corpus divided, once or by folds.

Legend of shape suffixes: N reviews.
"""

import numpy as np
import torch

from pipeline.data.text.corpus import Corpus, Parts, Rows
from pipeline.data.text.options import Text
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import generator


def partitions(corpus: Corpus, options: Text) -> list[Parts]:
    """Return the parts that all seeds share, or with `folds` the parts of each seed.

    Raises Problem where there are too few reviews.
    """
    if options.folds is None:
        return [shared(corpus, valid=options.valid, test=options.test)]
    return [fold(corpus, seed, options) for seed in range(options.repeats or options.folds)]


def shared(corpus: Corpus, *, valid: float, test: float) -> Parts:
    """Return parts of which each has its share of every class.

    Which review falls where is drawn once and for all by the dataset's name. Raises Problem where a
    class has too few.
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
        drawn(np.concatenate(part), corpus.dataset, "split", place)
        for part, place in zip(parts, ("train", "valid", "test"), strict=True)
    )
    return Parts(train, valid_rows, test_rows, corpus.unlabeled)


def fold(corpus: Corpus, seed: int, options: Text) -> Parts:
    """Return the parts of a seed: it holds out fold `seed % folds`, in a new division after every
    round of folds.

    Folds are equally large and share the classes alike; reviews that no fold has room for are
    trained on. With `labels` so many of the others keep theirs, and the rest are unlabeled;
    `valid` is a share of those that keep them. Raises Problem where there are too few reviews.
    """
    folds = options.folds or 1
    turn, held = divmod(seed, folds)
    names = (corpus.dataset, "folds", turn)
    by_class = [np.flatnonzero(corpus.label_N == k) for k in range(len(corpus.class_names))]
    order_N = np.concatenate([drawn(rows, *names, k) for k, rows in enumerate(by_class)])
    where = f"params.yaml: datasets.{corpus.dataset}.preprocess"
    if len(order_N) < folds:
        raise Problem(
            f"{where}.folds = {folds}, but there are {len(order_N)} labeled reviews: lower it"
        )
    fold_N = np.arange(len(order_N)) % folds
    fold_N[len(order_N) // folds * folds :] = folds  # the fold of those that never are held out
    test, others = order_N[fold_N == held], order_N[fold_N != held]
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
        drawn(rows, *names, held, part)
        for rows, part in ((train, "train"), (valid, "valid"), (test, "test"))
    )
    return Parts(train, valid, test, hidden)


def spread(rows_N: Rows, count: int) -> Rows:
    """Return so many of the rows, evenly spaced: of an order by class each class has its share.

    >>> spread(np.arange(10), 3).tolist()
    [1, 5, 8]
    """
    return np.asarray(rows_N[(2 * np.arange(count) + 1) * len(rows_N) // (2 * count)])


def drawn(rows: Rows, *names: str | int) -> Rows:
    """Return rows in the random order of the stream `names`."""
    order = torch.randperm(len(rows), generator=generator(*names)).numpy()
    return np.asarray(rows[order])
