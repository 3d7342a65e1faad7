"""MNIST: four IDX files, split as in the experiments of the paper's laboratory.

An IDX file, gzipped or not, has a big-endian header (magic number, then the length of each
dimension), then one byte per value.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.download.fetch import RemoteFile
from pipeline.data.sources.dataset import Dataset, NoOptions
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split, Splits
from pipeline.runtime import storage

MAGIC = 0x0800  # unsigned bytes; the last two digits count the dimensions: 2049 labels, 2051 images
PLAIN = b"\0\0"  # first bytes of a file that is not gzipped
SHAPE = (28, 28)
ENCODING = Encoding(SHAPE, tuple("0123456789"), scale=1 / 255)  # pixels of 0 to 255
OFFICIAL_TRAIN, TRAIN, TEST = 60_000, 50_000, 10_000
ADDRESSES = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",  # the original, often down
)
# Name without its suffix; bytes of the file, and of its content; SHA-256 of the content.
PUBLISHED = (
    ("train-images-idx3", 9_912_422, 47_040_016,
     "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels-idx1", 28_881, 60_008,
     "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images-idx3", 1_648_877, 7_840_016,
     "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels-idx1", 4_542, 10_008,
     "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)  # fmt: skip
FILES = tuple(
    RemoteFile(
        f"{stem}-ubyte.gz",
        digest,
        size,
        tuple(f"{address}{stem}-ubyte.gz" for address in ADDRESSES),
        expanded=True,
        limit=content_size,
    )
    for stem, size, content_size, digest in PUBLISHED
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
    x_NI = read_images(raw / f"{part}-images-idx3-ubyte.gz", (count, *SHAPE))
    y_N = read_labels(raw / f"{part}-labels-idx1-ubyte.gz", count, ENCODING.classes)
    return Split(x_NI, y_N, ENCODING)


def read_images(path: Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return the images [N, rows * columns] of a file of shape (N, rows, columns), uint8.

    Raises Problem where the file is absent or damaged, or has another shape.
    """
    return _values(path, shape).reshape(shape[0], -1)


def read_labels(path: Path, count: int, classes: int) -> NDArray[np.int64]:
    """Return the `count` labels [N] of a file, each from 0 to classes - 1, int64.

    Raises Problem where the file is absent or damaged, or holds other values.
    """
    labels_N = _values(path, (count,))
    if labels_N.max(initial=0) >= classes:
        raise _refusal(path, f"label {labels_N.max()}, expected 0 to {classes - 1}")
    return labels_N.astype(np.int64)


def _values(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    header = struct.pack(f">{1 + len(shape)}I", MAGIC + len(shape), *shape)
    content = _content(path, len(header) + math.prod(shape))
    if content[:4] != header[:4]:
        magic, expected = (int.from_bytes(start[:4]) for start in (content, header))
        raise _refusal(path, f"magic number {magic}, expected {expected}")
    if content[: len(header)] != header:
        sizes = [int.from_bytes(content[i : i + 4]) for i in range(4, len(header), 4)]
        raise _refusal(path, f"dimensions {sizes}, expected {list(shape)}")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _content(path: Path, size: int) -> bytes:
    """Return the `size` bytes that a file has, or must expand to; it is expanded no further."""
    try:
        with path.open("rb") as plain, gzip.GzipFile(fileobj=plain) as expanded:
            start = plain.read(len(PLAIN))
            plain.seek(0)
            file = plain if start == PLAIN else expanded
            content = file.read(size + 1)  # one byte more detects a longer file
    except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise storage.unreadable(path, error) from error
    if len(content) != size:
        length = "more" if len(content) > size else len(content)
        raise _refusal(path, f"{length} bytes when expanded, expected {size}")
    return content


def _refusal(path: Path, what: str) -> Exception:
    return storage.unreadable(path, ValueError(what))


MNIST = Dataset(
    name="mnist",
    title="MNIST database of handwritten digits",
    address="http://yann.lecun.com/exdb/mnist/",
    citation="LeCun, Bottou, Bengio, and Haffner (1998), Proceedings of the IEEE 86(11)",
    license="CC BY-SA 3.0, as Keras's documentation has it",
    split=split,
    files=lambda _: FILES,
)
