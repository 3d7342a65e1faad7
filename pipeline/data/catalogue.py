"""The datasets by name: the known ones, and the user's own."""

from pathlib import Path

from pipeline.config.params import Params
from pipeline.data.cards import data_card
from pipeline.data.download.fetch import fetch
from pipeline.data.sources import amazon, cifar10, digits, glyphs, mnist, nistp, norb, own, yelp
from pipeline.data.sources.entry import Dataset
from pipeline.data.splits import examples
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.locks import only_here

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
        yelp.YELP,
    )
}


def entry(params: Params, name: str) -> Dataset:
    """Return the entry of a dataset of params.yaml: of the catalogue, or the user's own.

    Raises Problem for a name that is neither.
    """
    source = params.dataset(name).source
    if name in CATALOGUE:
        return CATALOGUE[name]
    if own.KINDS.isdisjoint(source):
        raise Problem(
            f"params.yaml: datasets.{name} is not in the catalogue ({', '.join(CATALOGUE)}): "
            f"correct the name, or say where your own data are: source: {{folder: ...}}, "
            "{npz: ...}, {csv: ...} or {reviews: ...}"
        )
    return own.entry(name)


def download(
    params: Params, name: str, raw: Path, *, downloads: Path, mirror: Path | None = None
) -> None:
    """Replace the folder `raw` by the dataset's official files, verified, or by its own.

    What was downloaded stays in `downloads`, whole or in part, so that nothing is fetched twice.
    Raises Problem where a file cannot be had.
    """
    dataset = entry(params, name)
    source = params.source_for(name, dataset.source)
    with storage.whole_folder(raw) as folder:
        if dataset.embed:
            dataset.embed(folder, source)
        if files := dataset.files(source):
            origin = dataset.origin or name
            with only_here(downloads / origin):
                fetch(origin, files, folder, partial=downloads / origin, mirror=mirror)


def preprocess(params: Params, name: str, raw: Path, *, ready: Path, results: Path) -> None:
    """Replace the folder `ready` by train.npz, valid.npz and test.npz made of the raw files.

    The dataset's card goes into the folder `results`. Raises Problem where a raw file is absent or
    wrong.
    """
    dataset = entry(params, name)
    source = params.source_for(name, dataset.source)
    options = params.preprocess_for(name, dataset.preprocess)
    splits = dataset.split(raw, options)
    with storage.whole_folder(ready) as folder:
        for part, split in splits._asdict().items():
            examples.write(split, folder / f"{part}.npz")
        data_card.write(dataset, source, options, raw=raw, ready=folder, out=results)
