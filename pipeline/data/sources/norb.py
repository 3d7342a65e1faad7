"""NORB, jittered and cluttered, and small NORB: pairs of photographs of toys, one for each eye.

Of each category five toys ("instances") are in the training files and five in the testing files.
The ten training files of NORB hold ten draws of background and position of the same views. dat and
cat files are read of every part; info files of the training parts, for splits by instance alone.
The other info files are verified by `download` and not needed.

Legend of shape suffixes: N examples of a part or split, B those of a block, E eyes, H rows and
W columns of an image, O pixels of a side that is left, I inputs.
"""

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config.params import Section
from pipeline.data.formats import norb_matrix
from pipeline.data.sources.entry import Dataset
from pipeline.data.sources.norb_files import EYES, JITTERED, SMALL, Edition
from pipeline.data.splits.encoding import UNBOUNDED, Encoding
from pipeline.data.splits.split import Blocks, Split, Splits
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

SIDE = 32
INPUTS = EYES * SIDE**2
BLOCK = 256  # images that are read and subsampled at once
PAPER_TRAIN = 233_172  # examples of the training split, in the paper
BLANK = 5  # NORB's category of pictures without a toy
HELD_INSTANCE = 9  # of the training instances 4, 6, 7, 8, 9
HELD_BLANKS = 5  # one blank in so many, since the instance is one of five

Rows = dict[str, NDArray[np.bool_]]  # which examples [N] of each part


class SmallPreprocess(Section):
    """How bytes become inputs: in [-1, 1], or as in Nair and Hinton (2010)."""

    scaling: Literal["range", "standardized"] = "range"


class Preprocess(SmallPreprocess):
    """How the training files are divided, too."""

    split: Literal["paper", "instance"] = "paper"


def split(raw: Path, options: Preprocess) -> Splits:
    """Return three splits of pairs of 32 x 32 images; the test split is both testing files.

    `paper` has the paper's sizes, 233,172 / 58,428 / 58,320. Which training examples the paper
    validated on is unknown; here the first 233,172, in the order of the files (eight files less 108
    examples), are to train on and the others to validate. Both show the same toys.

    `instance` validates on one of the five training instances of each category, and on every fifth
    blank example of a file: 233,280 / 58,320 / 58,320, and no toy is in two splits.

    Raises Problem where a file of the folder `raw` is absent or wrong.
    """
    if options.split == "instance":
        held = _of_held_instance(JITTERED, raw)
    else:
        held, first = {}, 0
        for part in JITTERED.training:
            held[part] = np.arange(first, first + JITTERED.examples) >= PAPER_TRAIN
            first += JITTERED.examples
    return _splits(JITTERED, raw, held, options.scaling)


def small_split(raw: Path, options: SmallPreprocess) -> Splits:
    """Return 19,440 / 4,860 / 24,300 pairs of 32 x 32 images.

    Validation shows one of the five training instances of each category: no toy is in two splits.

    Raises Problem where a file of the folder `raw` is absent or wrong.
    """
    return _splits(SMALL, raw, _of_held_instance(SMALL, raw), options.scaling)


def _of_held_instance(edition: Edition, raw: Path) -> Rows:
    held = {}
    for part in edition.training:
        blank_N = _categories(edition, raw, part) == BLANK
        fifth_N = np.cumsum(blank_N) % HELD_BLANKS == 0
        path = raw / edition.name(part, "info")
        instance_N = norb_matrix.read_integers(path, edition.shape("info"))[:, 0]
        if HELD_INSTANCE not in instance_N[~blank_N]:
            raise storage.unreadable(path, ValueError(f"no toy is of instance {HELD_INSTANCE}"))
        held[part] = np.where(blank_N, fifth_N, instance_N == HELD_INSTANCE)
    return held


def _splits(edition: Edition, raw: Path, held: Rows, scaling: str) -> Splits:
    """Return the training examples that are not held out, those that are, and all for testing."""
    train = {part: ~held_N for part, held_N in held.items()}
    test = {part: np.ones(edition.examples, np.bool_) for part in edition.testing}
    labels = {part: _categories(edition, raw, part) for part in (*train, *test)}
    images = [_images(edition, raw, rows) for rows in (train, held, test)]
    form = _form(edition, images[0], scaling)
    labels_N = [
        np.concatenate([labels[part][wanted_N] for part, wanted_N in rows.items()])
        for rows in (train, held, test)
    ]
    return Splits(*(Split(x, y_N, form) for x, y_N in zip(images, labels_N, strict=True)))


