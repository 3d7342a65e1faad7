"""Multi-Domain Sentiment Dataset: Amazon reviews of four kinds of products."""

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from pipeline.config.params import Section, Share
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import archives, sentiment_archive
from pipeline.data.sources.dataset import Dataset
from pipeline.data.splits.split import Splits
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.corpus import Corpus, gather
from pipeline.data.text.cross_validation import TextOptions, partitions
from pipeline.data.text.reviews import Parsed

ADDRESS = "https://www.cs.jhu.edu/~mdredze/datasets/sentiment/"
KINDS = {"books": "books", "dvd": "dvd", "electronics": "electronics", "kitchen": "kitchen"}
FOLDERS = {
    "domain_sentiment_data": KINDS | {"kitchen": "kitchen_&_housewares"},
    "processed_acl": KINDS,
}
ROOTS = {"domain_sentiment_data": "sorted_data_acl", "processed_acl": "processed_acl"}
POLARITIES = ("negative", "positive")
LARGEST = archives.AtMost(1 << 26)  # bytes of one file of reviews
OTHERS = 1 << 29  # bytes of the members that are not read: other kinds of products
WHOLE = 1 << 30  # bytes of either archive when expanded, at most
STARS = "amazon-stars"


class Source(Section):
    """Archive to download: reviews as they were written, or their unigrams and bigrams."""

    archive: Literal["domain_sentiment_data", "processed_acl"] = "domain_sentiment_data"


class StarsSource(Section):
    """Archive to download: reviews as they were written; the other archive has no stars."""

    archive: Literal["domain_sentiment_data"] = "domain_sentiment_data"


class Preprocess(TextOptions):
    """Text options; with `titles` a review is its title and its text.

    `titles` has no effect on the archive of unigrams and bigrams.
    """

    titles: bool = True
    test: Share = 0.2


def files(source: Source | StarsSource) -> tuple[RemoteFile, ...]:
    """Return the archive to download; no hash of either was ever published."""
    name = f"{source.archive}.tar.gz"
    return (RemoteFile(name, "", None, (ADDRESS + name,), expanded=True, limit=WHOLE),)


def corpus(name: str, kinds: tuple[str, ...], raw: Path, options: Preprocess) -> Corpus:
    """Return the reviews of some kinds of products, labeled ones first.

    Labels are polarities, or for `amazon-stars` the stars. Raises Problem where the folder `raw`
    has neither archive, or its archive or reviews cannot be read.
    """
    stars = name == STARS
    joint = "_" if _archive(raw) == "processed_acl" else " "
    by_file = _by_file(raw, kinds, titles=options.titles, stars=stars)
    return gather(name, by_file, Tokenizer(options.ngrams, joint), stars=stars)


def _archive(raw: Path) -> str:
    """Return the archive that was downloaded, the first one where none was."""
    return next(
        (name for name in ROOTS if (raw / f"{name}.tar.gz").exists()), "domain_sentiment_data"
    )


def _by_file(
    raw: Path, kinds: tuple[str, ...], *, titles: bool, stars: bool
) -> Iterator[Iterator[Parsed]]:
    """Yield the reviews of each file, in the order of polarities and kinds, unlabeled ones last."""
    archive = _archive(raw)
    path = raw / f"{archive}.tar.gz"
    wanted = {
        f"{ROOTS[archive]}/{FOLDERS[archive][kind]}/{polarity}.review": label
        for polarity, label in (*((name, name) for name in POLARITIES), ("unlabeled", None))
        for kind in kinds
    }
    optional = {member for member, label in wanted.items() if label is None}
    sizes = dict.fromkeys(wanted, LARGEST)
    contents = dict(archives.read(path, sizes, others=OTHERS, optional=optional))
    for member, label in wanted.items():
        content, where = contents.pop(member, b""), f"{path.name}/{member}"
        if archive == "processed_acl":
            yield sentiment_archive.counted(content, where, label)
        else:
            yield sentiment_archive.pseudo_xml(content, where, label, titles=titles, stars=stars)


def _split(name: str, kinds: tuple[str, ...], raw: Path, options: Preprocess) -> Splits:
    """Return folds, on one of which each seed tests, or without `folds` shares of each class, drawn
    once and for all; unlabeled reviews are for training.

    Raises Problem as `corpus` does.
    """
    reviews = corpus(name, kinds, raw, options)
    return reviews.splits(partitions(reviews, options), options.terms)


def _polarity(kind: str, title: str, *, few: bool = False) -> Dataset:
    name = f"amazon-{kind}-few" if few else f"amazon-{kind}"
    return Dataset(
        name=name,
        title=f"Amazon reviews of {title}, positive or negative{', few labeled' if few else ''}",
        address=f"{ADDRESS}index2.html",
        citation="Blitzer, Dredze and Pereira (2007), Biographies, Bollywood, boom-boxes and "
        "blenders: domain adaptation for sentiment classification",
        license="none stated; cite Blitzer, Dredze and Pereira (2007)",
        split=partial(_split, name, (kind,)),
        source=Source,
        preprocess=Preprocess,
        files=files,
        origin="amazon",
    )


TITLES = {
    "books": "books", "dvd": "DVDs", "electronics": "electronics", "kitchen": "kitchen appliances"
}  # fmt: skip
POLARITY = tuple(_polarity(kind, title) for kind, title in TITLES.items())
FEW = tuple(_polarity(kind, title, few=True) for kind, title in TITLES.items())
AMAZON_STARS = dataclasses.replace(
    POLARITY[0],
    name=STARS,
    title="Amazon reviews of four kinds of products, with their stars",
    split=partial(_split, STARS, tuple(KINDS)),
    source=StarsSource,
)
AMAZON = (*POLARITY, *FEW, AMAZON_STARS)
