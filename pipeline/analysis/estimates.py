"""What the seeds say of a claim's statistic, with a t-test against the ends of the claim's region.

A rule names the values for which its claim is true, a stretch of the line with one end or two. The
interval of the mean over seeds lies wholly inside, wholly outside, or across an end. `p` is the
two-sided test of the nearest end, so it is the level at which the interval just touches that end:
test and interval cannot disagree.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.analysis import statistics
from pipeline.analysis.claims import Claim, Margin
from pipeline.analysis.comparison import Outcome


@dataclass(frozen=True)
class Estimate:
    """The mean of a statistic over n >= 2 seeds, a fraction, and where its claim would be true.

    `error` is the standard error of `value`, above 0. `bound` is the rule's as a number; `low` and
    `high` are the ends of the claim's region, one of which may be infinite.
    """

    n: int
    value: float
    error: float
    bound: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the estimate itself lies where the claim is true."""
        return self.low <= self.value <= self.high

    @property
    def p(self) -> float:
        """The two-sided p-value of the region's nearest end; 1 for an estimate right on it."""
        from scipy import special

        distance = min(abs(self.value - self.low), abs(self.value - self.high))
        return float(2 * special.stdtr(self.n - 1, -distance / self.error))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the Student t interval; `confidence` in (0, 1)."""
        from scipy import special

        margin = float(special.stdtrit(self.n - 1, (1 + confidence) / 2)) * self.error
        return self.value - margin, self.value + margin


def estimate(claim: Claim, arms: Mapping[str, Outcome]) -> Estimate:
    """Return the estimate of a claim that needs statistics, from complete outcomes by arm key.

    Raises ValueError where the seeds of its arms differ.
    """
    values = _by_seed(claim, arms)
    center = statistics.mean(values)
    std = math.sqrt(math.fsum((value - center) ** 2 for value in values) / (len(values) - 1))
    error = max(std, _resolution(claim, arms)) / math.sqrt(len(values))
    bound = _bound(claim, arms)
    return Estimate(len(values), center, error, bound, *claim.rule.region(bound))


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


def _by_seed(claim: Claim, arms: Mapping[str, Outcome]) -> list[float]:
    """Return the claim's statistic of each seed."""
    signs = dict.fromkeys(claim.plus, 1) | dict.fromkeys(claim.minus, -1)
    values = {key: arms[key].by_seed(claim.quantity) for key in claim.arms}
    seeds = sorted(values[claim.arms[0]])
    if any(sorted(each) != seeds for each in values.values()):
        raise ValueError(f"seeds differ between {', '.join(claim.arms)}")
    return [math.fsum(signs[key] * values[key][seed] for key in claim.arms) for seed in seeds]


def _resolution(claim: Claim, arms: Mapping[str, Outcome]) -> float:
    """Return the least standard deviation over seeds that is believed.

    Errors are counted: two seeds that agree to the last example are luck, not certainty, so theirs
    is one example. Shares of outputs and of units are as fine as the arithmetic.
    """
    if claim.quantity == "test_error":
        return 1 / _test_examples(claim, arms)
    return 64 * sys.float_info.epsilon


def _bound(claim: Claim, arms: Mapping[str, Outcome]) -> float:
    bound = claim.rule.bound
    if not isinstance(bound, Margin):
        return bound
    errors = [statistics.mean(list(arms[key].by_seed("test_error").values())) for key in bound.arms]
    return bound.size(errors, _test_examples(claim, arms))


def _test_examples(claim: Claim, arms: Mapping[str, Outcome]) -> int:
    return min(int(record["test_examples"]) for key in claim.arms for record in arms[key].records)
