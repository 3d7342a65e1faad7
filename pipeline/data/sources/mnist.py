"""MNIST: four IDX files, split as in the experiments of the paper's laboratory."""

from pathlib import Path

import numpy as np

from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import idx
from pipeline.data.sources.dataset import Dataset, NoOptions
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split, Splits

SHAPE = (28, 28)
ENCODING = Encoding(SHAPE, tuple("0123456789"), scale=1 / 255)  # pixels of 0 to 255
OFFICIAL_TRAIN, TRAIN, TEST = 60_000, 50_000, 10_000
ADDRESSES = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",  # the original, often down
)
# Name without its suffix; SHA-256 of the content; bytes of the file, and of its content.
PUBLISHED = (
    (
        "train-images-idx3",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        9_912_422,
        47_040_016,
    ),
    (
        "train-labels-idx1",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        28_881,
        60_008,
    ),
    (
        "t10k-images-idx3",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        1_648_877,
        7_840_016,
    ),
    (
        "t10k-labels-idx1",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        4_542,
        10_008,
    ),
)
FILES = tuple(
    RemoteFile(
        f"{stem}-ubyte.gz",
        digest,
        size,
        tuple(f"{address}{stem}-ubyte.gz" for address in ADDRESSES),
        expanded=True,
        limit=content_size,
    )
    for stem, digest, size, content_size in PUBLISHED
)


def split(raw: Path, _options: NoOptions) -> Splits:
    """Return 50,000 / 10,000 / 10,000 examples: the first 50,000 and the last 10,000 official
    training images, and the official test images.

    Raises Problem where a file in the folder `raw` is absent or damaged.
    """
    official = _read(raw, "train", OFFICIAL_TRAIN)
    x_NI = np.asarray(official.x_NI)
    train, valid = (
        Split(x_NI[rows], official.y_N[rows], ENCODING)
        for rows in (slice(TRAIN), slice(TRAIN, None))
    )
    return Splits(train, valid, _read(raw, "t10k", TEST))


def _read(raw: Path, part: str, count: int) -> Split:
    x_NI = idx.read_images(raw / f"{part}-images-idx3-ubyte.gz", (count, *SHAPE))
    y_N = idx.read_labels(raw / f"{part}-labels-idx1-ubyte.gz", count, ENCODING.classes)
    return Split(x_NI, y_N, ENCODING)


MNIST = Dataset(
    name="mnist",
    title="MNIST database of handwritten digits",
    address="http://yann.lecun.com/exdb/mnist/",
    citation="LeCun, Bottou, Bengio, and Haffner (1998), Proceedings of the IEEE 86(11)",
    license="CC BY-SA 3.0, as Keras's documentation has it",
    split=split,
    files=lambda _: FILES,
)
