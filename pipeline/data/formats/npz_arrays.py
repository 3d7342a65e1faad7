"""npz files of the user: arrays of examples and of labels, in one part or in several.

Legend of shape suffixes: N examples, I inputs, B rows of a block.
"""

import io
import logging
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.download import inventory
from pipeline.data.formats.signatures import format_name
from pipeline.data.formats.table import LARGEST, Scaled, Table, blocks, listed
from pipeline.data.splits.stored_arrays import DAMAGE
from pipeline.data.text.labels import classes
from pipeline.runtime.errors import Problem

log = logging.getLogger(__name__)

# Names of arrays: x_train, Y_val, test_images, train-labels and the like.
ROLES = {
    "x": "x", "image": "x", "images": "x", "data": "x", "inputs": "x", "features": "x", "y": "y",
    "label": "y", "labels": "y", "target": "y", "targets": "y",
}  # fmt: skip
CHUNK = 1 << 20  # bytes expanded at a time
MOST_BYTES = 1 << 33  # largest size of all arrays together
SMALL_BYTES, MOST_RATIO = 1 << 28, 100  # beyond, a file that expands this many times is a bomb
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

Chosen = dict[str, tuple[str, str]]  # names of the arrays x and y by split


def table(content: bytes, path: str, names: tuple[str, str], *, scaled: Scaled) -> Table:
    """Return the table of the arrays `names` (x, y), or of x_train, y_train and the other parts.

    Parts are recognized by names such as x_test, X_valid and val_images; a log message names the
    arrays that are not used. Raises Problem naming file and array where one is absent, damaged or
    unusable.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name.removesuffix(".npy") for name in archive.namelist()}
            chosen = _chosen(members, names, path)
            _check_size(archive, len(content), chosen, path)
            arrays = {
                part: (_array(archive, x, path), _array(archive, y, path))
                for part, (x, y) in chosen.items()
            }
    except (*DAMAGE, zipfile.BadZipFile) as error:
        kind = None if content.startswith(b"PK") else format_name(content)
        reason = f"it is {kind}" if kind else " ".join(str(error).split())
        raise Problem(f"{path} cannot be read ({reason}): save it with numpy.savez") from error
    unused = sorted(members - {name for pair in chosen.values() for name in pair})
    if unused:
        log.warning("%s: the arrays %s are not used", path, listed(unused))
    pairs = {part: _checked(*arrays[part], path, chosen[part]) for part in chosen}
    x = _joined({chosen[part][0]: x for part, (x, _) in pairs.items()}, path)
    y_N = _joined({chosen[part][1]: y_N for part, (_, y_N) in pairs.items()}, path)
    part_N = np.repeat([*pairs], [len(part_x) for part_x, _ in pairs.values()])
    starts = {part: int(np.argmax(part_N == part)) for part in pairs}

    def place(n: int) -> str:
        part = str(part_N[n])
        return f"{path}: {chosen[part][1]}[{n - starts[part]}]"

    class_names, positions_N = classes(y_N, place)
    return Table(x, positions_N, part_N, class_names, scaled)


def _chosen(members: set[str], names: tuple[str, str], path: str) -> Chosen:
    """Return the names of the arrays x and y of each part that the file has."""
    parts: dict[str, dict[str, str]] = {}
    for name in sorted(members):
        part, role = _part_and_role(name)
        if part and role:
            other = parts.setdefault(part, {}).setdefault(role, name)
            if other != name:
                raise Problem(f"{path}: both {other} and {name} are {role} of {part}: remove one")
    complete = {
        part: (parts[part]["x"], parts[part]["y"])
        for part in ("train", "valid", "test")
        if {"x", "y"} <= parts.get(part, {}).keys()
    }
    if set(names) <= members and "train" in complete and names != complete["train"]:
        return {"train": names}  # of all examples, as it seems
    if set(names) <= members:
        return {"train": names} | complete
    if "train" not in complete:
        raise Problem(
            f"{path} has no arrays {' and '.join(names)}, nor x_train and y_train; it has "
            f"{listed(sorted(members))}: set x and y in preprocess"
        )
    return complete


def _part_and_role(name: str) -> tuple[str | None, str | None]:
    """Return the split and the role (x or y) that an array's name tells, None where it does not.

    >>> _part_and_role("X_val"), _part_and_role("test_labels"), _part_and_role("weights")
    (('valid', 'x'), ('test', 'y'), (None, None))
    """
    words = re.split(r"[_.\- ]", name.lower())
    if len(words) != 2:
        return None, None
    for part, role in (words, words[::-1]):
        if part in inventory.PART_NAMES and role in ROLES:
            return inventory.PART_NAMES[part], ROLES[role]
    return None, None


def check_file_size(path: Path) -> None:
    """Raise Problem for a file that would not fit in memory, before it is read."""
    if (size := path.stat().st_size) > MOST_BYTES:
        raise Problem(f"{path} has {size} bytes, more than {MOST_BYTES}: save fewer examples")


def _check_size(archive: zipfile.ZipFile, size: int, chosen: Chosen, path: str) -> None:
    """Raise Problem for arrays that would not fit in memory, before any is expanded."""
    names = {f"{name}.npy" for pair in chosen.values() for name in pair}
    total = sum(info.file_size for info in archive.filelist if info.filename in names)
    if total > MOST_BYTES or total > max(SMALL_BYTES, MOST_RATIO * size):
        raise Problem(
            f"{path}: its arrays take {total} bytes, {total // size} times the file size: save "
            "fewer, or save them uncompressed if the sizes are right"
        )


def _joined(by_name: dict[str, NDArray[Any]], path: str) -> NDArray[Any]:
    """Return the examples, or labels, of all parts in one array."""
    arrays = [*by_name.values()]
    if len({(array.dtype.kind, array.dtype.itemsize * (array.ndim > 1)) for array in arrays}) > 1:
        types = " and ".join(f"{name} {array.dtype}" for name, array in by_name.items())
        raise Problem(f"{path}: the types differ, {types}: make them alike")
    if len({array.shape[1:] for array in arrays}) > 1:
        raise Problem(f"{path}: {' and '.join(by_name)} differ in shape: make them alike")
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def _array(archive: zipfile.ZipFile, name: str, path: str) -> NDArray[Any]:
    """Return an array, whose header must agree with the size of its member."""
    info = archive.getinfo(f"{name}.npy")
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
        content = bytearray()
        while chunk := file.read(CHUNK):  # verifies the checksum at the end
            content += chunk
    if len(content) != size - start:
        raise ValueError(f"{name} has {start + len(content)} bytes when expanded, expected {size}")
    values = np.frombuffer(content, dtype)
    return values.reshape(shape, order="F" if fortran else "C")


def _checked(
    x: NDArray[Any], y_N: NDArray[Any], path: str, names: tuple[str, str]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return examples, and labels as [N], after checking their types, shapes and values."""
    where = f"{path}: {names[0]}"
    if x.dtype.kind not in "biuf" or x.dtype.itemsize > 8:
        raise Problem(f"{where} is {x.dtype}: save real numbers of at most 64 bits")
    if x.ndim not in (2, 3, 4) or not x.size or (x.ndim == 4 and x.shape[3] not in (1, 3)):
        raise Problem(
            f"{where} has shape {[*x.shape]}: save it as [N, I], [N, H, W], or [N, H, W, C] with "
            "1 or 3 colors"
        )
    if y_N.shape not in ((len(x),), (len(x), 1)):
        raise Problem(
            f"{path}: {names[1]} has shape {[*y_N.shape]}, expected [{len(x)}]: "
            f"give one label for each example of {names[0]}"
        )
    if y_N.dtype.kind not in "biufU":
        raise Problem(
            f"{path}: {names[1]} is {y_N.dtype}: labels are whole numbers or text, correct it"
        )
    if x.dtype.kind == "f":
        _check_finite(x, where)
    return x, y_N.reshape(-1)


def _check_finite(x: NDArray[Any], where: str) -> None:
    first = 0
    for x_BI in blocks(x, np.arange(len(x))):
        wrong = np.argwhere(~(np.abs(x_BI.astype(np.float64)) <= LARGEST))  # catches NaN too
        if len(wrong):
            raise Problem(
                f"{where}[{first + wrong[0, 0]}] holds {x_BI[tuple(wrong[0])]}, which is not a "
                "finite 32-bit number: replace it, or leave the example out"
            )
        first += len(x_BI)
