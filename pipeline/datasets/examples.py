"""The files that preprocess writes and every later stage reads: one npz a split.

Legend of shape suffixes: N examples, I inputs of the network, B rows of any selection, P ones.
"""

import json
import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline import records
from pipeline.datasets.members import DAMAGE, arrays, write_array
from pipeline.datasets.presence import Presence
from pipeline.datasets.vocabulary import Vocabulary
from pipeline.records import Record

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

DENSE = ("x", "y", "form")
SPARSE = ("indptr", "indices", "y", "form")
UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Form:
    """How stored values become a network's inputs, and what the labels mean.

    An input is value * scale + offset, less the mean of its example where `centered`; it lies
    within `bounds`. `shape` says how to draw one example, color planes first. `class_names` are in
    the order of the labels. With a `recipe` the examples are not trained on as they are: they are
    the characters that a generator of this name distorts, without end. With a `vocabulary` they are
    texts, and an input is 1 where the text has the term.
    """

    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scale: float = 1.0
    offset: float = 0.0
    centered: bool = False
    bounds: tuple[float, float] = (0.0, 1.0)
    recipe: str = ""
    vocabulary: Vocabulary | None = None

    @property
    def inputs(self) -> int:
        """I, the number of inputs of the network."""
        return math.prod(self.shape)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def stars_C(self) -> Tensor | None:
        """What each class counts, float64 [C], where the labels are ratings; None elsewhere."""
        if not (self.vocabulary and self.vocabulary.stars):
            return None
        return torch.tensor([float(name) for name in self.class_names], dtype=torch.float64)


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
    """Examples on their way to a file.

    x_NI [N, I] is uint8 or float32, in memory or in blocks, or presence bits as a sparse matrix
    with ascending rows; y_N [N] is int64, a position in the form's class names. Of texts the last
    ones may have none: theirs is -1. `id_N` [N] is the place of each in the files that it is from,
    and `notes` are for the data card.
    """

    x_NI: "NDArray[Any] | Blocks | csr_matrix"
    y_N: NDArray[np.int64]
    form: Form
    id_N: NDArray[np.int64] | None = None
    notes: Record | None = None


class Splits(NamedTuple):
    """The three splits of a dataset, named as their files are."""

    train: Split
    valid: Split
    test: Split


@dataclass(frozen=True)
class Examples:
    """Labelled examples in memory.

    x_NI [N, I] is uint8 or float32 as stored, or presence bits by their ones: `inputs` makes
    network inputs of any of its rows, so that large sets stay small. y_N [N] is int64.
    """

    x_NI: Tensor | Presence
    y_N: Tensor
    form: Form

    def __len__(self) -> int:
        """Return N."""
        return len(self.y_N)

    @property
    def images(self) -> Tensor:
        """The stored values as pictures [N, *shape]; texts have none."""
        assert isinstance(self.x_NI, Tensor), "texts are no pictures"
        return self.x_NI.view(-1, *self.form.shape)

    def inputs(self, rows_B: Tensor | slice) -> Tensor:
        """Return the network inputs [B, I] of some rows, float32."""
        if isinstance(self.x_NI, Presence):
            return decode(self.x_NI[rows_B].dense(), self.form)
        stored_BI = (
            self.x_NI[rows_B] if isinstance(rows_B, slice) else self.x_NI.index_select(0, rows_B)
        )
        return decode(stored_BI, self.form)

    def terms(self, rows_B: Tensor | slice) -> Presence | None:
        """Return the inputs [B, I] of some rows by their ones; None where they are not bits."""
        return self.x_NI[rows_B] if isinstance(self.x_NI, Presence) else None

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
    with records.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        if isinstance(x_NI, Blocks):
            write_array(archive, "x", x_NI.shape, x_NI)
        else:
            dense = isinstance(x_NI, np.ndarray)
            for name, array in ({"x": x_NI} if dense else _ones(x_NI)).items():
                write_array(archive, name, array.shape, [array])
        write_array(archive, "y", split.y_N.shape, [split.y_N])
        write_array(archive, "form", (), [np.array(json.dumps(_told(split.form)))])
        if split.id_N is not None:
            write_array(archive, "id", split.id_N.shape, [split.id_N])
        if split.notes is not None:
            write_array(archive, "notes", (), [np.array(json.dumps(split.notes))])


