"""Means, intervals, paired tests and rank correlations over seeds."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Mean and spread of one quantity over n seeds, in its own unit.

    `std` is the n - 1 standard deviation; `low` and `high` bound the Student t interval of the
    mean. They are None for one seed, which has no spread, and are never clipped.
    """

    n: int
    mean: float
    std: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PairedTest:
    """The mean of n paired differences (first - second), its interval and its p-value.

    `low`, `high` and `p` are None for one seed.
    """

    n: int
    difference: float
    low: float | None
    high: float | None
    p: float | None


def mean(values: Sequence[float]) -> float:
    """Return the mean, the same for any order of the values.

    Raises ValueError for no values and for a value that is not finite.
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"need one finite value a seed, got {list(values)}")
    return math.fsum(values) / len(values)


def std(values: Sequence[float]) -> float:
    """Return the n - 1 standard deviation of at least two values."""
    center = mean(values)
    return math.sqrt(math.fsum((value - center) ** 2 for value in values) / (len(values) - 1))


def summarize(values: Sequence[float], confidence: float) -> Summary:
    """Return mean, spread and interval of one value a seed; `confidence` in (0, 1).

    Raises ValueError for no values and for a value that is not finite.

    >>> summarize([0.25, 0.75], 0.95).mean
    0.5
    """
    n, center = len(values), mean(values)
    if n == 1:
        return Summary(n, center, None, None, None)
    spread = std(values)
    margin = quantile(n, confidence) * spread / math.sqrt(n)
    return Summary(n, center, spread, center - margin, center + margin)


def paired_test(
    first: Mapping[int, float],
    second: Mapping[int, float],
    confidence: float,
    *,
    least: float = 0.0,
) -> PairedTest:
    """Return the paired t-test of two arms, each one value by seed; `confidence` in (0, 1).

    `least` is the least standard deviation of the differences that counts: one test example for
    errors, which are counted, so that seeds that agree are luck. Without it, equal differences have
    no spread to test with: p is then its limit, 1 where they are 0 and otherwise 0. Raises
    ValueError where the seeds of the two differ.
    """
    if first.keys() != second.keys():
        raise ValueError(f"seeds differ: {sorted(first)} and {sorted(second)}")
    differences = [first[seed] - second[seed] for seed in sorted(first)]
    summary = summarize(differences, confidence)
    if summary.n == 1:
        return PairedTest(1, summary.mean, None, None, None)
    if std(differences) < least:
        from scipy import special  # scipy.stats takes a second more to import

        error = least / math.sqrt(summary.n)
        reach, t = quantile(summary.n, confidence) * error, abs(summary.mean) / error
        p = float(2 * special.stdtr(summary.n - 1, -t))
        low, high = summary.mean - reach, summary.mean + reach
        return PairedTest(summary.n, summary.mean, low, high, p)
    # Equal differences of two shares, say 9/297 - 7/297, still differ in their last bits.
    noise = 64 * sys.float_info.epsilon * max(map(abs, [*first.values(), *second.values()]))
    if max(differences) - min(differences) <= noise:
        p = 1.0 if abs(summary.mean) <= noise else 0.0
        return PairedTest(summary.n, summary.mean, summary.mean, summary.mean, p)
    return PairedTest(summary.n, summary.mean, summary.low, summary.high, _p(first, second))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given; reject where one is at most the level.

    Raises ValueError for a p outside [0, 1].

    >>> holm([0.5, 0.25])
    [0.5, 0.5]
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"not all p-values: {list(p_values)}")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    ascending = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(ascending):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted


def holm_levels(p_values: Sequence[float], significance: float) -> list[float]:
    """Return the level at which Holm's procedure tests each p-value, in the order given.

    The smallest of m at significance / m, the next at significance / (m - 1), and so on up to the
    first that is not rejected: the others share its level.

    >>> holm_levels([0.25, 0.03125], 0.125)
    [0.125, 0.0625]
    """
    levels = [0.0] * len(p_values)
    level, rejected = 0.0, True
    ascending = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(ascending):
        if rejected:
            level = significance / (len(p_values) - rank)
            rejected = p_values[index] <= level
        levels[index] = level
    return levels


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Spearman's rank correlation, 0 where one of the two is constant."""
    from scipy import stats

    if len(set(first)) == 1 or len(set(second)) == 1:
        return 0.0
    return float(stats.spearmanr(first, second).statistic)


def quantile(n: int, confidence: float) -> float:
    """Return half the width of the interval of a mean over n seeds, in its standard errors."""
    from scipy import special  # scipy.stats takes a second more to import

    return float(special.stdtrit(n - 1, (1 + confidence) / 2))


def _p(first: Mapping[int, float], second: Mapping[int, float]) -> float:
    from scipy import stats

    seeds = sorted(first)
    test = stats.ttest_rel([first[seed] for seed in seeds], [second[seed] for seed in seeds])
    return float(test.pvalue)
