"""Arrays in npz files: reproducible bytes when written, validated when read."""

import io
import itertools
import math
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.runtime import storage

# Exceptions that zipfile and numpy raise on damaged files.
DAMAGE = (
    OSError, EOFError, KeyError, TypeError, RuntimeError, ValueError, struct.error, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip
# Date and operating system of every member: equal arrays give equal bytes on all systems.
CREATED, UNIX = (1980, 1, 1, 0, 0, 0), 3
HEADER_BYTES = 1 << 16  # no header of an array is longer


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the content of an npz file with the arrays of these names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            write_array(archive, name, array.shape, [array])
    return content.getvalue()


def write_array(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    blocks: Iterable[NDArray[Any]],
) -> None:
    """Write one array of the given shape, block by block along its first dimension."""
    rows, blocks = 0, iter(blocks)
    first = next(blocks)
    member = zipfile.ZipInfo(f"{name}.npy", CREATED)
    member.create_system = UNIX
    # The size decides about a 64-bit entry. `force_zip64`, as in numpy.savez, writes other bytes
    # before and after Python 3.11.4.
    member.file_size = HEADER_BYTES + math.prod(shape) * first.itemsize
    with archive.open(member, "w") as file:
        descr = np.lib.format.dtype_to_descr(first.dtype)
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for block in itertools.chain([first], blocks):
            file.write(np.ascontiguousarray(block).data)
            rows += len(block) if shape else 1
    if shape and rows != shape[0]:
        raise AssertionError(f"{name} has {rows} rows, expected {shape[0]}")


def arrays(path: Path, *choices: tuple[str, ...]) -> list[NDArray[Any]]:
    """Return the arrays of an npz file under the first tuple of names that are all present.

    Raises Problem where the file is absent or damaged, or lacks a name of every tuple.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # Checksums first: a damaged header could make numpy allocate any amount of memory.
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"{damaged} is damaged")
        with np.load(path, allow_pickle=False) as stored:
            present = [names for names in choices if {*names} <= {*stored.files}]
            return [stored[name] for name in (present or choices)[0]]
    except DAMAGE as error:
        raise storage.unreadable(path, error) from error
