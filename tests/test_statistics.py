"""Means, intervals and paired tests, against values computed by hand and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis import statistics


def test_summary_matches_hand_worked_values():
    """Three values: mean 4, n - 1 std 2, and t(0.975, 2) = 4.302653 in the interval."""
    summary = statistics.summarize([2.0, 4.0, 6.0], 0.95)
    margin = 4.302653 * 2 / math.sqrt(3)
    assert (summary.n, summary.mean, summary.std) == (3, 4.0, 2.0)
    assert (summary.low, summary.high) == pytest.approx((4 - margin, 4 + margin), abs=1e-5)


def test_one_seed_has_no_spread():
    """One value has a mean, but no spread and no interval."""
    assert statistics.summarize([0.5], 0.95) == statistics.Summary(1, 0.5, None, None, None)


def test_interval_is_not_clipped():
    """An interval of small errors may reach below 0."""
    low = statistics.summarize([0.0, 0.01], 0.95).low
    assert low is not None
    assert low < 0


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [0.1, math.inf]])
def test_summary_refuses_values_that_are_not_finite(values):
    """No values, NaN and infinity raise ValueError."""
    with pytest.raises(ValueError, match="finite value a seed"):
        statistics.summarize(values, 0.95)


def test_interval_covers_the_mean_as_often_as_it_says():
    """Of 3000 intervals at 80% from five normal values, 80% hold the true mean."""
    draws = np.random.default_rng(0).normal(3.0, 2.0, size=(3000, 5))
    summaries = [statistics.summarize(row.tolist(), 0.8) for row in draws]
    covered = np.mean([s.low <= 3.0 <= s.high for s in summaries])
    assert covered == pytest.approx(0.8, abs=0.022)  # three standard errors


def test_paired_test_matches_hand_worked_values():
    """Differences 1, 2, 3: t = 2 sqrt(3) with 2 degrees of freedom, so p = 0.0741799."""
    test = statistics.paired_test({0: 2.0, 1: 4.0, 2: 7.0}, {0: 1.0, 1: 2.0, 2: 4.0}, 0.95)
    margin = 4.302653 / math.sqrt(3)
    assert (test.n, test.difference) == (3, 2.0)
    assert (test.low, test.high) == pytest.approx((2 - margin, 2 + margin), abs=1e-5)
    assert test.p == pytest.approx(0.0741799, abs=1e-6)


def test_seeds_that_agree_are_luck():
    """Errors are counted: p of equal differences is that of a spread of one test example."""
    first, second = {0: 0.08, 1: 0.08, 2: 0.12}, {0: 0.04, 1: 0.04, 2: 0.08}
    test = statistics.paired_test(first, second, 0.95, least=1 / 25)
    assert test.p == pytest.approx(2 * stats.t.sf(0.04 / (0.04 / 3**0.5), 2))
    assert test.low < 0 < test.difference == pytest.approx(0.04)
    wide = {0: 0.5, 1: 0.1, 2: 0.3}
    one = statistics.paired_test(wide, second, 0.95)
    assert statistics.paired_test(wide, second, 0.95, least=1 / 25) == one


def test_paired_test_pairs_by_seed():
    """The order in which seeds are stored does not matter."""
    first = {0: 0.1, 1: 0.2, 2: 0.4}
    second = {2: 0.3, 1: 0.15, 0: 0.09}
    ordered = dict(sorted(second.items()))
    assert statistics.paired_test(first, second, 0.95) == statistics.paired_test(
        first, ordered, 0.95
    )


def test_swapping_the_arms_turns_the_sign():
    """Swapped arms have the negative difference and interval, and the same p."""
    a, b = {0: 0.1, 1: 0.2, 2: 0.4}, {0: 0.3, 1: 0.15, 2: 0.09}
    there, back = statistics.paired_test(a, b, 0.95), statistics.paired_test(b, a, 0.95)
    assert (there.difference, there.low, there.p) == pytest.approx(
        (-back.difference, -back.high, back.p)
    )


def test_equal_arms_do_not_differ():
    """Differences that are all 0 give p = 1."""
    arm = {0: 0.1, 1: 0.2}
    assert statistics.paired_test(arm, arm, 0.95) == statistics.PairedTest(2, 0, 0, 0, 1)


def test_constant_difference_has_the_limit_as_p():
    """Equal differences give p = 0 without a warning, even where their last bits differ."""
    first = {seed: n / 297 for seed, n in enumerate((9, 8, 14, 31))}
    second = {seed: n / 297 for seed, n in enumerate((7, 6, 12, 29))}
    assert len({first[seed] - second[seed] for seed in first}) > 1
    test = statistics.paired_test(first, second, 0.95)
    assert (test.p, test.low, test.high) == (0.0, test.difference, test.difference)


def test_one_seed_allows_no_test():
    """A single pair has a difference but neither interval nor p."""
    test = statistics.paired_test({0: 0.5}, {0: 0.25}, 0.95)
    assert test == statistics.PairedTest(1, 0.25, None, None, None)


def test_paired_test_refuses_other_seeds():
    """Arms with different seeds raise ValueError."""
    with pytest.raises(ValueError, match="seeds differ"):
        statistics.paired_test({0: 0.1, 1: 0.2}, {0: 0.1, 2: 0.2}, 0.95)


def test_holm_matches_hand_worked_values():
    """Sorted .005 .01 .03 .04 times 4 3 2 1 is .02 .03 .06 .04, which must not fall: .06 twice."""
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_stays_within_one():
    """Adjusted p-values end at 1."""
    assert statistics.holm([0.6, 0.9, 0.7]) == [1.0, 1.0, 1.0]


def test_holm_refuses_invalid_p_values():
    """NaN raises ValueError."""
    with pytest.raises(ValueError, match="p-values"):
        statistics.holm([0.1, math.nan])
