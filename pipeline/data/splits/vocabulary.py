"""Terms: how a text becomes bits, one for each term of a vocabulary.

Legend of shape suffixes: N texts, T terms of all of them, I terms of the vocabulary.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.runtime.storage import Record

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

JOINTS = (" ", "_")


@dataclass(frozen=True)
class Tokens:
    """How a text falls into terms of `ngrams` (fewest, most) words, lower-cased.

    With the joint " " words are scikit-learn's: two letters, digits or underscores and more. With
    "_" texts come as terms already, a space between two, and a "_" joins the words of one.
    """

    ngrams: tuple[int, int] = (1, 1)
    joint: str = " "

    def vectorizer(self, terms: tuple[str, ...] | None = None) -> Any:
        """Return scikit-learn's vectorizer of presence bits, for given terms or for any."""
        from sklearn.feature_extraction.text import CountVectorizer

        how: dict[str, Any] = {"ngram_range": self.ngrams}
        if self.joint == "_":
            how = {"analyzer": partial(_split, self.ngrams)}
        return CountVectorizer(binary=True, dtype=np.uint8, vocabulary=terms, **how)

    def count(self, texts: Iterable[str]) -> tuple["csr_matrix", list[str]]:
        """Return the bits [N, T] of texts, which are read once, and all T terms in code order.

        Texts without any term have rows of zeros.
        """
        vectorizer = self.vectorizer()
        try:
            bits_NT = vectorizer.fit_transform(texts)
        except ValueError as error:  # scikit-learn's word for a corpus without a term
            raise ValueError("no review has a term") from error
        bits_NT.sort_indices()
        return bits_NT, vectorizer.get_feature_names_out().tolist()


@dataclass(frozen=True)
class Vocabulary:
    """The terms that are inputs, in their order, and how texts fall into terms.

    `stars` tells that the labels are ratings, whose names are numbers.
    """

    terms: tuple[str, ...]
    tokens: Tokens = Tokens()
    stars: bool = False

    @classmethod
    def of(cls, stored: Record) -> "Vocabulary":
        """Return a vocabulary as `dataclasses.asdict` told it, through JSON."""
        tokens = Tokens(tuple(stored["tokens"]["ngrams"]), stored["tokens"]["joint"])
        return cls(tuple(stored["terms"]), tokens, stored["stars"])

    def bits(self, texts: Iterable[str]) -> "csr_matrix":
        """Return the bits [N, I] of new texts; terms that are not in the vocabulary do not show."""
        bits_NI = self.tokens.vectorizer(self.terms).transform(texts)
        bits_NI.sort_indices()
        return bits_NI


def _split(ngrams: tuple[int, int], text: str) -> list[str]:
    fewest, most = ngrams
    return [term for term in text.lower().split() if fewest <= 1 + term.count("_") <= most]
