"""CIFAR-10's archive, in either of its two versions: the binary one and the Python one.

Legend of shape suffixes: N examples, B examples of one batch, I inputs, R bytes of one record.
"""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

# The interpreter in Python, not the one in C, whose memory a forged memo index can exhaust.
from pickle import _Unpickler
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config.params import Section
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import archives
from pipeline.data.sources.entry import Dataset
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split, Splits
from pipeline.runtime import storage

CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
FORM = Encoding(shape=(3, 32, 32), class_names=CLASS_NAMES, scale=1 / 255)
BATCH = 10_000  # images in each of the six batches
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
ADDRESSES = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
PICKLED_EXTRA = 128  # bytes at most that a pickle spends on an image besides its pixels
NAMES_SIZE = archives.AtMost(4096)
LONGEST = 300  # characters of what an error may quote from a file
# All that the pickles name. numpy itself never sees what they say about its arrays.
ARRAY_PARTS = (("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"))

Batch = tuple[NDArray[np.uint8], NDArray[Any]]  # pixels [B, I] and labels [B]
Official = tuple[NDArray[np.uint8], NDArray[np.int64]]  # the same of all six batches, test last


class Source(Section):
    """Which of the two archives is downloaded: their images, and the splits, are the same."""

    version: Literal["binary", "python"] = "binary"


