"""Large Movie Review Dataset: reviews of the Internet Movie Database, from 1 to 10 stars.

The archive has 25,000 training and 25,000 test reviews, all with 1 to 4 or 7 to 10 stars, and
50,000 reviews without stars, one per file. The three groups share no movie. Some of the
training reviews keep their stars and are divided into folds; the others are used without stars.

Legend of shape suffixes: N reviews.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.config.params import Count
from pipeline.data.download.fetch import RemoteFile, Repacked
from pipeline.data.formats import archives
from pipeline.data.sources.dataset import Dataset
from pipeline.data.splits.split import Splits
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.corpus import Corpus, gather
from pipeline.data.text.cross_validation import TextOptions, drawn, partitions, spread
from pipeline.data.text.reviews import Review
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

ADDRESS = "https://ai.stanford.edu/~amaas/data/sentiment/"
NAME = "aclImdb_v1.tar.gz"
KINDS = ("pos", "neg", "unsup")
STARS = {"pos": range(7, 11), "neg": range(1, 5), "unsup": range(1)}  # 0 stands for no stars
FILES = {
    part: re.compile(rf"aclImdb/{part}/({kinds})/([0-9]{{1,5}})_([0-9]{{1,2}})\.txt")
    for part, kinds in (("train", "pos|neg|unsup"), ("test", "pos|neg"))
}
LARGEST = archives.AtMost(1 << 16)  # bytes of one file; the longest review has 14,000
WHOLE = 1 << 29  # bytes of the archive when expanded, at most
# Removed without a space, as in repacked copies whose training part has lost its markup.
MARKUP = re.compile(r"<br\s*/?>")

# First ids of the second to tenth block of whole movies. They follow from the lists of addresses
# (train/urls_*.txt) of the official archive, where the reviews of a movie have consecutive ids,
# and movies come in one order in `pos` and `neg`. From id ONLY_NEGATIVE of `neg` on come the
# movies without a positive review.
POSITIVE = (1250, 2497, 3746, 4999, 6256, 7501, 8743, 10004, 11248)
NEGATIVE = (347, 793, 1100, 1426, 1891, 2285, 2680, 3109, 3593)
ONLY_NEGATIVE = 3983
OTHERS = (4829, 5692, 6537, 7395, 8246, 9093, 9947, 10794, 11649)


class Preprocess(TextOptions):
    """Number of training reviews that keep their stars, divided into folds of whole movies."""

    labeled: Count = 10_000
    folds: Annotated[int, Field(ge=2, le=1 + len(POSITIVE))] = 1 + len(POSITIVE)


class Member(NamedTuple):
    """A review of the archive: its folder, its id there, stars (0 for none) and text."""

    kind: str
    id: int
    stars: int
    text: str


def content_digest(path: Path) -> str:
    """Return the SHA-256 of all files of a copy of the archive, in the order of their names.

    Hashed are each name, a zero byte, and the SHA-256 of the file. Raises Problem where the archive
    cannot be read.
    """
    everything = archives.matching(path, re.compile(".*", re.DOTALL), LARGEST, limit=WHOLE)
    digests = {name: hashlib.sha256(content).digest() for name, content in everything}
    whole = hashlib.sha256()
    for name in sorted(digests):
        whole.update(name.encode() + b"\0" + digests[name])
    return whole.hexdigest()


ARCHIVE = RemoteFile(
    NAME,
    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    84_125_825,
    (ADDRESS + NAME,),
    repacked=Repacked(
        "193e1b60b4c3b127f6426f294e923552b4b7b8c8d85edece0887759418a8db6f",
        "names and content of its files",
        content_digest,
    ),
)


def members(path: Path, part: str) -> list[Member]:
    """Return the reviews of a part of the archive, `train` or `test`, by folder and id.

    Raises Problem where the archive is absent or damaged, or a file is no review of its folder.
    """
    found = {}
    for name, content in archives.matching(path, FILES[part], LARGEST, limit=WHOLE):
        try:
            member = _member(FILES[part], name, content)
        except ValueError as error:
            raise storage.unreadable(path, ValueError(f"{name}: {error}")) from error
        place = KINDS.index(member.kind), member.id
        if place in found:
            raise storage.unreadable(path, ValueError(f"{name}: another file has its id"))
        found[place] = member
    return [found[place] for place in sorted(found)]


def _member(names: re.Pattern[str], name: str, content: bytes) -> Member:
    """Return the review of a file. Raises ValueError where it is none."""
    match = names.fullmatch(name)
    assert match is not None
    kind, number, stars = match[1], int(match[2]), int(match[3])
    if stars not in STARS[kind]:
        raise ValueError(f"{stars} stars are not from {min(STARS[kind])} to {max(STARS[kind])}")
    text = MARKUP.sub("", content.decode("utf-8"))
    if not text.strip():
        raise ValueError("the text is empty")
    return Member(kind, number, stars, text)


def blocks(reviews: Sequence[Member]) -> NDArray[np.int64]:
    """Return the block of whole movies, from 0 up, of each training review [N]; -1 without stars.

    >>> blocks([Member("pos", 1249, 7, ""), Member("neg", 347, 1, ""), Member("neg", 4828, 1, "")])
    array([0, 1, 0])
    """
    return np.array([_block(review) for review in reviews], np.int64)


def _block(review: Member) -> int:
    if review.kind == "unsup":
        return -1
    starts = POSITIVE
    if review.kind == "neg":
        starts = NEGATIVE if review.id < ONLY_NEGATIVE else OTHERS
    return int(np.searchsorted(starts, review.id, side="right"))


def corpus(raw: Path, options: Preprocess) -> Corpus:
    """Return the training part: of each fold the same number of reviews with their stars, all
    others without.

    Raises Problem where the archive in the folder `raw` cannot be used, or a fold has too few.
    """
    reviews = members(raw / NAME, "train")
    block_N = blocks(reviews)
    fold_N = np.where(block_N < 0, -1, block_N % options.folds)
    labeled = _labeled(np.array([review.stars for review in reviews]), fold_N, options)
    texts = (
        Review(review.text, str(review.stars) if n in labeled else None)
        for n, review in enumerate(reviews)
    )
    found = gather("imdb", [texts], Tokenizer(options.ngrams), stars=True)
    return replace(found, fold_N=fold_N)


def _labeled(
    stars_N: NDArray[np.int64], fold_N: NDArray[np.int64], options: Preprocess
) -> set[int]:
    """Return the reviews that keep their stars: as many of every fold, in its shares of stars."""
    count = options.labeled // options.folds
    chosen: set[int] = set()
    for fold in range(options.folds):
        rows = drawn(np.flatnonzero(fold_N == fold), "imdb", "labeled", fold)
        if not 0 < count <= len(rows):
            raise Problem(
                f"params.yaml: datasets.imdb.preprocess.labeled = {options.labeled} asks for "
                f"{count} reviews in each of {options.folds} folds, and one has {len(rows)}: "
                "change it"
            )
        chosen.update(spread(rows[np.argsort(stars_N[rows], kind="stable")], count).tolist())
    return chosen


def _split(raw: Path, options: Preprocess) -> Splits:
    """Return folds of whole movies, the same number of reviews in each, of its reviews with stars
    drawn once and for all; the other training reviews, and those without stars, are for
    pre-training.

    Raises Problem as `corpus` does.
    """
    reviews = corpus(raw, options)
    return reviews.splits(partitions(reviews, options), options.terms)


def official_test(raw: Path) -> list[Review]:
    """Return the reviews of the official test part with their stars; no split has any of them.

    Raises Problem where the archive in the folder `raw` cannot be used.
    """
    return [Review(review.text, str(review.stars)) for review in members(raw / NAME, "test")]


IMDB = Dataset(
    name="imdb",
    title="Large Movie Review Dataset: reviews with 1 to 4 or 7 to 10 stars, and without",
    address=ADDRESS,
    citation="Maas, Daly, Pham, Huang, Ng and Potts (2011), Learning word vectors for sentiment "
    "analysis",
    license="none stated; cite Maas et al. (2011)",
    split=_split,
    preprocess=Preprocess,
    files=lambda _: (ARCHIVE,),
    official_test=official_test,
)
