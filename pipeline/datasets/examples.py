"""The files that preprocess writes and every later stage reads: one npz a split.

Legend of shape suffixes: N examples, I inputs of the network, B rows of any selection.
"""

import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline import records

FIELDS = ("x", "y", "form")
DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    TypeError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)
UNBOUNDED = (-math.inf, math.inf)
CREATED = (1980, 1, 1, 0, 0, 0)  # of the members of a file: same content, same bytes


@dataclass(frozen=True)
class Form:
    """How stored values become a network's inputs, and what the labels mean.

    An input is value * scale + offset, less the mean of its example where `centered`; it lies
    within `bounds`. `shape` says how to draw one example, color planes first. `class_names` are in
    the order of the labels. With a `recipe` the examples are not trained on as they are: they are
    the characters that a generator of this name distorts, without end.
    """

    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scale: float = 1.0
    offset: float = 0.0
    centered: bool = False
    bounds: tuple[float, float] = (0.0, 1.0)
    recipe: str = ""

    @property
    def inputs(self) -> int:
        """I, the number of inputs of the network."""
        return math.prod(self.shape)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)


@dataclass(frozen=True)
class Blocks:
    """Rows [N, I] that are too many for memory: each iteration makes them anew, block by block."""

    shape: tuple[int, int]
    make: Callable[[], Iterator[NDArray[Any]]]  # blocks [n, I], N rows in all

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield the blocks in order."""
        return self.make()


@dataclass(frozen=True)
class Split:
    """Labelled examples on their way to a file.

    x_NI [N, I] is uint8 or float32, in memory or in blocks; y_N [N] is int64, a position in the
    form's class names.
    """

    x_NI: NDArray[Any] | Blocks
    y_N: NDArray[np.int64]
    form: Form


class Splits(NamedTuple):
    """The three splits of a dataset, named as their files are."""

    train: Split
    valid: Split
    test: Split


@dataclass(frozen=True)
class Examples:
    """Labelled examples in memory.

    x_NI [N, I] is uint8 or float32 as stored: `inputs` makes network inputs of any of its rows, so
    that large sets stay small. y_N [N] is int64.
    """

    x_NI: Tensor
    y_N: Tensor
    form: Form

    def __len__(self) -> int:
        """Return N."""
        return len(self.y_N)

    def inputs(self, rows_B: Tensor | slice) -> Tensor:
        """Return the network inputs [B, I] of some rows, float32."""
        stored_BI = (
            self.x_NI[rows_B] if isinstance(rows_B, slice) else self.x_NI.index_select(0, rows_B)
        )
        return decode(stored_BI, self.form)

    def chunks(self, rows: int) -> Iterator[Tensor]:
        """Yield the inputs of all examples in order, so many rows at once."""
        for first in range(0, len(self), rows):
            yield self.inputs(slice(first, first + rows))

    def select(self, rows_B: Tensor) -> "Examples":
        """Return some of the examples, as stored."""
        rows_B = rows_B.to(self.y_N.device)
        return Examples(self.x_NI[rows_B], self.y_N[rows_B], self.form)

    def to(self, device: torch.device) -> "Examples":
        """Return the examples on a device."""
        return Examples(self.x_NI.to(device), self.y_N.to(device), self.form)


def decode(stored_BI: Tensor, form: Form) -> Tensor:
    """Return the network inputs of stored values, of any shape [..., I], float32."""
    x_BI = stored_BI.to(torch.float32)
    if form.scale != 1:
        x_BI = x_BI * form.scale
    if form.offset:
        x_BI = x_BI + form.offset
    return x_BI - x_BI.mean(-1, keepdim=True) if form.centered else x_BI


def write(split: Split, path: Path) -> None:
    """Write a split as one npz file, block by block: same split, same bytes."""
    x_NI = split.x_NI
    blocks = x_NI if isinstance(x_NI, Blocks) else [x_NI]
    form = np.array(json.dumps(asdict(split.form)))
    with records.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        _write_array(archive, "x", x_NI.shape, blocks)
        _write_array(archive, "y", split.y_N.shape, [split.y_N])
        _write_array(archive, "form", (), [form])


def _write_array(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    blocks: Sequence[NDArray[Any]] | Blocks,
) -> None:
    rows = 0
    member = zipfile.ZipInfo(f"{name}.npy", CREATED)
    with archive.open(member, "w", force_zip64=True) as file:
        for block in blocks:
            if not rows:
                descr = np.lib.format.dtype_to_descr(block.dtype)
                header = {"descr": descr, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(block).data)
            rows += len(block) if shape else 1
    if shape and rows != shape[0]:
        raise AssertionError(f"{name} has {rows} rows, {shape[0]} were promised")


def read(path: Path) -> Examples:
    """Read a split onto the CPU.

    Raises Problem where the file is absent, damaged, or at odds with itself.
    """
    try:
        x_NI, y_N, form = arrays(path, FIELDS)
        examples = Examples(
            torch.from_numpy(x_NI), torch.from_numpy(y_N), _form(json.loads(str(form)))
        )
    except (TypeError, ValueError) as error:
        raise records.unreadable(path, error) from error
    fault = _fault(examples)
    if fault:
        raise records.unreadable(path, ValueError(fault))
    return examples


def read_form(path: Path) -> Form:
    """Read the form of a split alone. Raises Problem where the file is absent or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return _form(json.loads(str(stored["form"])))
    except (*DAMAGE, zipfile.BadZipFile) as error:
        raise records.unreadable(path, error) from error


def _form(stored: dict[str, Any]) -> Form:
    tuples = {name: tuple(stored[name]) for name in ("shape", "class_names", "bounds")}
    return Form(**(stored | tuples))


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


def _fault(examples: Examples) -> str | None:
    """Say what is wrong between the parts of a split, None where nothing is."""
    x_NI, y_N, form = examples.x_NI, examples.y_N, examples.form
    if x_NI.dtype not in (torch.uint8, torch.float32) or x_NI.ndim != 2:
        return f"x is {x_NI.dtype} of shape {[*x_NI.shape]}, expected uint8 or float32 [N, I]"
    if y_N.dtype != torch.int64 or y_N.shape != x_NI.shape[:1] or not len(y_N):
        return f"y is {y_N.dtype} {[*y_N.shape]}, expected int64, one for each of {len(x_NI)}"
    if form.inputs != x_NI.shape[1]:
        return f"shape {form.shape} does not hold {x_NI.shape[1]} inputs"
    if y_N.min() < 0 or y_N.max() >= form.classes:
        return f"labels run from {y_N.min()} to {y_N.max()}, expected 0 to {form.classes - 1}"
    finite = x_NI.dtype == torch.uint8 or bool(x_NI.isfinite().all())
    if not (math.isfinite(form.scale) and form.scale > 0 and finite):
        return "not every input is a finite number"
    return None
