"""MNIST's four IDX files, split as the paper's laboratory split them."""

from pathlib import Path

from pipeline.datasets import idx
from pipeline.datasets.examples import Split, Splits

SHAPE = (28, 28)
CLASSES = 10
SCALE = 1 / 255  # a pixel of 0 to 255 becomes an input in [0, 1]
OFFICIAL_TRAIN, TRAIN, TEST = 60_000, 50_000, 10_000


def split(raw: Path) -> Splits:
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
    y_N = idx.read_labels(raw / f"{part}-labels-idx1-ubyte.gz", count, CLASSES)
    return Split(x_NI, y_N, SCALE, SHAPE, CLASSES)


def _rows(split: Split, rows: slice) -> Split:
    return Split(split.x_NI[rows], split.y_N[rows], split.scale, split.shape, split.classes)
