"""Estimates of claims, against hand-worked values and against their own intervals."""

import math

import numpy as np
import pytest

from pipeline.analysis import statistics
from pipeline.claims.estimates import Estimate, holm_levels


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [(0.0, -math.inf, 1.0), (0.0, -1.0, math.inf), (0.5, -1.5, 1.0), (3.0, -1.0, 1.0)],
)
@pytest.mark.parametrize("nudge", [1e-6, -1e-6])
def test_p_is_the_level_at_which_the_interval_touches_the_nearest_end(value, low, high, nudge):
    """The interval at a level just below p holds an end of the region, at one just above none."""
    found = Estimate(5, value, 0.2, math.nan, low, high)
    ends = found.interval(1 - found.p * (1 + nudge))
    touched = any(ends[0] <= end <= ends[1] for end in (low, high))
    assert touched == (nudge < 0)


def test_p_matches_hand_worked_values():
    """Differences 1, 2, 3 against 0: t = 2 sqrt(3) with 2 degrees of freedom, p = 0.0741799."""
    found = Estimate(3, 2.0, 1 / math.sqrt(3), 0.0, -math.inf, 0.0)
    assert found.p == pytest.approx(0.0741799, abs=1e-6)
    margin = 4.302653 / math.sqrt(3)
    assert found.interval(0.95) == pytest.approx((2 - margin, 2 + margin), abs=1e-5)


def test_holm_levels_decide_as_adjusted_p_values_do():
    """A p-value is at most its level where Holm's adjusted p is at most the significance."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        p_values = (rng.uniform(size=8) ** 6).tolist()
        by_level = [
            p <= level for p, level in zip(p_values, holm_levels(p_values, 0.05), strict=True)
        ]
        assert by_level == [p <= 0.05 for p in statistics.holm(p_values)]
