"""Examples of a split, in memory and in the npz file that `preprocess` writes.

Legend of shape suffixes: N examples, I inputs of the network, B rows of any selection, P ones.
"""

import json
import math
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.data.splits.encoding import Encoding, decode
from pipeline.data.splits.sparse_batch import Inputs, SparseBatch, SparseRows
from pipeline.data.splits.split import Blocks, Split
from pipeline.data.splits.stored_arrays import DAMAGE, arrays, write_array
from pipeline.data.splits.vocabulary import Vocabulary
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Batch = tuple[Inputs, Tensor]  # inputs [S, B, I] and labels [S, B]
DENSE = ("x", "y", "form")
SPARSE = ("indptr", "indices", "y", "form")
# Fields of an encoding that the file stores under another name, or leaves out at their default.
STORED_NAMES = {"pipeline": "recipe"}
OPTIONAL = {"vocabulary": None, "repeats": 1}


@dataclass(frozen=True)
class Examples:
    """Labeled examples in memory.

    x_NI [N, I] holds the stored values: uint8, float32 or sparse rows. `inputs` decodes any of its
    rows on demand, so that large sets stay small. y_N [N] is int64.
    """

    x_NI: Tensor | SparseRows
    y_N: Tensor
    encoding: Encoding

    def __len__(self) -> int:
        """Return N."""
        return len(self.y_N)

    def of(self, seed: int) -> "Examples":
        """Return the examples of a seed: the same for every seed."""
        return self

    @property
    def images(self) -> Tensor:
        """Stored values as images [N, *shape]; not for texts."""
        assert isinstance(self.x_NI, Tensor), "texts are not images"
        return self.x_NI.view(-1, *self.encoding.shape)

    def inputs(self, rows_B: Tensor | slice) -> Tensor:
        """Return the network inputs [B, I] of the given rows, float32."""
        if isinstance(self.x_NI, SparseRows):
            return decode(self.x_NI[rows_B].dense(), self.encoding)
        stored_BI = (
            self.x_NI[rows_B] if isinstance(rows_B, slice) else self.x_NI.index_select(0, rows_B)
        )
        return decode(stored_BI, self.encoding)

    @property
    def device(self) -> torch.device:
        """Device of the examples."""
        return self.y_N.device

    @property
    def zeros(self) -> float:
        """Share of network inputs that are exactly 0, in [0, 1]."""
        if isinstance(self.x_NI, SparseRows):
            return 1 - len(self.x_NI.ones_P) / math.prod(self.x_NI.shape)
        return float((self.inputs(slice(None)) == 0).double().mean())

    def batch(self, seeds: list[int], rows_SB: Tensor) -> Batch:
        """Return the network inputs [S, B, I] and labels [S, B] of the given rows of each seed."""
        if isinstance(self.x_NI, SparseRows):
            return SparseBatch(self.x_NI[rows_SB.flatten()], len(rows_SB)), self.y_N[rows_SB]
        x_SBI = self.inputs(rows_SB.flatten()).view(*rows_SB.shape, -1)
        return x_SBI, self.y_N[rows_SB]

    def chunks(self, rows: int) -> Iterator[Inputs]:
        """Yield the inputs [1, n, I] of all examples in order, at most `rows` at a time."""
        for first in range(0, len(self), rows):
            chunk = slice(first, first + rows)
            if isinstance(self.x_NI, SparseRows):
                yield SparseBatch(self.x_NI[chunk], 1)
            else:
                yield self.inputs(chunk).unsqueeze(0)

    def select(self, rows_B: Tensor) -> "Examples":
        """Return the examples at the given rows, as stored."""
        rows_B = rows_B.to(self.y_N.device)
        return Examples(self.x_NI[rows_B], self.y_N[rows_B], self.encoding)

    def to(self, device: torch.device) -> "Examples":
        """Return the examples on a device."""
        return Examples(self.x_NI.to(device), self.y_N.to(device), self.encoding)


def write(split: Split, path: Path) -> None:
    """Write a split as one npz file, block by block: the same split gives the same bytes."""
    with storage.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for seed, of_seed in enumerate((split, *split.others)):
            _write(of_seed, archive, _prefix(seed), 1 + len(split.others))


def _prefix(seed: int) -> str:
    return f"{seed}/" if seed else ""


def _write(split: Split, archive: zipfile.ZipFile, prefix: str, repeats: int) -> None:
    x_NI = split.x_NI
    if isinstance(x_NI, Blocks):
        write_array(archive, f"{prefix}x", x_NI.shape, x_NI)
    else:
        dense = isinstance(x_NI, np.ndarray)
        for name, array in ({"x": x_NI} if dense else _sparse_arrays(x_NI)).items():
            write_array(archive, f"{prefix}{name}", array.shape, [array])
    encoding = json.dumps(_stored_encoding(replace(split.encoding, repeats=repeats)))
    write_array(archive, f"{prefix}y", split.y_N.shape, [split.y_N])
    write_array(archive, f"{prefix}form", (), [np.array(encoding)])
    if split.id_N is not None:
        write_array(archive, f"{prefix}id", split.id_N.shape, [split.id_N])
    if split.notes is not None:
        write_array(archive, f"{prefix}notes", (), [np.array(json.dumps(split.notes))])


