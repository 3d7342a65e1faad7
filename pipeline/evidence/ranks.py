"""Ranks of arms over datasets: Friedman's test, and Nemenyi's critical difference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.analysis.results import Results, arm_key

LEAST_ARMS = 3


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of arms over datasets, 1 the lowest error; of equal errors the mean rank.

    `arms` and `mean_ranks` are in the order of the mean ranks. `p` is that of Friedman's test of no
    difference, in the form of Iman and Davenport (1980); two arms differ significantly where their
    mean ranks are `critical` or more apart.
    """

    datasets: list[str]
    arms: list[str]
    mean_ranks: list[float]
    p: float
    critical: float

    @property
    def cliques(self) -> list[tuple[int, int]]:
        """The largest runs of arms, first and last, that do not differ significantly."""
        last = [sum(r < rank + self.critical for r in self.mean_ranks) - 1
                for rank in self.mean_ranks]  # fmt: skip
        runs = [(i, j) for i, j in enumerate(last) if j > i]
        return runs[:1] + [run for before, run in pairwise(runs) if run[1] > before[1]]


def ranks(results: Sequence[Results], significance: float) -> Ranks | None:
    """Return the ranks by mean error (RMSE where labels are ratings); None for fewer than two
    datasets or three arms.

    The arms are those of the dataset whose arms most other datasets have too; datasets without one
    of them, or with a failed one, are left out. The method is that of Demsar (2006).
    """
    from scipy import stats

    means = {one.dataset: _means(one) for one in results}
    compared = [frozenset(map(arm_key, one.table)) for one in results]  # failed arms as well
    arms = max(compared, key=lambda arms: _support(arms, means), default=frozenset())
    names = [name for name, by_arm in means.items() if arms <= by_arm.keys()]
    if len(names) < 2 or len(arms) < LEAST_ARMS:
        return None
    keys = sorted(arms)
    errors_DA = np.array([[means[name][arm] for arm in keys] for name in names])
    mean_ranks = stats.rankdata(errors_DA, axis=1).mean(0).tolist()
    n, k = errors_DA.shape
    order = sorted(range(k), key=lambda index: mean_ranks[index])
    return Ranks(
        names,
        [keys[index] for index in order],
        [mean_ranks[index] for index in order],
        _p(float(stats.friedmanchisquare(*errors_DA.T).statistic), n, k),
        critical_difference(k, n, significance),
    )


def _p(chi_square: float, n: int, k: int) -> float:
    """Return the p-value of Friedman's statistic of k arms on n datasets.

    Iman and Davenport's F, since the statistic is far from chi-square on few datasets.
    """
    from scipy import special

    rest = n * (k - 1) - chi_square
    if rest <= 0:  # the same order on all datasets
        return 0.0
    return float(special.fdtrc(k - 1, (k - 1) * (n - 1), (n - 1) * chi_square / rest))


def critical_difference(arms: int, datasets: int, significance: float) -> float:
    """Return the difference of mean ranks that Nemenyi's test finds significant.

    >>> round(critical_difference(4, 14, 0.05), 2)
    1.25
    """
    from scipy import stats

    quantile = float(stats.studentized_range.ppf(1 - significance, arms, math.inf))
    return quantile * math.sqrt(arms * (arms + 1) / (12 * datasets))


def _means(results: Results) -> dict[str, float]:
    values = {arm_key(row): results.measure.mean(row) for row in results.table}
    return {arm: value for arm, value in values.items() if value is not None}


def _support(arms: frozenset[str], means: dict[str, dict[str, float]]) -> tuple[bool, int, int]:
    """Return the sort key of a set of arms: large enough, datasets that have it, its size."""
    return len(arms) >= LEAST_ARMS, sum(arms <= one.keys() for one in means.values()), len(arms)
