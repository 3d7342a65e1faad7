"""Vocabulary: texts as binary vectors with one input per term.

Legend of shape suffixes: N texts, T terms of all texts, I terms of the vocabulary.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.runtime.storage import Record

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Tokenizer:
    """Tokenization of a text into lower-case terms of `ngrams` (fewest, most) words.

    With the joint " ", words are scikit-learn's: two or more letters, digits or underscores. With
    "_", a text is a list of terms separated by spaces, and "_" joins the words within a term.
    """

    ngrams: tuple[int, int] = (1, 1)
    joint: str = " "

    def vectorizer(self, terms: tuple[str, ...] | None = None) -> Any:
        """Return scikit-learn's binary vectorizer, for the given terms or for all."""
        from sklearn.feature_extraction.text import CountVectorizer

        how: dict[str, Any] = {"ngram_range": self.ngrams}
        if self.joint == "_":
            how = {"analyzer": partial(_split, self.ngrams)}
        return CountVectorizer(binary=True, dtype=np.uint8, vocabulary=terms, **how)

    def fit(self, texts: Iterable[str]) -> tuple["csr_matrix", list[str]]:
        """Return the sparse binary matrix [N, T] of texts and their T terms in code-point order.

        Texts are read once; a text without any term has an empty row. Raises ValueError where no
        text has a term.
        """
        vectorizer = self.vectorizer()
        try:
            x_NT = vectorizer.fit_transform(texts)
        except ValueError as error:  # raised by scikit-learn for an empty vocabulary
            raise ValueError("no review has a term") from error
        x_NT.sort_indices()
        return x_NT, vectorizer.get_feature_names_out().tolist()


@dataclass(frozen=True)
class Vocabulary:
    """The terms that are network inputs, in order, and the tokenizer that finds them.

    `stars` is true where the labels are ratings, whose class names are numbers.
    """

    terms: tuple[str, ...]
    tokens: Tokenizer = Tokenizer()
    stars: bool = False

    @classmethod
    def of(cls, stored: Record) -> "Vocabulary":
        """Return a vocabulary from the output of `dataclasses.asdict` after a trip through JSON."""
        tokens = Tokenizer(tuple(stored["tokens"]["ngrams"]), stored["tokens"]["joint"])
        return cls(tuple(stored["terms"]), tokens, stored["stars"])

    def encode(self, texts: Iterable[str]) -> "csr_matrix":
        """Return the sparse binary inputs [N, I] of texts; terms not in the vocabulary are lost."""
        x_NI = self.tokens.vectorizer(self.terms).transform(texts)
        x_NI.sort_indices()
        return x_NI


def _split(ngrams: tuple[int, int], text: str) -> list[str]:
    fewest, most = ngrams
    return [term for term in text.lower().split() if fewest <= 1 + term.count("_") <= most]
