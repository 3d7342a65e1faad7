"""Random-effects pooling of one effect over datasets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.analysis import statistics


@dataclass(frozen=True)
class Pooled:
    """The mean effect over n >= 2 datasets and the ends of its interval, in the effects' unit.

    `i2` is the share of the effects' variance that is between datasets, in [0, 1].
    """

    n: int
    mean: float
    low: float
    high: float
    i2: float


def pool(effects: Sequence[float], errors: Sequence[float], confidence: float) -> Pooled:
    """Pool the effects of at least two datasets, from their standard errors above 0.

    The variance between datasets is DerSimonian and Laird's (1986). The interval is that of
    Hartung and Knapp (2001), with n - 1 degrees of freedom, since datasets are few; their factor
    counts as at least 1, so that effects that happen to agree do not narrow it.
    """
    n, weights = len(effects), [error**-2 for error in errors]
    q = _squares(effects, weights)
    scale = sum(weights) - sum(w * w for w in weights) / sum(weights)
    between = max(0.0, (q - (n - 1)) / scale)
    weights = [1 / (error**2 + between) for error in errors]
    factor = max(1.0, _squares(effects, weights) / (n - 1))
    mean = _mean(effects, weights)
    reach = statistics.quantile(n, confidence) * math.sqrt(factor / sum(weights))
    return Pooled(n, mean, mean - reach, mean + reach, max(0.0, 1 - (n - 1) / q) if q else 0.0)


def _mean(effects: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(w * y for w, y in zip(weights, effects, strict=True)) / math.fsum(weights)


def _squares(effects: Sequence[float], weights: Sequence[float]) -> float:
    center = _mean(effects, weights)
    return math.fsum(w * (y - center) ** 2 for w, y in zip(weights, effects, strict=True))
