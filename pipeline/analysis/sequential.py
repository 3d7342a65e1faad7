"""Number of seeds of a comparison: estimates of the seeds needed, and a group-sequential design.

Arms are compared at planned numbers of seeds, the looks. At each look every pair has a confidence
interval of its mean paired difference, widened so that all intervals of all pairs at all looks
contain their true differences simultaneously with probability 1 - significance. A verdict is false
only if its interval misses the true difference, so training may stop at any look, for any reason
(docs/sequential.md).
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

from pipeline.analysis import statistics

MOST_SEEDS = 1_000_000  # a number needed that is no smaller means: out of reach

Verdict = Literal["lower", "higher", "equivalent", "open"]


@dataclass(frozen=True)
class PairDecision:
    """State of a pair of arms after `seeds` seeds; `verdict` is of the first arm's error.

    `difference`, first - second, its interval `low` to `high` and the margin are in points.
    `decided_at` is the number of seeds at the look that gave the verdict; None for an open pair.
    `seeds_needed` is the number of seeds in all at which an open pair would be decided with 80%
    power, were its difference and spread the true ones; None for a decided pair.
    """

    first: str
    second: str
    verdict: Verdict
    difference: float
    low: float
    high: float
    seeds: int
    seeds_needed: int | None
    decided_at: int | None


@dataclass(frozen=True)
class Design:
    """Plan of a comparison: `looks` are numbers of seeds, ascending from at least 2.

    `significance` in (0, 1) is of all pairs and looks together; `margin`, in points, is that of
    equivalence. `step` is the error, in points, of one test example: the least spread that counts,
    since seeds that agree to the last example are luck. None takes the least distance between
    errors at hand. Raises ValueError for looks or numbers out of range.
    """

    looks: tuple[int, ...]
    significance: float = 0.05
    margin: float = 0.5
    step: float | None = None

    def __post_init__(self) -> None:
        """Check the plan."""
        if not self.looks or self.looks[0] < 2 or any(a >= b for a, b in pairwise(self.looks)):
            raise ValueError(f"looks must ascend from at least 2 seeds, got {self.looks}")
        if not (0 < self.significance < 1 and self.margin >= 0):
            raise ValueError("need a significance in (0, 1) and a margin of at least 0")

    def levels(self, pairs: int) -> list[float]:
        """Return the two-sided level of a pair's interval at each look, for so many pairs.

        Pocock-type spending (Lan and DeMets, 1983); a look's level is what it spends. The levels
        of looks and pairs add up to `significance`, so no assumption on their dependence is made.

        >>> levels = Design((10, 20, 40)).levels(3)
        >>> round(3 * sum(levels), 12), levels[0] > levels[1]
        (0.05, True)
        """
        spent = [math.log1p((math.e - 1) * seeds / self.looks[-1]) for seeds in self.looks]
        return [self.significance / pairs * (b - a) for a, b in pairwise([0.0, *spent])]

    def decide(self, errors: Mapping[str, Sequence[float]], look: int) -> list[PairDecision]:
        """Return the decision on every pair of arms at a look, an index into `looks`.

        `errors` has each arm's errors in percent, one a seed, paired by position; the first
        `looks[look]` are read. A verdict stays that of the first look that decided. Raises
        ValueError for fewer than two arms, too few seeds or an error that is not finite.
        """
        n = self.looks[look]
        if len(errors) < 2 or any(len(values) < n for values in errors.values()):
            raise ValueError(f"need {n} seeds of at least two arms")
        looks = [seeds for seeds in self.looks if seeds <= n]
        least = {seeds: self.step or _step(errors, seeds) for seeds in looks}
        levels = self.levels(math.comb(len(errors), 2))
        return [self._decide(errors, pair, least, levels) for pair in combinations(errors, 2)]

    def _decide(
        self,
        errors: Mapping[str, Sequence[float]],
        pair: tuple[str, str],
        least: Mapping[int, float],
        levels: Sequence[float],
    ) -> PairDecision:
        """Decide a pair, from the least spread that counts at each look and the levels."""
        first, second = (errors[arm] for arm in pair)
        verdict: Verdict = "open"
        decided_at = None
        for (seeds, step), level in zip(least.items(), levels, strict=False):
            differences = [a - b for a, b in zip(first[:seeds], second[:seeds], strict=True)]
            difference = statistics.mean(differences)
            std = max(statistics.std(differences), step)
            reach = statistics.quantile(seeds, 1 - level) * std / math.sqrt(seeds)
            low, high = difference - reach, difference + reach
            if decided_at is None and (verdict := self._verdict(low, high)) != "open":
                decided_at = seeds
        needed = None if decided_at else self._needed(difference, std, seeds, levels[-1])
        return PairDecision(*pair, verdict, difference, low, high, seeds, needed, decided_at)

    def _verdict(self, low: float, high: float) -> Verdict:
        if high < 0:
            return "lower"
        if low > 0:
            return "higher"
        return "equivalent" if max(-low, high) < self.margin else "open"

    def _needed(self, difference: float, std: float, seeds: int, level: float) -> int:
        """Return the seeds that show a difference, or equivalence where that takes fewer."""
        size = abs(difference)
        ends = [[size]] + [[self.margin - size, self.margin + size]] * (size < self.margin)
        return min(seeds_needed(one, std, level, least=seeds) for one in ends)


def seeds_needed(
    distances: Sequence[float], std: float, level: float, *, least: int = 2, power: float = 0.8
) -> int:
    """Return the seeds at which an interval holds none of some values, with a given power.

    The interval is the Student t one of a mean over seeds, at confidence 1 - `level`; `std` is the
    standard deviation over seeds, and `distances` are those from the true mean to the values, each
    above 0 and on a side of its own. Chances to miss them add up (noncentral t). The answer lies
    between `least` and `MOST_SEEDS`.

    >>> seeds_needed([1.0], 1.0, 0.05)
    10
    """
    from scipy.special import nctdtr

    def reached(n: int) -> float:
        bound = statistics.quantile(n, 1 - level)
        shifts = [min(math.sqrt(n) * distance / std, bound + 40) for distance in distances]
        return 1 - sum(float(nctdtr(n - 1, shift, bound)) for shift in shifts)

    most = least
    while most < MOST_SEEDS and reached(most) < power:
        least, most = most, min(2 * most, MOST_SEEDS)
    return least + bisect_left(range(least, most), power, key=reached)


def _step(errors: Mapping[str, Sequence[float]], seeds: int) -> float:
    """Return the least distance of two errors; infinity where all are equal."""
    values = sorted({round(v, 9) for arm in errors.values() for v in arm[:seeds]})
    return min((b - a for a, b in pairwise(values)), default=math.inf)
