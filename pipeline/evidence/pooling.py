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

    The variance between datasets is Paule and Mandel's (1982), which standard errors of very
    different sizes do not distort. The interval is that of Hartung and Knapp (2001), with n - 1
    degrees of freedom, since datasets are few; their factor counts as at least 1, so that effects
    that happen to agree do not narrow it.
    """
    n, q = len(effects), _squares(effects, [error**-2 for error in errors])
    between = _between(effects, errors)
    weights = [1 / (error**2 + between) for error in errors]
    factor = max(1.0, _squares(effects, weights) / (n - 1))
    mean = _mean(effects, weights)
    reach = statistics.quantile(n, confidence) * math.sqrt(factor / sum(weights))
    return Pooled(n, mean, mean - reach, mean + reach, max(0.0, 1 - (n - 1) / q) if q else 0.0)


def _between(effects: Sequence[float], errors: Sequence[float]) -> float:
    """Return the variance between datasets at which the weighted squares are n - 1, or 0."""
    from scipy import optimize

    def excess(between: float) -> float:
        weights = [1 / (error**2 + between) for error in errors]
        return _squares(effects, weights) - (len(effects) - 1)

    if excess(0.0) <= 0:
        return 0.0
    most = len(effects) * (max(effects) - min(effects)) ** 2  # the squares are below 1 there
    return float(optimize.brentq(excess, 0.0, most, xtol=1e-12 * most))


def _mean(effects: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(w * y for w, y in zip(weights, effects, strict=True)) / math.fsum(weights)


def _squares(effects: Sequence[float], weights: Sequence[float]) -> float:
    center = _mean(effects, weights)
    return math.fsum(w * (y - center) ** 2 for w, y in zip(weights, effects, strict=True))
