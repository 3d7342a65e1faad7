"""Gzipped IDX files, the format of MNIST.

A big-endian header (magic number, then the length of each dimension), then one byte per value.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.runtime import storage

MAGIC = 0x0800  # unsigned bytes; the last two digits count the dimensions: 2049 labels, 2051 images


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
    """Return the `size` bytes that a gzip file must expand to; it is expanded no further."""
    try:
        with gzip.open(path) as file:
            content = file.read(size + 1)  # one byte more detects a longer file
    except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise storage.unreadable(path, error) from error
    if len(content) != size:
        length = "more" if len(content) > size else len(content)
        raise _refusal(path, f"{length} bytes when expanded, expected {size}")
    return content


def _refusal(path: Path, what: str) -> Exception:
    return storage.unreadable(path, ValueError(what))
