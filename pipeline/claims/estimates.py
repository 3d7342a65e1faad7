"""Estimates of claims' statistics over seeds, with a t-test against the ends of a claim's region.

A rule names the values for which its claim is true, an interval with one end or two (the region).
The confidence interval of the mean over seeds lies wholly inside, wholly outside, or across an end.
`p` is the two-sided test of the nearest end, so it is the level at which the confidence interval
just touches that end: test and interval cannot disagree.
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.analysis import changepoint, sequential, statistics
from pipeline.analysis.changepoint import Changepoint
from pipeline.claims.claim import TEST_ERROR, Claim, Margin
from pipeline.claims.groups import Group

Groups = Mapping[str, Group]


@dataclass(frozen=True)
class Estimate:
    """The mean of a statistic over n >= 2 seeds, a fraction, and the region of its claim.

    `error` is the standard error of `value`, above 0. `bound` is the rule's as a number; `low` and
    `high` are the ends of the region, one of which may be infinite. `freedom` are the degrees of
    freedom, n - 1 where not given.
    """

    n: int
    value: float
    error: float
    bound: float
    low: float
    high: float
    freedom: float | None = None

    @property
    def inside(self) -> bool:
        """Whether the estimate itself lies in the region."""
        return self.low <= self.value <= self.high

    @property
    def p(self) -> float:
        """The two-sided p-value of the region's nearest end; 1 for an estimate right on it."""
        from scipy import special

        distance = min(abs(self.value - self.low), abs(self.value - self.high))
        return float(2 * special.stdtr(self._freedom, -distance / self.error))

    def seeds_needed(self, level: float) -> int:
        """Return the n at which an interval at 1 - `level` would decide, in 4 of 5 cases.

        That is, were the estimate and its spread the true ones.
        """
        distances = [abs(self.value - end) for end in (self.low, self.high) if math.isfinite(end)]
        if not self.inside:
            distances = [min(distances)]
        std = self.error * math.sqrt(self.n)
        return sequential.seeds_needed(distances, std, level, least=self.n)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the Student t interval; `confidence` in (0, 1)."""
        from scipy import special

        margin = float(special.stdtrit(self._freedom, (1 + confidence) / 2)) * self.error
        return self.value - margin, self.value + margin

    @property
    def _freedom(self) -> float:
        return self.n - 1 if self.freedom is None else self.freedom


Estimated = Estimate | Changepoint


def estimate(claim: Claim, groups: Groups) -> Estimated:
    """Return the estimate of a claim that needs statistics, from complete groups by key.

    Raises ValueError where the seeds of its groups differ.
    """
    match claim.estimator:
        case "seeds":
            return _over_seeds(claim, groups)
        case "networks":
            return _over_networks(claim, groups)
        case "changepoint":
            return _changepoint(claim, groups)


def _over_seeds(claim: Claim, groups: Groups) -> Estimate:
    """Estimate the mean over seeds of the contrast of each seed."""
    values = _by_seed(claim, groups)
    error = max(statistics.std(values), _resolution(claim, groups)) / math.sqrt(len(values))
    bound = _bound(claim, groups)
    region = claim.rule.region(bound)
    return Estimate(len(values), statistics.mean(values), error, bound, *region)


def _over_networks(claim: Claim, groups: Groups) -> Estimate:
    """Estimate the difference of two groups of different networks (Welch, 1947)."""
    first, second = (groups[key].values(claim.quantity.column) for key in claim.groups)
    least = _resolution(claim, groups)
    squares = [max(statistics.std(values), least) ** 2 / len(values) for values in (first, second)]
    freedom = sum(squares) ** 2 / sum(
        square**2 / (len(values) - 1)
        for square, values in zip(squares, (first, second), strict=True)
    )
    value = statistics.mean(first) - statistics.mean(second)
    bound = _bound(claim, groups)
    region = claim.rule.region(bound)
    return Estimate(
        len(first) + len(second), value, math.sqrt(sum(squares)), bound, *region, freedom
    )


def _changepoint(claim: Claim, groups: Groups) -> Changepoint:
    """Estimate the share of zeros from which on the test error rises."""
    networks = groups[claim.plus[0]]
    zeros, errors = (networks.values(name) for name in ("zeros", "test_error"))
    bound = claim.rule.bound
    assert isinstance(bound, float)
    return changepoint.fit(zeros, errors, region=claim.rule.region(bound))


def _by_seed(claim: Claim, groups: Groups) -> list[float]:
    """Return the claim's statistic of each seed."""
    signs = dict.fromkeys(claim.plus, 1) | dict.fromkeys(claim.minus, -1)
    values = {key: groups[key].by_seed(claim.quantity.column) for key in claim.groups}
    seeds = sorted(values[claim.groups[0]])
    if any(sorted(by_seed) != seeds for by_seed in values.values()):
        raise ValueError(f"seeds differ between {', '.join(claim.groups)}")
    return [math.fsum(signs[key] * values[key][seed] for key in claim.groups) for seed in seeds]


def _resolution(claim: Claim, groups: Groups) -> float:
    """Return the least standard deviation over seeds that counts.

    Errors are counted: two seeds that agree to the last example are luck, not certainty, so theirs
    is one example. Shares of outputs and of units are as fine as the arithmetic.
    """
    if claim.quantity == TEST_ERROR:
        return 1 / _test_examples(claim, groups)
    return 64 * sys.float_info.epsilon


def _bound(claim: Claim, groups: Groups) -> float:
    bound = claim.rule.bound
    return _size(bound, claim, groups) if isinstance(bound, Margin) else bound


def split_error(claim: Claim, groups: Groups) -> float | None:
    """Return the most that the choice of test examples adds to the standard error of a test error.

    It is the binomial one, as if networks made their mistakes independently; more seeds do not
    lower it. None for other quantities.
    """
    return _size(Margin(claim.groups), claim, groups) if claim.quantity == TEST_ERROR else None


def _size(margin: Margin, claim: Claim, groups: Groups) -> float:
    errors = [
        statistics.mean(list(groups[key].by_seed("test_error").values())) for key in margin.arms
    ]
    return margin.size(errors, _test_examples(claim, groups))


def _test_examples(claim: Claim, groups: Groups) -> int:
    return min(int(row["test_examples"]) for key in claim.groups for row in groups[key].rows)
