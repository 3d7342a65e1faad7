"""npz files of the user: arrays of examples and of labels.

Legend of shape suffixes: N examples, I inputs, B rows of a block.
"""

import io
import math
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.formats.table import LARGEST, Scaled, Table, blocks, classes, listed
from pipeline.data.splits.stored_arrays import DAMAGE
from pipeline.runtime.errors import Problem

KERAS = ("x_train", "y_train", "x_test", "y_test")
MOST_BYTES = 1 << 33  # largest size of an expanded array
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def table(content: bytes, path: str, names: tuple[str, str], *, scaled: Scaled) -> Table:
    """Return the table of the arrays `names` (x, y), or of x_train, y_train, x_test and y_test.

    Raises Problem naming file and array where one is absent, damaged or unusable.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name.removesuffix(".npy") for name in archive.namelist()}
            chosen = names if set(names) <= members else KERAS
            if set(chosen) <= members:
                arrays = [_array(archive, name, path) for name in chosen]
    except (*DAMAGE, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise Problem(f"{path} cannot be read ({reason}): save it with numpy.savez") from error
    if not set(chosen) <= members:
        raise Problem(
            f"{path} has no arrays {' and '.join(names)}, nor {', '.join(KERAS)}; it has "
            f"{listed(sorted(members))}: say x and y in preprocess"
        )
    for n in range(0, len(chosen), 2):
        _check_pair(arrays[n], arrays[n + 1], path, names=chosen[n : n + 2])
    x, y_N = _joined(arrays[::2], path), _joined(arrays[1::2], path)
    part_N = np.repeat(["train", "test"][: len(arrays) // 2], [len(part) for part in arrays[::2]])
    class_names, positions_N = classes(y_N, f"{path}: {chosen[1]}")
    return Table(x, positions_N, part_N, class_names, scaled)


def _joined(arrays: list[NDArray[Any]], path: str) -> NDArray[Any]:
    """Return the training examples followed by the test examples, if there are any."""
    if len({(array.dtype.kind, array.dtype.itemsize * (array.ndim > 1)) for array in arrays}) > 1:
        raise Problem(f"{path}: training and test arrays are of different types: make them alike")
    if len({array.shape[1:] for array in arrays}) > 1:
        raise Problem(f"{path}: training and test examples differ in shape: make them alike")
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def _array(archive: zipfile.ZipFile, name: str, path: str) -> NDArray[Any]:
    """Return an array, whose header must agree with the size of its member."""
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > MOST_BYTES:
        raise Problem(
            f"{path}: {name} takes {info.file_size} bytes, more than {MOST_BYTES}: give fewer"
        )
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"{name} is of version {version}")
        shape, fortran, dtype = HEADERS[version](file)
        start = file.tell()
    if dtype.hasobject:
        raise Problem(f"{path}: {name} holds Python objects: save numbers, or labels as text")
    size = start + math.prod(shape) * dtype.itemsize
    if size != info.file_size:
        raise ValueError(f"{name} takes {info.file_size} bytes, its header promises {size}")
    values = np.frombuffer(archive.read(info), dtype, offset=start)  # read checks the CRC
    return values.reshape(shape, order="F" if fortran else "C")


def _check_pair(x: NDArray[Any], y_N: NDArray[Any], path: str, *, names: tuple[str, ...]) -> None:
    where = f"{path}: {names[0]}"
    if x.dtype.kind not in "biuf" or x.dtype.itemsize > 8:
        raise Problem(f"{where} is {x.dtype}: save real numbers of at most 64 bits")
    if x.ndim not in (2, 3, 4) or not x.size or (x.ndim == 4 and x.shape[3] not in (1, 3)):
        raise Problem(
            f"{where} has shape {[*x.shape]}: save it as [N, I], [N, H, W], or [N, H, W, C] with "
            "1 or 3 colors"
        )
    if y_N.shape != x.shape[:1]:
        raise Problem(
            f"{path}: {names[1]} has shape {[*y_N.shape]}, expected [{len(x)}]: "
            f"give one label for each example of {names[0]}"
        )
    if x.dtype.kind == "f":
        _check_finite(x, where)


def _check_finite(x: NDArray[Any], where: str) -> None:
    first = 0
    for x_BI in blocks(x, np.arange(len(x))):
        wrong = np.argwhere(~(np.abs(x_BI.astype(np.float64)) <= LARGEST))  # catches NaN too
        if len(wrong):
            raise Problem(
                f"{where}[{first + wrong[0, 0]}] holds {x_BI[tuple(wrong[0])]}, which is no finite "
                "32-bit number: replace it, or leave the example out"
            )
        first += len(x_BI)
