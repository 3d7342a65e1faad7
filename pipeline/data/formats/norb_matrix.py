"""Gzipped binary matrices, the format of NORB and small NORB.

A little-endian header of 32-bit integers (magic number, number of dimensions, then the length of
each dimension, padded to three lengths), then the values, the last dimension fastest. Files are
streamed, and read no further than expected.

Legend of shape suffixes: N rows of a file, B rows of a block.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.runtime import storage

Kind = Literal["u1", "<i4"]  # dtypes of the two matrix types in use
MAGIC: dict[Kind, int] = {"u1": 0x1E3D4C55, "<i4": 0x1E3D4C54}
LENGTHS = 3  # fewest lengths in a header
DAMAGE = (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error, ValueError)


def read_images(path: Path, shape: tuple[int, ...], *, rows: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the images of a file of shape `shape` in blocks [B, ...] of `rows`, the last shorter.

    The checksum is verified at the end of the stream. Raises Problem where the file is absent or
    damaged, or has another shape.
    """
    for block_B in _blocks(path, "u1", shape, rows):
        yield block_B.view(np.uint8)


def read_integers(path: Path, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the 32-bit integers of a small file of shape `shape`, as int64.

    Raises Problem where the file is absent or damaged, or has another shape.
    """
    (whole_N,) = _blocks(path, "<i4", shape, shape[0])
    return whole_N.astype(np.int64)


def header_size(shape: tuple[int, ...]) -> int:
    """Return the number of bytes before the values of a matrix."""
    return 8 + 4 * max(LENGTHS, len(shape))


def _blocks(
    path: Path, kind: Kind, shape: tuple[int, ...], rows: int
) -> Iterator[NDArray[np.generic]]:
    with _refusals(path), gzip.open(path) as file:
        _check_header(_content(file, header_size(shape)), kind, shape)
        row_bytes = np.dtype(kind).itemsize * math.prod(shape[1:])
        for first in range(0, shape[0], rows):
            count = min(rows, shape[0] - first)
            values = np.frombuffer(_content(file, count * row_bytes), kind)
            yield values.reshape(count, *shape[1:])
        if file.read(1):
            raise ValueError(f"more than {file.tell() - 1} bytes when expanded")


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Turn the exceptions of a damaged file into a Problem that names it."""
    try:
        yield
    except DAMAGE as error:
        raise storage.unreadable(path, error) from error


def _check_header(header: bytes, kind: Kind, shape: tuple[int, ...]) -> None:
    magic, dimensions, *lengths = struct.unpack(f"<{len(header) // 4}I", header)
    if magic != MAGIC[kind]:
        raise ValueError(f"magic number {magic:#x}, expected {MAGIC[kind]:#x}")
    if dimensions != len(shape):
        raise ValueError(f"{dimensions} dimensions, expected {len(shape)}")
    if lengths[:dimensions] != list(shape):
        raise ValueError(f"lengths {lengths[:dimensions]}, expected {list(shape)}")


def _content(file: gzip.GzipFile, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise ValueError(f"{file.tell()} bytes when expanded, which is too few")
    return content
