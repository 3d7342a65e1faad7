"""The files that preprocess writes and every later stage reads: one npz a split.

Legend of shape suffixes: N examples, I inputs of the network.
"""

import io
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline import records

FIELDS = ("x", "y", "scale", "shape", "classes")
DAMAGE = (OSError, EOFError, KeyError, ValueError, RuntimeError, struct.error, zlib.error)


@dataclass(frozen=True)
class Split:
    """Labelled examples as they are stored.

    x_NI [N, I] is uint8 or float32, and the network's input is x_NI * scale; y_N [N] is int64, from
    0 to classes - 1; shape says how to draw one input, its product is I.
    """

    x_NI: NDArray[Any]
    y_N: NDArray[np.int64]
    scale: float
    shape: tuple[int, ...]
    classes: int


class Splits(NamedTuple):
    """The three splits of a dataset, named as their files are."""

    train: Split
    valid: Split
    test: Split


@dataclass(frozen=True)
class Examples:
    """Labelled examples as a network meets them.

    x_NI [N, I] is float32 and scaled already; y_N [N] is int64, from 0 to classes - 1; shape says
    how to draw one input, its product is I.
    """

    x_NI: Tensor
    y_N: Tensor
    shape: tuple[int, ...]
    classes: int


def write(split: Split, path: Path) -> None:
    """Write a split as one npz file: same split, same bytes."""
    file = io.BytesIO()
    np.savez(
        file,
        x=split.x_NI,
        y=split.y_N,
        scale=np.float32(split.scale),
        shape=np.array(split.shape, np.int64),
        classes=np.int64(split.classes),
    )
    records.write_bytes(path, file.getvalue())


def read(path: Path) -> Examples:
    """Read a split, inputs scaled, onto the CPU.

    Raises Problem where the file is absent, damaged, or at odds with itself.
    """
    split = _stored(path)
    fault = _fault(split)
    if fault:
        raise records.unreadable(path, ValueError(fault))
    x_NI = torch.from_numpy(split.x_NI).to(torch.float32).mul_(split.scale)
    return Examples(x_NI, torch.from_numpy(split.y_N), split.shape, split.classes)


def _stored(path: Path) -> Split:
    try:
        x_NI, y_N, scale, shape, classes = arrays(path, FIELDS)
        return Split(x_NI, y_N, float(scale), tuple(shape.tolist()), int(classes))
    except (TypeError, ValueError) as error:  # a scalar that is none
        raise records.unreadable(path, error) from error


def arrays(path: Path, names: tuple[str, ...]) -> list[NDArray[Any]]:
    """Return the named arrays of an npz file. Raises Problem where it is absent or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            # Checksums first: a damaged header could ask numpy for any amount of memory.
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"{damaged} is damaged")
        with np.load(path, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except (*DAMAGE, zipfile.BadZipFile) as error:
        raise records.unreadable(path, error) from error


def _fault(split: Split) -> str | None:
    """Say what is wrong between the parts of a split, None where nothing is."""
    x_NI, y_N = split.x_NI, split.y_N
    if x_NI.dtype not in (np.uint8, np.float32) or x_NI.ndim != 2:
        return f"x is {x_NI.dtype} of shape {x_NI.shape}, expected uint8 or float32 [N, I]"
    if y_N.dtype != np.int64 or y_N.shape != x_NI.shape[:1] or not len(y_N):
        return f"y is {y_N.dtype} of shape {y_N.shape}, expected int64, one for each of {len(x_NI)}"
    if math.prod(split.shape) != x_NI.shape[1]:
        return f"shape {split.shape} does not hold {x_NI.shape[1]} inputs"
    if y_N.min() < 0 or y_N.max() >= split.classes:
        return f"labels run from {y_N.min()} to {y_N.max()}, expected 0 to {split.classes - 1}"
    if not (math.isfinite(split.scale) and split.scale > 0 and np.isfinite(x_NI).all()):
        return "not every input is a finite number"
    return None
