"""Table of numbers with a label per row, scaled by its training split.

Legend of shape suffixes: N examples, I features, B rows of a block.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.data.splits.encoding import UNBOUNDED, Encoding
from pipeline.data.splits.split import Blocks, Split, Splits

BLOCK = 1 << 20  # numbers converted at a time
SHOWN = 20  # names in an error message
BYTE_SCALE = 1 / 255  # a byte becomes an input in [0, 1]
FEWEST_ROWS = 20  # fewer may count up by chance
INDEX_NAMES = re.compile(
    r"(?i:(.*[-_. ])?id|index|idx|row|rowid|unnamed: 0|no|nr|key)|.*[a-z](Id|ID)"
)
LARGEST = float(np.finfo(np.float32).max)

Scaled = Literal["range", "standardized"]
Scaling = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # of a block [B, I]


@dataclass(frozen=True)
class Table:
    """Labeled numbers, not yet split.

    x is [N, I], [N, H, W] or [N, H, W, C], uint8 or any other real type. y_N [N] are positions in
    `class_names`. part_N [N] is the split that the file names, "train" where it names none.
    `features` [I] are the names of the columns of x, where they have names.
    """

    x: NDArray[Any]
    y_N: NDArray[np.int64]
    part_N: NDArray[np.str_]
    class_names: tuple[str, ...]
    scaled: Scaled
    features: tuple[str, ...] = ()

    def index_columns(self) -> list[str]:
        """Return the features that number the rows, near-certainly: such a feature is no input.

        They are distinct whole numbers without a gap, in any order, or distinct numbers under a
        name such as `Id`. A feature without a name is called by its position, from 0.
        """
        if self.x.ndim != 2 or self.x.dtype.kind == "b" or len(self.x) < FEWEST_ROWS:
            return []
        names = self.features or tuple(f"[:, {n}]" for n in range(self.x.shape[1]))
        return [name for name, x_N in zip(names, self.x.T, strict=True) if _numbers_rows(name, x_N)]

    def splits(self, rows: tuple[NDArray[np.int64], ...]) -> Splits:
        """Return the splits of the given rows: bytes unchanged, other numbers scaled by feature.

        The first split alone decides the scaling. A feature that is constant there becomes 0.
        """
        shape = self.x.shape[1:]
        if len(shape) == 3:
            shape = (shape[2], *shape[:2]) if shape[2] > 1 else shape[:2]
        if self.x.dtype == np.uint8:
            encoding = Encoding(shape, self.class_names, BYTE_SCALE)
            return Splits(*(self._split(rows_N, encoding, None) for rows_N in rows))
        bounds = (0.0, 1.0) if self.scaled == "range" else UNBOUNDED
        encoding = Encoding(shape, self.class_names, bounds=bounds)
        scale = SCALINGS[self.scaled](self.x, rows[0])
        return Splits(*(self._split(rows_N, encoding, scale) for rows_N in rows))

    def _split(self, rows_N: NDArray[np.int64], encoding: Encoding, scale: Scaling | None) -> Split:
        def make() -> Iterator[NDArray[Any]]:
            for x_BI in blocks(self.x, rows_N):
                yield scale(x_BI.astype(np.float64)).astype(np.float32) if scale else x_BI

        return Split(Blocks((len(rows_N), encoding.inputs), make), self.y_N[rows_N], encoding)


def _numbers_rows(name: str, x_N: NDArray[np.generic]) -> bool:
    ordered = np.unique(x_N).astype(np.float64)
    if len(ordered) < len(x_N):
        return False
    counts = ordered[-1] - ordered[0] == len(ordered) - 1 and not (ordered % 1).any()
    return bool(counts) or INDEX_NAMES.fullmatch(name.strip()) is not None


def blocks(x: NDArray[np.generic], rows_N: NDArray[np.int64]) -> Iterator[NDArray[np.generic]]:
    """Yield rows of x [N, ...] as blocks [B, I], color planes first where x is [N, H, W, C]."""
    step = max(1, BLOCK * len(x) // x.size)
    for first in range(0, len(rows_N), step):
        x_B = x[rows_N[first : first + step]]
        planes_first = np.moveaxis(x_B, -1, 1) if x_B.ndim == 4 else x_B
        yield planes_first.reshape(len(x_B), -1)


def ranged(x: NDArray[np.generic], rows_N: NDArray[np.int64]) -> Scaling:
    """Return a scaling of each feature's range in the given rows to [0, 1], which clips to it.

    A feature that is constant there becomes 0. Values are finite and fit in 32 bits.
    """
    low_I, high_I = _extremes(x, rows_N)
    span_I = high_I - low_I

    def scaled(x_BI: NDArray[np.float64]) -> NDArray[np.float64]:
        return _divided(np.clip(x_BI, low_I, high_I) - low_I, span_I)

    return scaled


def standardized(x: NDArray[np.generic], rows_N: NDArray[np.int64]) -> Scaling:
    """Return a scaling of each feature to mean 0 and standard deviation 1 in the given rows.

    A feature that is constant there becomes 0. Values are finite and fit in 32 bits.
    """
    # Summed row by row in this order: the same bits on every machine.
    low_I, high_I = _extremes(x, rows_N)
    mean_I = sum(x_BI.sum(0) for x_BI in _numbers(x, rows_N)) / len(rows_N)
    variance_I = sum(((x_BI - mean_I) ** 2).sum(0) for x_BI in _numbers(x, rows_N)) / len(rows_N)
    deviation_I = np.where(high_I > low_I, np.sqrt(variance_I), 0)

    def scaled(x_BI: NDArray[np.float64]) -> NDArray[np.float64]:
        return _divided(x_BI - mean_I, deviation_I)

    return scaled


SCALINGS = {"range": ranged, "standardized": standardized}


def _numbers(x: NDArray[np.generic], rows_N: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    return (x_BI.astype(np.float64) for x_BI in blocks(x, rows_N))


def _extremes(
    x: NDArray[np.generic], rows_N: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest value [I] of each feature."""
    extremes = [(x_BI.min(0), x_BI.max(0)) for x_BI in _numbers(x, rows_N)]
    lows, highs = zip(*extremes, strict=True)
    return np.min(lows, 0), np.max(highs, 0)


def _divided(x_BI: NDArray[np.float64], by_I: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(x_BI, by_I, out=np.zeros_like(x_BI), where=by_I > 0)


def listed(names: list[str]) -> str:
    """Return names for an error message: the first ones, and the number of the others."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