def split(raw: Path, _: Any = None) -> Splits:
    """Return 50,000 / 5,000 / 5,000 examples, as many as the paper has.

    They are the five training batches, then the two halves of the official test set in its order:
    which half the paper validated on is unknown. x is uint8, three planes of 32 rows by 32 columns
    (red, green, blue), for inputs in [0, 1].

    Raises Problem where the archive in the folder `raw` is absent or wrong.
    """
    return _cut(raw, 5 * BATCH, 5 * BATCH + BATCH // 2)


def clean_split(raw: Path, _: Any = None) -> Splits:
    """Return 45,000 / 5,000 / 10,000 examples: the first 45,000 and the last 5,000 training images,
    and the whole official test set, of which `split` validates on one half.

    Raises Problem where the archive in the folder `raw` is absent or wrong.
    """
    return _cut(raw, 5 * BATCH - BATCH // 2, 5 * BATCH)


def _cut(raw: Path, valid: int, test: int) -> Splits:
    x_NI, y_N = _official(raw)
    rows = (slice(valid), slice(valid, test), slice(test, None))
    return Splits(*(Split(x_NI[n], y_N[n], FORM) for n in rows))


def _official(raw: Path) -> Official:
    """Return the 60,000 official examples of whichever archive is in the folder."""
    python = raw / FILES["python"].name
    if python.exists():
        size: archives.Size = archives.AtMost(BATCH * (FORM.inputs + PICKLED_EXTRA))
        folder = "cifar-10-batches-py/"
        batches = [f"{folder}{batch}" for batch in BATCHES]
        sizes = dict.fromkeys(batches, size) | {f"{folder}batches.meta": NAMES_SIZE}
        return _filled(python, sizes, batches, parse=_pickled_batch, parse_names=_pickled_names)
    size, folder = BATCH * (1 + FORM.inputs), "cifar-10-batches-bin/"
    batches = [f"{folder}{batch}.bin" for batch in BATCHES]
    sizes = dict.fromkeys(batches, size) | {f"{folder}batches.meta.txt": NAMES_SIZE}
    binary = raw / FILES["binary"].name
    return _filled(binary, sizes, batches, parse=_binary_batch, parse_names=_text_names)


def _filled(
    path: Path,
    sizes: dict[str, archives.Size],
    batches: list[str],
    *,
    parse: Callable[[bytes], Batch],
    parse_names: Callable[[bytes], list[bytes]],
) -> Official:
    """Return the examples of the batches in their order, whatever the order in the archive."""
    x_NI = np.empty((len(batches) * BATCH, FORM.inputs), np.uint8)
    y_N = np.empty(len(x_NI), np.int64)
    for member, content in archives.read(path, sizes):
        try:
            if member in batches:
                first = batches.index(member) * BATCH
                rows = slice(first, first + BATCH)
                x_NI[rows], y_N[rows] = parse(content)
                _check_labels(y_N[rows])
            else:
                _check_names(parse_names(content))
        except ValueError as error:
            raise storage.unreadable(path, ValueError(f"{member}: {error}")) from error
    return x_NI, y_N


def _check_labels(y_B: NDArray[np.int64]) -> None:
    if y_B.min() < 0 or y_B.max() >= FORM.classes:
        raise ValueError(f"labels from {y_B.min()} to {y_B.max()}, expected 0 to 9")


def _check_names(names: list[bytes]) -> None:
    if names != [name.encode() for name in CLASS_NAMES]:
        raise ValueError(f"class names are not {', '.join(CLASS_NAMES)}")


def _binary_batch(content: bytes) -> Batch:
    records_BR = np.frombuffer(content, np.uint8).reshape(BATCH, 1 + FORM.inputs)
    return records_BR[:, 1:], records_BR[:, 0]


def _text_names(content: bytes) -> list[bytes]:
    return content.split()


def _pickled_batch(content: bytes) -> Batch:
    batch = _unpickled(content)
    labels = batch.get(b"labels")
    if not isinstance(labels, list) or len(labels) != BATCH or not all(map(_is_label, labels)):
        raise ValueError(f"labels are not {BATCH} whole numbers from 0 to 9")
    return _pixels(batch.get(b"data")), np.array(labels)


def _is_label(value: Any) -> bool:
    return type(value) is int and 0 <= value < FORM.classes


def _pickled_names(content: bytes) -> list[bytes]:
    names = _unpickled(content).get(b"label_names")
    return names if isinstance(names, list) else []


def _unpickled(content: bytes) -> dict[Any, Any]:
    """Return a pickled dictionary of plain values, and of `_Piece` where it has an array."""
    try:
        found = _PlainUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a forged pickle can make the interpreter raise anything
        what = " ".join(str(error).split())[:LONGEST] or type(error).__name__
        raise ValueError(f"not a pickle as published ({what})") from error
    if not isinstance(found, dict):
        raise ValueError(f"a pickled {type(found).__name__}, expected dict")
    return found


class _Piece:
    """What a pickle says about a piece of an array: kept, not acted on."""

    kind: Any = None  # in the place of a dtype: its name
    state: Any = None

    def __init__(self, *arguments: Any) -> None:
        self.kind = arguments[0] if arguments else None

    # Without it, pickle would let the file set attributes of its own choice.
    def __setstate__(self, state: Any) -> None:
        self.state = state


class _PlainUnpickler(_Unpickler):
    """Pickles of plain values and arrays alone: no name that a file holds is ever looked up."""

    def find_class(self, module: str, name: str) -> type[_Piece]:
        if (module, name) not in ARRAY_PARTS:
            raise ValueError(f"{module + '.' + name!r} has no place in it")
        return _Piece


def _pixels(array: Any) -> NDArray[np.uint8]:
    """Return the pixels [B, I] of a pickled array, made of its bytes alone."""
    state = array.state if isinstance(array, _Piece) else None
    if not isinstance(state, tuple) or len(state) != 5:
        raise ValueError("data is not an array")
    _, shape, dtype, columns_first, content = state
    if shape != (BATCH, FORM.inputs) or columns_first:
        raise ValueError(f"data is not of shape {(BATCH, FORM.inputs)}, row by row")
    if not isinstance(dtype, _Piece) or dtype.kind != b"u1":
        raise ValueError("data is not of dtype u1")
    if not isinstance(content, bytes) or len(content) != BATCH * FORM.inputs:
        raise ValueError(f"data is not of {BATCH * FORM.inputs} bytes")
    return np.frombuffer(content, np.uint8).reshape(BATCH, FORM.inputs)


def _file(name: str, size: int, digest: str) -> RemoteFile:
    urls = tuple(address + name for address in ADDRESSES)
    return RemoteFile(name=name, digest=digest, size=size, urls=urls)


FILES = {
    "binary": _file(
        "cifar-10-binary.tar.gz",
        170_052_171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    "python": _file(
        "cifar-10-python.tar.gz",
        170_498_071,
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
}


def files(source: Source) -> tuple[RemoteFile, ...]:
    """Return the one archive of the version that was chosen."""
    return (FILES[source.version],)


CIFAR10 = Dataset(
    name="cifar10",
    title="CIFAR-10, validated as in the paper on half of the test set (which half is unknown)",
    address="https://www.cs.toronto.edu/~kriz/cifar.html",
    citation="Krizhevsky (2009), Learning multiple layers of features from tiny images",
    license="none stated; cite Krizhevsky (2009)",
    split=split,
    source=Source,
    files=files,
)
CIFAR10_CLEAN = dataclasses.replace(
    CIFAR10,
    name="cifar10-clean",
    origin="cifar10",
    title="CIFAR-10, validated on the last 5,000 training images",
    split=clean_split,
)
