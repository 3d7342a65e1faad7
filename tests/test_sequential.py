"""Group-sequential comparison of arms: levels, verdicts, and numbers of seeds needed."""

import math

import numpy as np
import pytest

from pipeline.analysis import statistics
from pipeline.analysis.sequential import Design

DESIGN = Design((5, 8, 12, 18, 26, 40))


def arms(differences, *, spread=1.0, seeds=40, seed=0):
    """Return errors of arms whose means differ by `differences`, in points, by name."""
    draws = np.random.default_rng(seed).normal(size=(len(differences), seeds))
    return {
        f"arm-{n}": (10 + difference + spread * row).tolist()
        for n, (difference, row) in enumerate(zip(differences, draws, strict=True))
    }


def test_levels_are_spent_as_pocock_by_lan_and_demets():
    """The levels up to a share t of the seeds add up to 0.05 log(1 + (e - 1) t) over the pairs."""
    levels = DESIGN.levels(3)
    spent = [0.05 / 3 * math.log(1 + (math.e - 1) * n / 40) for n in DESIGN.looks]
    assert np.cumsum(levels).tolist() == pytest.approx(spent)
    assert spent[-1] == pytest.approx(0.05 / 3)


def test_interval_is_that_of_the_paired_test_at_the_level_of_its_look():
    """Three arms at the second look: 1 - level is the confidence of the paired t interval."""
    errors = arms([0, 0.3, 3])
    decision = DESIGN.decide(errors, 1)[0]
    pair = [dict(enumerate(errors[arm][:8])) for arm in ("arm-0", "arm-1")]
    test = statistics.paired_test(*pair, 1 - DESIGN.levels(3)[1])
    assert (decision.difference, decision.low, decision.high) == pytest.approx(
        (test.difference, test.low, test.high)
    )
    assert decision.seeds == 8


def test_clear_pairs_are_decided_and_others_stay_open():
    """A difference of 8 deviations is found at 5 seeds; wide equal arms stay open at 40."""
    there, back = DESIGN.decide(arms([0, 8], spread=0.7), 0), DESIGN.decide(arms([8, 0]), 0)
    assert (there[0].verdict, there[0].decided_at, there[0].seeds_needed) == ("lower", 5, None)
    assert back[0].verdict == "higher"
    same = DESIGN.decide(arms([0, 0], spread=3), 5)[0]
    assert (same.verdict, same.decided_at) == ("open", None)
    assert same.seeds_needed > 40


def test_equivalent_arms_are_told_within_the_margin_alone():
    """Arms of little spread are equivalent within 0.5 points; without a margin none ever is."""
    errors = arms([0, 0.05], spread=0.05)
    assert DESIGN.decide(errors, 2)[0].verdict == "equivalent"
    assert Design(DESIGN.looks, margin=0.0).decide(errors, 2)[0].verdict != "equivalent"


def test_verdict_of_an_earlier_look_stays():
    """A pair that differs in its first 5 seeds and not in the next 35 stays decided at 5."""
    first = [1.0, 1.1, 0.9, 1.05, 0.95] + [5.0, 5.5] * 17 + [5.2]
    second = [3.0, 3.1, 3.0, 3.02, 3.05] + [5.4, 4.9] * 17 + [5.1]
    decision = DESIGN.decide({"a": first, "b": second}, 5)[0]
    assert (decision.verdict, decision.decided_at, decision.seeds) == ("lower", 5, 40)
    assert decision.low < 0 < decision.high


def test_later_seeds_do_not_change_an_earlier_look():
    """A look reads its own seeds alone, and arms in any number of seeds beyond."""
    errors = arms([0, 0.3, 3])
    shorter = {arm: values[:12] for arm, values in errors.items()}
    assert DESIGN.decide(errors, 2) == DESIGN.decide(shorter, 2)


def test_seeds_that_agree_to_the_last_example_prove_nothing():
    """Five equal errors of 36 test examples are no equivalence; nor are errors that never vary."""
    assert DESIGN.decide({"a": [0.0] * 5, "b": [0.0] * 4 + [100 / 36]}, 0)[0].verdict == "open"
    never = DESIGN.decide({"a": [0.0] * 5, "b": [0.0] * 5}, 0)[0]
    assert (never.verdict, never.seeds_needed) == ("open", statistics.MOST_SEEDS)
    known = Design(DESIGN.looks, step=0.01).decide({"a": [0.0] * 5, "b": [0.0] * 5}, 0)[0]
    assert known.verdict == "equivalent"


@pytest.mark.parametrize("distances", [[0.6], [0.5, 0.7]])
def test_needed_seeds_decide_as_often_as_they_should(distances):
    """At the number needed, 80% of 2000 intervals hold no end at these distances from the mean."""
    n = statistics.seeds_needed(distances, 1.0, 0.01)
    draws = np.random.default_rng(0).normal(size=(2000, n))
    means, reach = draws.mean(1), statistics.quantile(n, 0.99) * draws.std(1, ddof=1) / math.sqrt(n)
    missed = means - reach > -distances[0]
    if distances[1:]:
        missed &= means + reach < distances[1]
    assert missed.mean() == pytest.approx(0.8, abs=0.027)  # three standard errors


@pytest.mark.parametrize("looks", [(), (1, 5), (5, 5), (8, 5)])
def test_looks_that_do_not_ascend_are_refused(looks):
    """Looks ascend from at least two seeds."""
    with pytest.raises(ValueError, match="looks must ascend"):
        Design(looks)


def test_too_few_seeds_or_arms_are_refused():
    """Every arm needs the seeds of the look, and there is no pair of one arm."""
    with pytest.raises(ValueError, match="need 8 seeds"):
        DESIGN.decide(arms([0, 1], seeds=7), 1)
    with pytest.raises(ValueError, match="at least two arms"):
        DESIGN.decide(arms([0]), 0)
