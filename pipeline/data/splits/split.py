"""Examples on their way to files: what every format's reader returns.

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
    and `notes` are for the data card. Where every seed has a split of its own this is that of seed
    0, and `others` are those of the seeds from 1 up, of as many examples.
    """

    x_NI: "NDArray[Any] | Blocks | csr_matrix"
    y_N: NDArray[np.int64]
    form: Encoding
    id_N: NDArray[np.int64] | None = None
    notes: Record | None = None
    others: tuple["Split", ...] = ()


class Splits(NamedTuple):
    """The three splits of a dataset, named as their files are."""

    train: Split
    valid: Split
    test: Split