def _sparse_arrays(x_NI: "csr_matrix") -> dict[str, NDArray[Any]]:
    """Return the arrays that a sparse matrix is stored as, without its values: all are 1."""
    return {"indptr": x_NI.indptr.astype("<i8"), "indices": x_NI.indices.astype("<i4")}


def _stored_encoding(encoding: Encoding) -> dict[str, Any]:
    return {
        STORED_NAMES.get(name, name): value
        for name, value in asdict(encoding).items()
        if name not in OPTIONAL or value != OPTIONAL[name]
    }


def read(path: Path, seed: int | None = None, *, unlabeled: bool = False) -> Examples:
    """Read the split of a seed, or the one that all seeds share, onto the CPU.

    Unlabeled texts are left out, or with `unlabeled` follow the labeled ones. Raises Problem where
    the file is absent, damaged or inconsistent, where it has no split for the seed, and without a
    seed where every seed has its own split.
    """
    prefix = _prefix(_split_of(path, seed))
    try:
        dense, sparse = (tuple(prefix + name for name in names) for names in (DENSE, SPARSE))
        *stored, y_N, text = arrays(path, dense, sparse)
        encoding = _encoding(json.loads(str(text)))
        x, *others = [torch.from_numpy(array) for array in stored]
        x_NI = SparseRows(x, others[0], encoding.inputs) if others else x
        examples = Examples(x_NI, torch.from_numpy(y_N), encoding)
        fault = _fault(examples)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise storage.unreadable(path, error) from error
    if fault:
        raise storage.unreadable(path, ValueError(fault))
    if unlabeled or not encoding.vocabulary:
        return examples
    labeled = slice(int((examples.y_N >= 0).sum()))
    return Examples(examples.x_NI[labeled], examples.y_N[labeled], encoding)


def read_encoding(path: Path, seed: int = 0) -> Encoding:
    """Read the encoding of a seed's split; the encodings of two seeds differ in their terms only.

    Raises Problem where the file is absent or damaged, or has no split for the seed.
    """
    return _read_encoding(path, _prefix(_split_of(path, seed)))


def _read_encoding(path: Path, prefix: str) -> Encoding:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return _encoding(json.loads(str(stored[f"{prefix}form"])))
    except DAMAGE as error:
        raise storage.unreadable(path, error) from error


def _split_of(path: Path, seed: int | None) -> int:
    """Return the index of a seed's split in a file."""
    repeats = _read_encoding(path, "").repeats
    if repeats == 1:
        return 0
    if seed is None:
        raise Problem(
            f"{path} has a split of its own for each seed, and this command needs one for all "
            "seeds: choose a dataset without folds"
        )
    if seed >= repeats:
        raise Problem(
            f"{path} has splits for {repeats} seeds, one each, none for seed {seed}: raise "
            f"datasets.{path.parent.name}.preprocess.repeats in params.yaml, or lower the seeds"
        )
    return seed


def _encoding(stored: dict[str, Any]) -> Encoding:
    fields = stored | {name: tuple(stored[name]) for name in ("shape", "class_names", "bounds")}
    for name, stored_name in STORED_NAMES.items():
        fields[name] = fields.pop(stored_name)
    words = fields.pop("vocabulary", None)
    return Encoding(**fields, vocabulary=words and Vocabulary.of(words))


def _fault(examples: Examples) -> str | None:
    """Return a description of what is inconsistent in a split, None if nothing is."""
    x_NI, y_N, encoding = examples.x_NI, examples.y_N, examples.encoding
    if isinstance(x_NI, SparseRows):
        if fault := x_NI.fault():
            return fault
    elif x_NI.dtype not in (torch.uint8, torch.float32) or x_NI.ndim != 2:
        return f"x is {x_NI.dtype} of shape {[*x_NI.shape]}, expected uint8 or float32 [N, I]"
    if y_N.dtype != torch.int64 or y_N.shape != x_NI.shape[:1] or not len(y_N):
        return f"y is {y_N.dtype} {[*y_N.shape]}, expected int64, one for each of {len(x_NI)}"
    terms = encoding.vocabulary and len(encoding.vocabulary.terms)
    if {encoding.inputs} != {x_NI.shape[1], terms or encoding.inputs}:
        return f"shape {encoding.shape} does not hold {terms or x_NI.shape[1]} inputs"
    lowest = -1 if encoding.vocabulary else 0
    if y_N.min() < lowest or y_N.max() >= encoding.classes:
        return f"labels run from {y_N.min()} to {y_N.max()}, expected 0 to {encoding.classes - 1}"
    if (y_N[0] < 0) or bool(((y_N[:-1] < 0) & (y_N[1:] >= 0)).any()):
        return "examples without a label do not come last"
    finite = (
        isinstance(x_NI, SparseRows) or x_NI.dtype == torch.uint8 or bool(x_NI.isfinite().all())
    )
    if not (math.isfinite(encoding.scale) and encoding.scale > 0 and finite):
        return "not every input is a finite number"
    return None
