"""Changepoint of simulated networks: recovery, coverage, and no decision without a rise."""

import numpy as np
import pytest

from pipeline.analysis.changepoint import fit

REGION = (0.8, np.inf)


def networks(rng, *, place=0.8, slope=0.3, n=200, examples=500):
    """Return zeros and errors of networks with a known changepoint."""
    zeros = 0.45 + 0.5 * rng.uniform(size=n) ** 0.6
    truth = 0.02 + slope * (zeros - place).clip(min=0)
    errors = rng.binomial(examples, truth) / examples
    return zeros, errors + 0.01 * np.sqrt(truth * (1 - truth)) * rng.normal(size=n)


@pytest.mark.parametrize(
    "truth",
    [
        {},
        {"place": 0.85, "examples": 10_000},
        {"place": 0.6, "slope": 0.05},
        {"place": 0.9, "slope": 1.0, "examples": 10_000},
        {"n": 64, "examples": 10_000},
    ],
)
@pytest.mark.parametrize("draws", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_intervals_cover_the_truth(truth, draws):
    """About 95% of the intervals at 95% contain the true changepoint."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(draws):
        low, high = fit(*networks(rng, **truth), region=REGION).interval(0.95)
        held.append(low <= truth.get("place", 0.8) <= high)
    assert (0.93 if draws == 1000 else 0.86) <= np.mean(held) <= (0.985 if draws == 1000 else 1)


@pytest.mark.parametrize("draws", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_false_verdicts_are_as_rare_as_stated(draws):
    """With the true changepoint at the end of the region, at most about 5% decide."""
    rng = np.random.default_rng(1)
    decided = [fit(*networks(rng), region=REGION).p <= 0.05 for _ in range(draws)]
    assert np.mean(decided) <= (0.07 if draws == 1000 else 0.14)


@pytest.mark.parametrize(("place", "inside"), [(0.88, True), (0.65, False)])
def test_a_planted_place_is_found(place, inside):
    """A changepoint away from the end of the region decides, on its own side."""
    found = fit(*networks(np.random.default_rng(2), place=place), region=REGION)
    assert found.value == pytest.approx(place, abs=0.03)
    assert found.p < 0.01
    assert found.inside == inside
    assert found.slope == pytest.approx(0.3, rel=0.3)


def test_without_a_rise_nothing_is_decided():
    """Without a rise of the errors the interval is [0, 1]."""
    zeros, errors = networks(np.random.default_rng(3), slope=0.0)
    found = fit(zeros, 0.05 - 0.02 * zeros + 0 * errors, region=REGION)
    assert found.interval(0.95) == (0.0, 1.0)
    assert found.p == 1.0


def test_interval_and_p_agree():
    """The end of the region is in the interval at a level just below p, not at one above."""
    rng = np.random.default_rng(4)
    for _ in range(30):
        found = fit(*networks(rng, place=0.82), region=REGION)
        if not 1e-6 < found.p < 0.9:
            continue
        wide, narrow = (found.interval(1 - found.p * factor) for factor in (0.9, 1.1))
        assert wide[0] - 0.002 <= 0.8 <= wide[1] + 0.002
        assert not narrow[0] + 0.002 < 0.8 < narrow[1] - 0.002


def test_order_does_not_matter():
    """Networks in another order have the same changepoint."""
    zeros, errors = networks(np.random.default_rng(5))
    found = fit(zeros, errors, region=REGION)
    turned = fit(zeros[::-1], errors[::-1], region=REGION)
    assert found.value == pytest.approx(turned.value, abs=1e-9)


def test_few_networks_are_refused():
    """Fewer than ten networks are refused."""
    with pytest.raises(ValueError, match="9 networks are too few"):
        fit([0.5] * 9, [0.1] * 9, region=REGION)
