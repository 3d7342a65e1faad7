"""The datasets by name: what they are, where they come from, and how they are split."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline import records
from pipeline.datasets import digits, examples, mnist
from pipeline.datasets.fetch import fetch
from pipeline.datasets.remote import RemoteFile
from pipeline.errors import Problem


@dataclass(frozen=True)
class Dataset:
    """One entry of the catalogue.

    `split` turns the folder of raw files into three splits. A dataset that comes with an installed
    package has no `files`; `embed` writes its raw files instead.
    """

    name: str
    title: str
    source: str
    citation: str
    license: str
    shape: tuple[int, ...]
    classes: int
    split: Callable[[Path], examples.Splits]
    files: tuple[RemoteFile, ...] = ()
    embed: Callable[[Path], None] | None = None


MNIST_ADDRESSES = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",  # the original, often down
)


def _mnist_file(name: str, sha256: str, *, size: int, content_size: int) -> RemoteFile:
    urls = tuple(address + name for address in MNIST_ADDRESSES)
    return RemoteFile(name, sha256, size=size, content_size=content_size, urls=urls)


DIGITS = Dataset(
    name="digits",
    title="Optical recognition of handwritten digits",
    source="scikit-learn, sklearn.datasets.load_digits",
    citation="Alpaydin and Kaynak (1998), UCI Machine Learning Repository, doi:10.24432/C50P49",
    license="CC BY 4.0",
    shape=digits.SHAPE,
    classes=digits.CLASSES,
    split=digits.split,
    embed=digits.embed,
)
MNIST = Dataset(
    name="mnist",
    title="MNIST database of handwritten digits",
    source="http://yann.lecun.com/exdb/mnist/",
    citation="LeCun, Bottou, Bengio, and Haffner (1998), Proceedings of the IEEE 86(11)",
    license="CC BY-SA 3.0, as Keras's documentation has it",
    shape=mnist.SHAPE,
    classes=mnist.CLASSES,
    split=mnist.split,
    files=(
        _mnist_file(
            "train-images-idx3-ubyte.gz",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            size=9_912_422,
            content_size=47_040_016,
        ),
        _mnist_file(
            "train-labels-idx1-ubyte.gz",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            size=28_881,
            content_size=60_008,
        ),
        _mnist_file(
            "t10k-images-idx3-ubyte.gz",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            size=1_648_877,
            content_size=7_840_016,
        ),
        _mnist_file(
            "t10k-labels-idx1-ubyte.gz",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            size=4_542,
            content_size=10_008,
        ),
    ),
)
CATALOGUE = {dataset.name: dataset for dataset in (DIGITS, MNIST)}


def get(name: str) -> Dataset:
    """Return the entry of a dataset. Raises Problem that lists the known ones."""
    if name not in CATALOGUE:
        raise Problem(f"unknown dataset {name!r}: the catalogue has {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def download(dataset: Dataset, raw: Path, *, partial: Path, mirror: Path | None = None) -> None:
    """Replace the folder `raw` by the dataset's official files, verified.

    `partial` keeps what has arrived until all has. Raises Problem where a file cannot be had.
    """
    with records.whole_folder(raw) as folder:
        if dataset.embed:
            dataset.embed(folder)
        if dataset.files:
            fetch(dataset.name, dataset.files, folder, partial=partial, mirror=mirror)


def preprocess(dataset: Dataset, raw: Path, ready: Path) -> None:
    """Replace the folder `ready` by train.npz, valid.npz and test.npz made of the raw files alone.

    Raises Problem where a raw file is absent or wrong.
    """
    splits = dataset.split(raw)
    with records.whole_folder(ready) as folder:
        for name, split in splits._asdict().items():
            examples.write(split, folder / f"{name}.npz")
