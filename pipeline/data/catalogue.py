"""Catalogue of datasets: download and preprocessing by name, the user's own data included."""

import logging
from pathlib import Path

from pipeline.config.params import Params
from pipeline.data.cards import data_card, split_statistics
from pipeline.data.download.fetch import fetch
from pipeline.data.formats.table import listed
from pipeline.data.sources import (
    amazon,
    cifar10,
    digits,
    glyphs,
    imdb,
    mnist,
    nistp,
    norb,
    own,
    yelp,
)
from pipeline.data.sources.dataset import Dataset
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.text.cross_validation import TextOptions
from pipeline.data.text.reviews import Review
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.locks import exclusive

log = logging.getLogger(__name__)

CATALOGUE = {
    dataset.name: dataset
    for dataset in (
        digits.DIGITS,
        mnist.MNIST,
        cifar10.CIFAR10,
        cifar10.CIFAR10_CLEAN,
        nistp.NISTP,
        glyphs.GLYPHS,
        norb.NORB,
        norb.NORB_SMALL,
        *amazon.AMAZON,
        imdb.IMDB,
        yelp.YELP,
    )
}


def entry(params: Params, name: str) -> Dataset:
    """Return the entry of a dataset of params.yaml, in the catalogue or of the user's own.

    Raises Problem for a name that is neither.
    """
    source = params.dataset(name).source
    if name in CATALOGUE:
        return CATALOGUE[name]
    if own.KINDS.isdisjoint(source):
        raise Problem(
            f"params.yaml: datasets.{name} is not in the catalogue ({', '.join(CATALOGUE)}): "
            f"correct the name, or give the source of your own data: source: {{folder: ...}}, "
            "{npz: ...}, {csv: ...} or {reviews: ...}"
        )
    return own.entry(name)


def check_texts(params: Params, name: str) -> None:
    """Raise Problem unless the name is that of a dataset of texts in params.yaml."""
    dataset = entry(params, name)
    source = params.source_for(name, dataset.source)
    if isinstance(source, own.Source):
        texts = source.reviews is not None
    else:
        texts = issubclass(dataset.preprocess, TextOptions)
    if not texts:
        raise Problem(f"{name} is not a dataset of texts: only texts can be scored")


def download(
    params: Params, name: str, raw: Path, *, downloads: Path, mirror: Path | None = None
) -> None:
    """Replace the folder `raw` by the dataset's verified official files, or by those it writes.

    Complete and partial downloads are kept in `downloads`, so that nothing is fetched twice. Raises
    Problem where a file cannot be fetched.
    """
    dataset = entry(params, name)
    source = params.source_for(name, dataset.source)
    if isinstance(source, own.Source):
        _check_apart(source, name, raw)
    with storage.whole_folder(raw) as folder:
        if dataset.write_raw:
            dataset.write_raw(folder, source)
        if files := dataset.files(source):
            origin = dataset.origin or name
            with exclusive(downloads / origin):
                fetch(origin, files, folder, partial=downloads / origin, mirror=mirror)


def _check_apart(source: own.Source, name: str, raw: Path) -> None:
    """Raise Problem where the user's files are in the folder that `download` replaces."""
    for path in source.paths:
        target, files = raw.resolve(), Path(path).resolve()
        if files.is_relative_to(target) or target.is_relative_to(files):
            raise Problem(
                f"params.yaml: datasets.{name}.source: {path} and {raw}, which download replaces, "
                f"overlap: move your files, for instance to data/own/{name}"
            )


def official_test(params: Params, name: str, raw: Path) -> list[Review]:
    """Return the labeled reviews of a dataset's official test part, which is in none of its splits.

    Raises Problem where the dataset has no such part, or a raw file is absent or damaged.
    """
    read = entry(params, name).official_test
    if read is None:
        having = [dataset.name for dataset in CATALOGUE.values() if dataset.official_test]
        raise Problem(
            f"{name} has no official test set outside its splits; use one of {listed(having)}"
        )
    return read(raw)


def _warn_of_constant_inputs(name: str, part: str, path: Path, encoding: Encoding) -> None:
    constant = split_statistics.constant_classes(path, encoding)
    if constant:
        which = "all examples" if constant == ("*",) else f"the examples of {listed([*constant])}"
        log.warning("%s: %s in %s have the same inputs: check the files", name, which, part)


def preprocess(params: Params, name: str, raw: Path, *, ready: Path, results: Path) -> None:
    """Replace the folder `ready` by train.npz, valid.npz and test.npz, made from the raw files.

    The data card is written into the folder `results`. Raises Problem where a raw file is absent or
    damaged.
    """
    dataset = entry(params, name)
    source = params.source_for(name, dataset.source)
    options = params.preprocess_for(name, dataset.preprocess)
    splits = dataset.split(raw, options)
    with storage.whole_folder(ready) as folder:
        for part, split in splits._asdict().items():
            examples.write(split, folder / f"{part}.npz")
            if isinstance(source, own.Source):
                _warn_of_constant_inputs(name, part, folder / f"{part}.npz", split.encoding)
        data_card.write(dataset, source, options, raw=raw, ready=folder, out=results)
