"""Numbers brought to a range or a deviation that the training split alone decides.

Legend of shape suffixes: N examples, I features, B rows of a block.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 20  # numbers that are converted at once

Scaling = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # of a block [B, I]


def blocks(x: NDArray[np.generic], rows_N: NDArray[np.int64]) -> Iterator[NDArray[np.generic]]:
    """Yield rows of x [N, ...] as blocks [B, I], color planes first where x is [N, H, W, C]."""
    step = max(1, BLOCK * len(x) // x.size)
    for first in range(0, len(rows_N), step):
        x_B = x[rows_N[first : first + step]]
        planes_first = np.moveaxis(x_B, -1, 1) if x_B.ndim == 4 else x_B
        yield planes_first.reshape(len(x_B), -1)


def ranged(x: NDArray[np.generic], rows_N: NDArray[np.int64]) -> Scaling:
    """Return what takes each feature's span in the given rows to [0, 1], and clips to it.

    A feature that is constant there becomes 0. Values are finite, of 32-bit size at most.
    """
    low_I, high_I = _span(x, rows_N)
    span_I = high_I - low_I

    def scaled(x_BI: NDArray[np.float64]) -> NDArray[np.float64]:
        return _divided(np.clip(x_BI, low_I, high_I) - low_I, span_I)

    return scaled


def standardized(x: NDArray[np.generic], rows_N: NDArray[np.int64]) -> Scaling:
    """Return what gives each feature mean 0 and standard deviation 1 in the given rows.

    A feature that is constant there becomes 0. Values are finite, of 32-bit size at most.
    """
    # Sums row by row, in this order: the same to the last bit on every machine.
    low_I, high_I = _span(x, rows_N)
    mean_I = sum(x_BI.sum(0) for x_BI in _numbers(x, rows_N)) / len(rows_N)
    variance_I = sum(((x_BI - mean_I) ** 2).sum(0) for x_BI in _numbers(x, rows_N)) / len(rows_N)
    deviation_I = np.where(high_I > low_I, np.sqrt(variance_I), 0)

    def scaled(x_BI: NDArray[np.float64]) -> NDArray[np.float64]:
        return _divided(x_BI - mean_I, deviation_I)

    return scaled


def _numbers(x: NDArray[np.generic], rows_N: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    return (x_BI.astype(np.float64) for x_BI in blocks(x, rows_N))


def _span(
    x: NDArray[np.generic], rows_N: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest value [I] of each feature."""
    extremes = [(x_BI.min(0), x_BI.max(0)) for x_BI in _numbers(x, rows_N)]
    lows, highs = zip(*extremes, strict=True)
    return np.min(lows, 0), np.max(highs, 0)


def _divided(x_BI: NDArray[np.float64], by_I: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(x_BI, by_I, out=np.zeros_like(x_BI), where=by_I > 0)
