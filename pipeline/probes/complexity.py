"""Complexity of inputs and the number of active units (section 2.2).

Complexity of an input is measured in two ways: the bytes of its zlib compression, rounded to 256
steps, and its ink, the mean absolute input. A sparse code of variable size has more active units
for inputs with more information.

Legend of shape suffixes: N examples, I inputs, O units of a layer.
"""

import zlib

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.data.splits.examples import Examples
from pipeline.networks.population import Population
from pipeline.probes import representations
from pipeline.probes.probe import Probe
from pipeline.runtime.storage import Record

TENTHS = 10
COLUMNS = ["seed", "layer", "measure", "correlation", "active_by_tenth"]


def rows(stack: Population, test: Examples) -> list[Record]:
    """Return one row for each network (`seed`: its index), layer and measure of complexity.

    `correlation` is Spearman's, between an example's active units and its complexity, 0 where one
    of the two is constant. `active_by_tenth` is the mean share of active units in each tenth of the
    examples, the least complex first.
    """
    x_NI = test.inputs(slice(None))
    measures = {"bytes": compressed(x_NI), "ink": x_NI.abs().mean(1).cpu().double().numpy()}
    records = []
    for place, h_NO in representations.layers(stack, test):
        active_N = representations.active(h_NO).double().mean(1).cpu().numpy()
        for name, complexity_N in measures.items():
            tenths = np.array_split(np.argsort(complexity_N, kind="stable"), TENTHS)
            records.append(
                place
                | {
                    "measure": name,
                    "correlation": rank_correlation(active_N, complexity_N),
                    "active_by_tenth": [float(active_N[tenth].mean()) for tenth in tenths],
                }
            )
    return records


def compressed(x_NI: Tensor) -> NDArray[np.float64]:
    """Return the bytes [N] of each input compressed by zlib, rounded to 256 steps of its range."""
    low, high = float(x_NI.min()), float(x_NI.max())
    steps_NI = ((x_NI - low) * (255 / max(high - low, 1e-12))).round().byte().cpu().numpy()
    return np.array([len(zlib.compress(row.tobytes(), 9)) for row in steps_NI], np.float64)


def rank_correlation(first_N: NDArray[np.float64], second_N: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation, 0 where one of the two is constant."""
    from scipy import stats

    if np.ptp(first_N) == 0 or np.ptp(second_N) == 0:
        return 0.0
    return float(stats.spearmanr(first_N, second_N).statistic)


PROBE = Probe(
    "Does a richer input take more active units? (Section 2.2; claim 17.)",
    COLUMNS,
    lambda stack, splits: rows(stack, splits.test),
)
