"""Labeled and unlabeled reviews as bits, and how they become splits.

The bits of every term are made once, of all reviews together; which terms are inputs is decided
afterwards, by the reviews that are trained on alone. So one corpus serves every way to split it.

Legend of shape suffixes: N reviews, M labeled ones, T terms of all reviews, I inputs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split, Splits
from pipeline.data.splits.vocabulary import Tokens, Vocabulary
from pipeline.data.text import reviews
from pipeline.data.text.reviews import Found, Tally
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix, csr_matrix

UNLABELED = -1
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """All reviews of a dataset, in the order of its files.

    bits_NT [N, T] is 1 where review n has term t of `terms`; label_N [N] is a position in
    `class_names`, -1 for unlabeled reviews. `notes` is what the data card tells of the files.
    """

    dataset: str
    bits_NT: "csr_matrix"
    terms: list[str]
    label_N: NDArray[np.int64]
    class_names: tuple[str, ...]
    tokens: Tokens
    notes: Record
    stars: bool = False

    @property
    def labeled(self) -> Rows:
        """The rows [M] of the labeled reviews, ascending."""
        return np.flatnonzero(self.label_N != UNLABELED)

    @property
    def unlabeled(self) -> Rows:
        """The rows of the others, ascending."""
        return np.flatnonzero(self.label_N == UNLABELED)

    def vocabulary(self, seen: Rows, terms: int) -> tuple[Vocabulary, Rows]:
        """Return the terms that most of the reviews `seen` have, and their columns [I].

        Of terms in equally many reviews the first in code order count as more frequent. Raises
        Problem where fewer terms are seen at all.
        """
        in_T = np.bincount(self.bits_NT[seen].indices, minlength=len(self.terms))
        order_T = np.argsort(-in_T, kind="stable")
        there = int(np.count_nonzero(in_T))
        if there < terms:
            raise Problem(
                f"params.yaml: datasets.{self.dataset}.preprocess.terms = {terms}, but the "
                f"{len(seen)} reviews to train on have {there} different terms: lower it"
            )
        columns_I = order_T[:terms]
        chosen = tuple(self.terms[column] for column in columns_I)
        return Vocabulary(chosen, self.tokens, self.stars), columns_I

    def splits(self, every: Sequence["Parts"], terms: int) -> Splits:
        """Return the splits of the given rows, one for all seeds or one for each.

        The training split has the unlabeled reviews too, after its own: both are what the
        vocabulary is made of, and nothing else is.
        """
        by_column = self.bits_NT.tocsc()
        first, *others = (self._splits_of(parts, terms, by_column) for parts in every)
        return Splits(
            *(
                replace(split, others=tuple(other[place] for other in others))
                for place, split in enumerate(first)
            )
        )

    def _splits_of(self, parts: "Parts", terms: int, by_column: "csc_matrix") -> Splits:
        seen = np.concatenate([parts.train, parts.unlabeled])
        vocabulary, columns_I = self.vocabulary(seen, terms)
        form = Encoding((terms,), self.class_names, vocabulary=vocabulary)
        bits_NI = by_column[:, columns_I].tocsr()
        notes = self.notes | {"distinct_terms": len(self.terms)}
        label_N = self.label_N.copy()
        label_N[parts.unlabeled] = UNLABELED
        return Splits(
            _split(bits_NI, label_N, seen, form, notes),
            _split(bits_NI, label_N, parts.valid, form),
            _split(bits_NI, label_N, parts.test, form),
        )


class Parts(NamedTuple):
    """Which rows of a corpus are whose: of the labeled reviews, and whose label nobody sees."""

    train: Rows
    valid: Rows
    test: Rows
    unlabeled: Rows


def _split(
    bits_NI: "csr_matrix", label_N: Rows, rows: Rows, form: Encoding, notes: Record | None = None
) -> Split:
    chosen = bits_NI[rows]
    chosen.sort_indices()
    return Split(chosen, label_N[rows], form, id_N=rows, notes=notes)


def gather(
    dataset: str, files: Iterable[Iterable[Found]], tokens: Tokens, *, stars: bool = False
) -> Corpus:
    """Return the corpus of the reviews in some files, each of which is read once, line by line.

    Says in one line of the log how many lines were bad. Raises Problem where a file cannot be used
    and where the labels are not of two classes at least.
    """
    tally, labels = Tally(), list[str | None]()
    texts: set[int] = set()

    def pass_by() -> Iterator[str]:
        for file in files:
            for text, label in tally.usable(file):
                labels.append(label)
                texts.add(hash(text))
                yield text

    try:
        bits_NT, terms = tokens.count(pass_by())
    except ValueError as error:
        raise Problem(f"the files of {dataset}: {error}: add reviews") from error
    tally.report(dataset)
    names = reviews.class_names(label for label in labels if label is not None)
    if len(names) < 2:
        known = f"one class alone, {names[0]}" if names else "no labeled review"
        raise Problem(f"the files of {dataset} have {known}: add reviews of another")
    place = {name: n for n, name in enumerate(names)} | {None: UNLABELED}
    notes = {"bad_lines": tally.records(), "repeated": len(labels) - len(texts)}
    label_N = np.array([place[label] for label in labels], np.int64)
    return Corpus(dataset, bits_NT, terms, label_N, names, tokens, notes, stars)
