"""Corpus: labeled and unlabeled reviews as binary vectors, and their division into splits.

The terms of all reviews are counted once. The vocabulary, which terms become inputs, is chosen
later from the training reviews alone, so that one corpus serves every partition.

Legend of shape suffixes: N reviews, M labeled ones (or row boundaries of a sparse matrix), T terms
of all reviews, I inputs, P ones of a sparse matrix.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.data.splits.sparse_batch import SparseRows
from pipeline.data.splits.split import Split, Splits
from pipeline.data.splits.vocabulary import Tokenizer, Vocabulary
from pipeline.data.text.labels import class_names
from pipeline.data.text.reviews import Parsed, Review, Tally
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix, csr_matrix

log = logging.getLogger(__name__)

UNLABELED = -1
EMPTY = 0.05  # largest share of texts without any term that needs no warning
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """All reviews of a dataset, in the order of its files.

    x_NT [N, T] is 1 where review n has term t of `terms`. label_N [N] is a position in
    `class_names`, -1 for unlabeled reviews. `notes` are the entries of the data card about the
    files. `text_N` [N] has one number for equal texts. `fold_N` [N] is the fold of each review
    where reviews that belong together share a fold; None where folds are drawn.
    """

    dataset: str
    x_NT: "csr_matrix"
    terms: list[str]
    label_N: NDArray[np.int64]
    class_names: tuple[str, ...]
    tokens: Tokenizer
    notes: Record
    text_N: NDArray[np.int64]
    stars: bool = False
    fold_N: NDArray[np.int64] | None = None

    @property
    def labeled(self) -> Rows:
        """Rows [M] of the labeled reviews, ascending."""
        return np.flatnonzero(self.label_N != UNLABELED)

    @property
    def unlabeled(self) -> Rows:
        """Rows of the unlabeled reviews, ascending."""
        return np.flatnonzero(self.label_N == UNLABELED)

    def vocabulary(self, seen: Rows, terms: int) -> tuple[Vocabulary, Rows]:
        """Return the `terms` terms that occur in most of the reviews `seen`, and their columns [I].

        Ties are broken by code-point order. Raises Problem where the reviews have fewer terms.
        """
        in_T = np.bincount(self.x_NT[seen].indices, minlength=len(self.terms))
        order_T = np.argsort(-in_T, kind="stable")
        distinct = int(np.count_nonzero(in_T))
        if distinct < terms:
            raise Problem(
                f"params.yaml: datasets.{self.dataset}.preprocess.terms = {terms}, but the "
                f"{len(seen)} reviews to train on have {distinct} different terms: lower it"
            )
        columns_I = order_T[:terms]
        chosen = tuple(self.terms[column] for column in columns_I)
        return Vocabulary(chosen, self.tokens, self.stars), columns_I

    def splits(self, partitions: Sequence["Parts"], terms: int) -> Splits:
        """Return the splits of one partition for all seeds, or of one partition per seed.

        The training split ends with the unlabeled reviews. Its labeled and unlabeled reviews, and
        no others, decide the vocabulary.
        """
        by_column = self.x_NT.tocsc()
        first, *others = (self._splits_of(parts, terms, by_column) for parts in partitions)
        self._warn_of_empty_texts(first.train)
        return Splits(
            *(
                replace(split, others=tuple(other[index] for other in others))
                for index, split in enumerate(first)
            )
        )

    def _warn_of_empty_texts(self, train: Split) -> None:
        empty = int(np.count_nonzero(train.x_NI.getnnz(1) == 0))  # type: ignore[union-attr]
        if empty > EMPTY * len(train.y_N):
            log.warning(
                "%s: %.0f%% of the %d texts to train on have none of the %d terms and become zeros "
                "(terms are words of two letters or more, with spaces or punctuation between them)",
                *(self.dataset, 100 * empty / len(train.y_N), len(train.y_N)),
                train.encoding.inputs,
            )

    def _splits_of(self, parts: "Parts", terms: int, by_column: "csc_matrix") -> Splits:
        seen = np.concatenate([parts.train, parts.unlabeled])
        vocabulary, columns_I = self.vocabulary(seen, terms)
        encoding = Encoding((terms,), self.class_names, vocabulary=vocabulary)
        x_NI = by_column[:, columns_I].tocsr()
        label_N = self.label_N.copy()
        label_N[parts.unlabeled] = UNLABELED

        def split(rows: Rows, notes: Record | None = None) -> Split:
            chosen = x_NI[rows]
            chosen.sort_indices()
            return Split(chosen, label_N[rows], encoding, id_N=rows, notes=notes)

        notes = self.notes | {"distinct_terms": len(self.terms)}
        return Splits(split(seen, notes), split(parts.valid), split(parts.test))


class Parts(NamedTuple):
    """Rows of a corpus by use; the labels of `unlabeled` rows are absent or hidden."""

    train: Rows
    valid: Rows
    test: Rows
    unlabeled: Rows


def gather(
    dataset: str, files: Iterable[Iterable[Parsed]], tokens: Tokenizer, *, stars: bool = False
) -> Corpus:
    """Return the corpus of the reviews in some files; each file is read once, line by line.

    Logs the number of bad lines. Raises Problem where a file cannot be used, and where there are
    fewer than two classes.
    """
    tally, labels = Tally(), list[str | None]()
    numbers, text_N = dict[int, int](), list[int]()

    def texts() -> Iterator[str]:
        for file in files:
            for text, label in tally.usable(file):
                labels.append(label)
                text_N.append(numbers.setdefault(hash(text), len(numbers)))
                yield text

    try:
        x_NT, terms = tokens.fit(texts())
    except ValueError as error:
        raise Problem(f"the files of {dataset}: {error}: add reviews") from error
    tally.report(dataset)
    names = class_names(label for label in labels if label is not None)
    if len(names) < 2:
        classes = f"one class alone, {names[0]}" if names else "no labeled review"
        raise Problem(f"the files of {dataset} have {classes}: add reviews of another")
    position = {name: n for n, name in enumerate(names)} | {None: UNLABELED}
    notes = {"bad_lines": tally.records(), "repeated": len(labels) - len(numbers)}
    label_N = np.array([position[label] for label in labels], np.int64)
    return Corpus(
        dataset, x_NT, terms, label_N, names, tokens, notes, np.array(text_N, np.int64), stars
    )


def encoded(reviews: Sequence[Review], encoding: Encoding) -> Examples:
    """Return labeled reviews as examples of a vocabulary; terms that it lacks are lost.

    Raises Problem where a label is not a class of the encoding.
    """
    assert encoding.vocabulary is not None, "not texts"
    position = {name: n for n, name in enumerate(encoding.class_names)}
    labels = [str(review.label) for review in reviews]
    if unknown := {*labels} - position.keys():
        raise Problem(
            f"there are reviews of class {min(unknown)}, and networks were trained on "
            f"{', '.join(position)}: label more training reviews"
        )
    x_NI = encoding.vocabulary.encode(review.text for review in reviews)
    starts_M, ones_P = (torch.from_numpy(array) for array in (x_NI.indptr, x_NI.indices))
    rows = SparseRows(starts_M.long(), ones_P.int(), encoding.inputs)
    return Examples(rows, torch.tensor([position[label] for label in labels]), encoding)
