"""Splits before they are written to disk: the return type of every dataset reader.

Legend of shape suffixes: N examples, I inputs of the network.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.data.splits.encoding import Encoding
from pipeline.runtime.storage import Record

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Blocks:
    """Rows [N, I] that do not fit in memory, made anew, block by block, at every iteration."""

    shape: tuple[int, int]
    make: Callable[[], Iterator[NDArray[Any]]]  # blocks [n, I], N rows in all

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield the blocks in order."""
        return self.make()


@dataclass(frozen=True)
class Split:
    """Examples to be written to a file.

    x_NI [N, I] is uint8 or float32, in memory or in blocks, or a sparse matrix of ones with sorted
    column indices. y_N [N] is int64: positions in the class names; unlabeled texts have -1 and come
    last. `id_N` [N] is the position of each example in the dataset's files. `notes` are for the
    data card. Where every seed has its own split, this is the split of seed 0, and `others` are the
    splits of seeds 1, 2, ..., of the same number of examples.
    """

    x_NI: "NDArray[Any] | Blocks | csr_matrix"
    y_N: NDArray[np.int64]
    encoding: Encoding
    id_N: NDArray[np.int64] | None = None
    notes: Record | None = None
    others: tuple["Split", ...] = ()


class Splits(NamedTuple):
    """The three splits of a dataset, named as their files."""

    train: Split
    valid: Split
    test: Split