def _ones(bits_NI: "csr_matrix") -> dict[str, NDArray[Any]]:
    """Return a sparse matrix as it is stored: every stored value is 1, so the values are not."""
    return {"indptr": bits_NI.indptr.astype("<i8"), "indices": bits_NI.indices.astype("<i4")}


def _told(form: Form) -> dict[str, Any]:
    told = asdict(form)
    if form.vocabulary is None:
        del told["vocabulary"]
    return told


def read(path: Path, *, unlabeled: bool = False) -> Examples:
    """Read a split onto the CPU; texts without a label too, after the others, if `unlabeled`.

    Raises Problem where the file is absent, damaged, or at odds with itself.
    """
    try:
        *stored, y_N, told = arrays(path, DENSE, SPARSE)
        form = _form(json.loads(str(told)))
        x, *others = [torch.from_numpy(array) for array in stored]
        x_NI = Presence(x, others[0], form.inputs) if others else x
        examples = Examples(x_NI, torch.from_numpy(y_N), form)
        fault = _fault(examples)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise records.unreadable(path, error) from error
    if fault:
        raise records.unreadable(path, ValueError(fault))
    if unlabeled or not form.vocabulary:
        return examples
    labeled = slice(int((examples.y_N >= 0).sum()))
    return Examples(examples.x_NI[labeled], examples.y_N[labeled], form)


def read_form(path: Path) -> Form:
    """Read the form of a split alone. Raises Problem where the file is absent or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return _form(json.loads(str(stored["form"])))
    except DAMAGE as error:
        raise records.unreadable(path, error) from error


def _form(stored: dict[str, Any]) -> Form:
    tuples = {name: tuple(stored[name]) for name in ("shape", "class_names", "bounds")}
    words = stored.get("vocabulary")
    return Form(**(stored | tuples | {"vocabulary": words and Vocabulary.of(words)}))


def _fault(examples: Examples) -> str | None:
    """Say what is wrong between the parts of a split, None where nothing is."""
    x_NI, y_N, form = examples.x_NI, examples.y_N, examples.form
    if isinstance(x_NI, Presence):
        if fault := x_NI.fault():
            return fault
    elif x_NI.dtype not in (torch.uint8, torch.float32) or x_NI.ndim != 2:
        return f"x is {x_NI.dtype} of shape {[*x_NI.shape]}, expected uint8 or float32 [N, I]"
    if y_N.dtype != torch.int64 or y_N.shape != x_NI.shape[:1] or not len(y_N):
        return f"y is {y_N.dtype} {[*y_N.shape]}, expected int64, one for each of {len(x_NI)}"
    terms = form.vocabulary and len(form.vocabulary.terms)
    if {form.inputs} != {x_NI.shape[1], terms or form.inputs}:
        return f"shape {form.shape} does not hold {terms or x_NI.shape[1]} inputs"
    lowest = -1 if form.vocabulary else 0
    if y_N.min() < lowest or y_N.max() >= form.classes:
        return f"labels run from {y_N.min()} to {y_N.max()}, expected 0 to {form.classes - 1}"
    if (y_N[0] < 0) or bool(((y_N[:-1] < 0) & (y_N[1:] >= 0)).any()):
        return "examples without a label do not come last"
    finite = isinstance(x_NI, Presence) or x_NI.dtype == torch.uint8 or bool(x_NI.isfinite().all())
    if not (math.isfinite(form.scale) and form.scale > 0 and finite):
        return "not every input is a finite number"
    return None