def _categories(edition: Edition, raw: Path, part: str) -> NDArray[np.int64]:
    path, last = raw / edition.name(part, "cat"), len(edition.class_names) - 1
    y_N = norb_matrix.read_integers(path, edition.shape("cat"))
    if y_N.min() < 0 or y_N.max() > last:
        what = f"labels from {y_N.min()} to {y_N.max()}, expected 0 to {last}"
        raise storage.unreadable(path, ValueError(what))
    return y_N


def _images(edition: Edition, raw: Path, rows: Rows) -> Blocks:
    """Return the wanted examples as x [N, I] uint8, left eye first, read part by part."""

    def make() -> Iterator[NDArray[np.uint8]]:
        for part, wanted_N in rows.items():
            if not wanted_N.any():
                continue
            path = raw / edition.name(part, "dat")
            blocks = norb_matrix.read_images(path, edition.shape("dat"), rows=BLOCK)
            # The blocks come first in zip: it takes them to the end, where the checksum is.
            for x_BEHW, first in zip(blocks, range(0, edition.examples, BLOCK), strict=True):
                wanted_B = wanted_N[first : first + BLOCK]
                if wanted_B.any():
                    yield subsampled(x_BEHW[wanted_B]).reshape(-1, INPUTS)

    count = sum(int(wanted_N.sum()) for wanted_N in rows.values())
    return Blocks((count, INPUTS), make)


def _form(edition: Edition, train: Blocks, scaling: str) -> Encoding:
    form = Encoding(
        (EYES, SIDE, SIDE), edition.class_names, 2 / 255, offset=-1.0, bounds=(-1.0, 1.0)
    )
    if scaling == "standardized":
        scale = 1 / deviation(train)
        form = Encoding(form.shape, form.class_names, scale, centered=True, bounds=UNBOUNDED)
    return form


def deviation(x_NI: Blocks) -> float:
    """Return the standard deviation over the examples of a pixel, on average over the pixels.

    Each example is first reduced by its mean, as in Nair and Hinton (2010). Raises Problem where
    that is 0.
    """
    sum_I, squares_I = np.zeros(x_NI.shape[1]), np.zeros(x_NI.shape[1])
    for x_BI in x_NI:
        centered_BI = x_BI - x_BI.mean(1, keepdims=True)
        sum_I += centered_BI.sum(0)
        squares_I += (centered_BI**2).sum(0)
    mean_I = sum_I / x_NI.shape[0]
    variance_I = squares_I / x_NI.shape[0] - mean_I**2
    found = float(np.sqrt(variance_I.clip(0)).mean())
    if not found:
        raise Problem("NORB's training images have no contrast: set scaling: range in params.yaml")
    return found


def subsampled(x_BEHW: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images [B, E, 32, 32]: a pixel is the mean over its area, rounded.

    The paper says only "subsampled". All sums are of whole numbers that float32 holds exactly, and
    no mean is half-way between two bytes: every machine gives the same bytes.
    """
    overlap_OH = _overlap(x_BEHW.shape[-2])
    overlap_WO = _overlap(x_BEHW.shape[-1]).T
    sums_BEOO = overlap_OH @ (x_BEHW.astype(np.float32) @ overlap_WO)
    area = overlap_OH[0].sum() * overlap_WO[:, 0].sum()
    small_BEOO: NDArray[np.uint8] = np.rint(sums_BEOO / area).astype(np.uint8)
    return small_BEOO


@cache
def _overlap(side: int) -> NDArray[np.float32]:
    """Return the length [32, side] that a pixel of 32 and a pixel of `side` have in common.

    A unit of length goes into the pixels of both a whole number of times.
    """
    unit = math.gcd(side, SIDE)
    new, old = side // unit, SIDE // unit
    new_O1, old_H = new * np.arange(SIDE)[:, None], old * np.arange(side)
    common_OH = np.minimum(new_O1 + new, old_H + old) - np.maximum(new_O1, old_H)
    return common_OH.clip(0).astype(np.float32)


NORB = Dataset(
    name="norb",
    title="NORB, jittered and cluttered, 2 x 32 x 32",
    address="https://cs.nyu.edu/~ylclab/data/norb-v1.0/",
    citation="LeCun, Huang and Bottou (2004), Learning methods for generic object recognition with "
    "invariance to pose and lighting, CVPR",
    license="for research only; not to be sold; cite LeCun, Huang and Bottou (2004)",
    split=split,
    preprocess=Preprocess,
    files=lambda _: JITTERED.files(),
)
NORB_SMALL = Dataset(
    name="norb-small",
    title="Small NORB, plain backgrounds, 2 x 32 x 32 (not the paper's set)",
    address="https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
    citation=NORB.citation,
    license=NORB.license,
    split=small_split,
    preprocess=SmallPreprocess,
    files=lambda _: SMALL.files(),
)
