"""MNIST's four IDX files, split as the paper's laboratory split them."""

from pathlib import Path

import numpy as np

from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import idx
from pipeline.data.sources.entry import Dataset, NoOptions
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split, Splits

SHAPE = (28, 28)
FORM = Encoding(SHAPE, tuple("0123456789"), scale=1 / 255)  # pixels of 0 to 255
OFFICIAL_TRAIN, TRAIN, TEST = 60_000, 50_000, 10_000


def split(raw: Path, _options: NoOptions) -> Splits:
    """Return 50,000 / 10,000 / 10,000 examples: the first 50,000 and the last 10,000 official
    training images, and the official test images.

    Raises Problem where a file of the folder `raw` is absent or wrong.
    """
    train = _read(raw, "train", OFFICIAL_TRAIN)
    return Splits(
        _rows(train, slice(TRAIN)), _rows(train, slice(TRAIN, None)), _read(raw, "t10k", TEST)
    )


def _read(raw: Path, part: str, count: int) -> Split:
    x_NI = idx.read_images(raw / f"{part}-images-idx3-ubyte.gz", (count, *SHAPE))
    y_N = idx.read_labels(raw / f"{part}-labels-idx1-ubyte.gz", count, FORM.classes)
    return Split(x_NI, y_N, FORM)


def _rows(split: Split, rows: slice) -> Split:
    return Split(np.asarray(split.x_NI)[rows], split.y_N[rows], FORM)


ADDRESSES = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",  # the original, often down
)


def _file(name: str, digest: str, *, size: int, content_size: int) -> RemoteFile:
    urls = tuple(address + name for address in ADDRESSES)
    return RemoteFile(name, digest, size, urls, expanded=True, limit=content_size)


FILES = (
    _file(
        "train-images-idx3-ubyte.gz",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        size=9_912_422,
        content_size=47_040_016,
    ),
    _file(
        "train-labels-idx1-ubyte.gz",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        size=28_881,
        content_size=60_008,
    ),
    _file(
        "t10k-images-idx3-ubyte.gz",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        size=1_648_877,
        content_size=7_840_016,
    ),
    _file(
        "t10k-labels-idx1-ubyte.gz",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        size=4_542,
        content_size=10_008,
    ),
)

MNIST = Dataset(
    name="mnist",
    title="MNIST database of handwritten digits",
    address="http://yann.lecun.com/exdb/mnist/",
    citation="LeCun, Bottou, Bengio, and Haffner (1998), Proceedings of the IEEE 86(11)",
    license="CC BY-SA 3.0, as Keras's documentation has it",
    split=split,
    files=lambda _: FILES,
)
