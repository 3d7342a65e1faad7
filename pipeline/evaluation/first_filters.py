"""First-layer filters of a trained network, for figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.splits.stored_arrays import npz
from pipeline.networks.population import Population

MOST_FILTERS = 48


def filters(network: Population) -> NDArray[np.float16]:
    """Return the weights [units, I] of up to 48 evenly spaced first-layer units of one network."""
    W_IO = network.W_KIO(0)[0].numpy()
    width = W_IO.shape[1]
    n = min(MOST_FILTERS, width)
    shown_UI = W_IO[:, np.arange(n) * width // n].T
    limit = np.finfo(np.float16).max  # weights of a network close to divergence may exceed it
    return shown_UI.clip(-limit, limit).astype(np.float16)


def as_npz(arrays: Mapping[str, NDArray[Any]], shape: Sequence[int]) -> bytes:
    """Return filters.npz: an array for each arm key, and `shape`, that of one input."""
    return npz({"shape": np.array(shape, np.int64), **arrays})
