"""CIFAR-10, from the binary version of its archive.

Legend of shape suffixes: N examples, I inputs, R bytes of a record.
"""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config.params import Section
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import archives
from pipeline.data.sources.dataset import Dataset
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split, Splits
from pipeline.runtime import storage

CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
ENCODING = Encoding(shape=(3, 32, 32), class_names=CLASS_NAMES, scale=1 / 255)
BATCH = 10_000  # images in each of the six batches
FOLDER = "cifar-10-batches-bin/"
BATCHES = (*(f"{FOLDER}data_batch_{i}.bin" for i in range(1, 6)), f"{FOLDER}test_batch.bin")
NAMES = f"{FOLDER}batches.meta.txt"
NAMES_SIZE = archives.AtMost(4096)
ARCHIVE = RemoteFile(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
    tuple(
        f"{address}cifar-10-binary.tar.gz"
        for address in ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
    ),
)


class Source(Section):
    """Version of the archive: the binary one."""

    version: Literal["binary"] = "binary"


def split(raw: Path, _: Any = None) -> Splits:
    """Return 50,000 / 5,000 / 5,000 examples, as many as the paper has.

    They are the five training batches, then the two halves of the official test set in its order:
    which half the paper validated on is unknown. x is uint8, three planes of 32 rows by 32 columns
    (red, green, blue), for inputs in [0, 1].

    Raises Problem where the archive in the folder `raw` is absent or damaged.
    """
    return _cut(raw, 5 * BATCH, 5 * BATCH + BATCH // 2)


def clean_split(raw: Path, _: Any = None) -> Splits:
    """Return 45,000 / 5,000 / 10,000 examples: the first 45,000 and the last 5,000 training images,
    and the whole official test set, of which `split` validates on one half.

    Raises Problem where the archive in the folder `raw` is absent or damaged.
    """
    return _cut(raw, 5 * BATCH - BATCH // 2, 5 * BATCH)


def _cut(raw: Path, valid: int, test: int) -> Splits:
    """Return the splits that begin at the given rows of the official examples."""
    x_NI, y_N = _official(raw / ARCHIVE.name)
    rows = (slice(valid), slice(valid, test), slice(test, None))
    return Splits(*(Split(x_NI[n], y_N[n], ENCODING) for n in rows))


def _official(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return pixels [N, I] and labels [N] of the 60,000 official examples, the test batch last."""
    record = 1 + ENCODING.inputs
    x_NI = np.empty((len(BATCHES) * BATCH, ENCODING.inputs), np.uint8)
    y_N = np.empty(len(x_NI), np.int64)
    sizes: dict[str, archives.Size] = dict.fromkeys(BATCHES, BATCH * record)
    for member, content in archives.read(path, sizes | {NAMES: NAMES_SIZE}):
        if member == NAMES:
            if content.split() != [name.encode() for name in CLASS_NAMES]:
                raise _damaged(path, member, f"class names are not {', '.join(CLASS_NAMES)}")
            continue
        records_NR = np.frombuffer(content, np.uint8).reshape(BATCH, record)
        labels_N = records_NR[:, 0]
        if labels_N.max() >= ENCODING.classes:
            what = f"labels from {labels_N.min()} to {labels_N.max()}, expected 0 to 9"
            raise _damaged(path, member, what)
        first = BATCHES.index(member) * BATCH
        x_NI[first : first + BATCH], y_N[first : first + BATCH] = records_NR[:, 1:], labels_N
    return x_NI, y_N


def _damaged(path: Path, member: str, what: str) -> Exception:
    return storage.unreadable(path, ValueError(f"{member}: {what}"))


CIFAR10 = Dataset(
    name="cifar10",
    title="CIFAR-10, validated as in the paper on half of the test set (which half is unknown)",
    address="https://www.cs.toronto.edu/~kriz/cifar.html",
    citation="Krizhevsky (2009), Learning multiple layers of features from tiny images",
    license="none stated; cite Krizhevsky (2009)",
    split=split,
    source=Source,
    files=lambda _: (ARCHIVE,),
)
CIFAR10_CLEAN = dataclasses.replace(
    CIFAR10,
    name="cifar10-clean",
    origin="cifar10",
    title="CIFAR-10, validated on the last 5,000 training images",
    split=clean_split,
)
