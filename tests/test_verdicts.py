"""Estimates and verdicts, on simulated runs with known true values."""

import math

import numpy as np
import pytest

from pipeline.analysis import sequential, statistics
from pipeline.claims import verdicts
from pipeline.claims.arms import CLAIMS as OF_ARMS
from pipeline.claims.catalogue import CLAIMS
from pipeline.claims.claim import by_number
from pipeline.claims.estimates import Estimate, estimate
from pipeline.claims.groups import ARMS
from pipeline.claims.untested import UNTESTED
from pipeline.paper import published
from pipeline.runtime import csv_files
from tests import synthetic
from tests.tables import arm_rows, simulate

BASE = 0.03
MARGIN = math.sqrt(BASE * (1 - BASE) / 2500)
ABOVE = BASE + MARGIN
EQUAL = dict.fromkeys(synthetic.MEANS, BASE)
# Every claim here has its true value at an end of its region, but 3c and 30.
AT_THE_ENDS = EQUAL | {
    "rectifier-random": ABOVE,
    "rectifier-pretrained": ABOVE + math.sqrt(ABOVE * (1 - ABOVE) / 2500),
}
TESTED = [claim for claim in OF_ARMS if claim.rule.kind != "never above"]
AT_AN_END = {"1", "2", "3a", "3b", "4a", "4b", "6", "24"}


def judged(rows, dataset="digits"):
    """Return the rows of all claims about the arms by number."""
    rows = verdicts.judge(
        dataset, {ARMS.name: ARMS.groups(rows)}, confidence=0.95, significance=0.05
    )
    return {row["number"]: row for row in rows if row["records"] == ARMS.name}


def judged_with(means=EQUAL, seeds=10, draw=0, dataset="digits", **options):
    """Return the rows of one simulated comparison by the claims' numbers."""
    return judged(simulate(np.random.default_rng(draw), means, seeds, **options), dataset)


def of_arm(rows, key):
    """Return the rows of one arm."""
    return [row for row in rows if f"{row['activation']}-{row['initialization']}" == key]


@pytest.fixture(scope="module")
def thousand():
    """Return the rows of 1,000 comparisons of 6 seeds with true values at the ends of regions."""
    rng = np.random.default_rng(0)
    return [judged(simulate(rng, AT_THE_ENDS, 6)) for _ in range(1000)]


def test_false_verdicts_are_as_rare_as_stated(thousand):
    """With true values at the ends of regions, at most 5% of families have a decided claim."""
    false = [any(rows[n]["verdict"] != "undecided" for n in AT_AN_END) for rows in thousand]
    assert 0.02 < np.mean(false) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)


@pytest.mark.parametrize("claim", TESTED, ids=lambda claim: claim.number)
def test_intervals_cover_the_truth(thousand, claim):
    """93 to 97% of 1,000 intervals at 95% contain the true value."""
    truth = {"zeros": 0.5, "dead_units": 0.1}.get(claim.quantity.column)
    if truth is None:
        truth = sum(AT_THE_ENDS[key] for key in claim.plus)
        truth -= sum(AT_THE_ENDS[key] for key in claim.minus)
    rows = [rows[claim.number] for rows in thousand]
    assert 0.93 <= np.mean([row["low"] <= truth <= row["high"] for row in rows]) <= 0.97


def test_interval_and_verdict_agree():
    """Intervals inside the region support, outside contradict, across an end leave undecided."""
    seen = set()
    for draw in range(40):
        rng = np.random.default_rng(draw)
        means = {key: float(rng.uniform(0.02, 0.04)) for key in EQUAL}
        share = dict(zip(("zeros", "dead"), rng.choice([0.05, 0.5, 0.9], 2), strict=True))
        results = simulate(rng, means, 6, **share)
        rows, arms = judged(results), ARMS.groups(results)
        for claim in TESTED:
            row, known = rows[claim.number], estimate(claim, arms)
            ends = (row["low_holm"], row["high_holm"])
            inside = known.low <= ends[0] and ends[1] <= known.high
            outside = ends[1] < known.low or known.high < ends[0]
            expected = "supported" if inside else "contradicted" if outside else "undecided"
            assert row["verdict"] == expected
            assert (row["p_holm"] <= 0.05) == (expected != "undecided")
            seen.add((claim.rule.kind, expected))
    assert len(seen) == 4 * 3


def test_estimate_right_on_an_end_decides_nothing():
    """Seeds with exactly one half of zeros leave the claim of one half undecided."""
    row = judged(arm_rows("rectifier-random", [0.03, 0.031], [0.5, 0.5], [0.0, 0.0]))["6"]
    assert (row["p"], row["verdict"]) == (1.0, "undecided")


def test_correction_runs_over_the_claims_of_the_dataset():
    """The adjusted p-values are Holm's of all p-values in the table."""
    rows = judged_with().values()
    tested = [row for row in rows if row["p"] is not None]
    assert len(tested) == len(TESTED)
    expected = statistics.holm([row["p"] for row in tested])
    assert [row["p_holm"] for row in tested] == expected


@pytest.mark.parametrize(("shift", "verdict"), [(-0.01, "supported"), (0.01, "contradicted")])
@pytest.mark.parametrize(
    ("number", "arm"),
    [
        ("1", "rectifier-random"), ("2", "rectifier-random"), ("3b", "tanh-pretrained"),
        ("3c", "tanh-pretrained"), ("4a", "rectifier-random"), ("4b", "rectifier-random"),
    ],
)  # fmt: skip
def test_planted_effects_are_found(number, arm, shift, verdict):
    """A shift of one arm by five standard deviations decides a claim in its direction."""
    assert judged_with(EQUAL | {arm: BASE + shift})[number]["verdict"] == verdict


@pytest.mark.parametrize("shift", [-0.02, 0.02])
@pytest.mark.parametrize(("number", "arm"), [("3a", "rectifier-pretrained"), ("30", "tanh-random")])
def test_equivalence_is_contradicted_from_both_sides(number, arm, shift):
    """A large difference is not equivalence, whatever its sign."""
    rows = judged_with(EQUAL | {"rectifier-random": 0.05, arm: 0.05 + shift})
    assert rows[number]["verdict"] == "contradicted"


@pytest.mark.parametrize(("seeds", "verdict"), [(3, "undecided"), (100, "supported")])
@pytest.mark.parametrize("number", ["3a", "30"])
def test_equivalence_takes_many_seeds(number, seeds, verdict):
    """Equal arms support equivalence with many seeds, but not with a few noisy ones."""
    assert judged_with(seeds=seeds, spread=0.006)[number]["verdict"] == verdict


@pytest.mark.parametrize(
    ("number", "option", "verdict"),
    [
        ("6", {"zeros": 0.7}, "supported"), ("6", {"zeros": 0.3}, "contradicted"),
        ("24", {"dead": 0.3}, "supported"), ("24", {"dead": 0.0}, "contradicted"),
    ],
)  # fmt: skip
def test_shares_are_compared_with_their_thresholds(number, option, verdict):
    """A share well above the threshold supports the claim, one well below contradicts it."""
    assert judged_with(**option)[number]["verdict"] == verdict


def test_a_difference_within_the_margin_is_no_worse():
    """With many seeds, a rectifier worse by half the margin is non-inferior."""
    means = EQUAL | {"rectifier-random": BASE + MARGIN / 2}
    row = judged_with(means, seeds=100)["1"]
    assert row["low"] > 0
    assert row["verdict"] == "supported"


def test_errors_alike_to_the_last_example_are_not_certainty():
    """Two seeds with the same small difference leave the claim undecided."""
    errors = {"tanh-random": [0.03, 0.032], "tanh-pretrained": [0.0297, 0.0317]}
    results = [
        row for key, values in errors.items() for row in arm_rows(key, values, [0, 0], [0, 0])
    ]
    row = judged(results)["3b"]
    assert row["verdict"] == "undecided"
    assert row["low"] < row["estimate"] < row["high"]


def test_one_layer_contradicts_a_counted_claim():
    """One layer of one seed with too many zeros contradicts; shares that print as 0.0% do not."""
    results = simulate(np.random.default_rng(0), EQUAL, 4)
    assert judged(results)["10"]["verdict"] == "supported"
    tanh = of_arm(results, "tanh-pretrained")
    tanh[2]["zeros_by_layer"] = [3e-5]
    assert judged(results)["10"]["verdict"] == "supported"
    tanh[2]["zeros_by_layer"] = [0.001]
    row = judged(results)["10"]
    assert (row["verdict"], row["estimate"]) == ("contradicted", 0.001)
    assert "7 of 8 layers" in row["reason"]
    assert row["p"] is None


def test_absent_arm_leaves_its_claims_undecided():
    """Without softplus its two claims are undecided with a reason; the others are judged."""
    results = simulate(np.random.default_rng(0), EQUAL, 20)
    rows = judged([row for row in results if row["activation"] != "softplus"])
    undecided = {number for number, row in rows.items() if row["estimate"] is None}
    assert undecided == {"2", "4b"}
    assert (rows["2"]["verdict"], rows["2"]["p"], rows["2"]["n"]) == ("undecided", None, None)
    assert rows["2"]["reason"] == "This comparison lacks: random softplus."


def test_failed_arm_leaves_its_claims_undecided():
    """A seed without a network leaves every claim on its arm undecided, counted ones too."""
    results = simulate(np.random.default_rng(0), EQUAL, 4)
    of_arm(results, "tanh-pretrained")[0]["test_error"] = None
    rows = judged(results)
    undecided = {number for number, row in rows.items() if row["estimate"] is None}
    assert undecided == {"3b", "3c", "4a", "10"}
    assert rows["10"]["verdict"] == "undecided"
    assert rows["10"]["reason"] == "Seed 3 of pre-trained tanh has no network."


@pytest.mark.parametrize("results", [[], simulate(np.random.default_rng(0), EQUAL, 1)])
def test_nothing_is_decided_without_two_seeds(results):
    """No runs, or runs of one seed, leave all claims undecided with a reason."""
    rows = judged(results).values()
    assert {row["verdict"] for row in rows} == {"undecided"}
    assert all(row["reason"] for row in rows)


def test_order_of_rows_does_not_matter():
    """Rows in another order give the same verdicts to the last bit."""
    results = simulate(np.random.default_rng(0), EQUAL, 5)
    assert judged(results[::-1]) == judged(results)


def test_arms_with_other_seeds_leave_their_claims_undecided():
    """Arms with different seeds are not paired: their claims are undecided."""
    results = simulate(np.random.default_rng(0), EQUAL, 4)
    results.remove(of_arm(results, "tanh-random")[0])
    row = judged(results)["1"]
    assert row["verdict"] == "undecided"
    assert row["reason"] == "The seeds of random rectifier are not those of random tanh."


def test_rule_and_reason_give_the_numbers_that_decide():
    """Rule and reason print the margin and the deciding interval in points."""
    errors = {"rectifier-random": [0.2, 0.21, 0.2], "tanh-random": [0.5, 0.5, 0.5]}
    results = [
        row for key, each in errors.items() for row in arm_rows(key, each, [0.6] * 3, [0] * 3)
    ]
    row = judged(results)["1"]
    assert "at or below 1.00 points" in row["rule"]
    low, high = (f"{-100 * row[end]:.2f}" for end in ("low_holm", "high_holm"))
    minus = "\N{MINUS SIGN}"
    assert f"{minus}{low} to {minus}{high} points, lies wholly below 1.00 points." in row["reason"]


def test_reason_names_the_end_that_is_crossed():
    """The reason of an undecided claim names the end inside the interval."""
    assert "reaches across 0.00 points." in judged_with()["3b"]["reason"]


def test_rows_have_the_papers_value():
    """The row of a claim has the paper's value on MNIST with its mark."""
    row = judged_with(dataset="mnist")["6"]
    number = published.ZEROS["mnist"]
    assert (row["paper"], row["paper_mark"]) == (number.value, number.mark)


def test_rows_are_a_table_of_all_claims():
    """The table has one row a claim in the order of numbers, with the columns of the file."""
    rows = verdicts.judge("digits", {}, confidence=0.95, significance=0.05)
    keys = {claim.number: claim.key for claim in (*CLAIMS, *UNTESTED)}
    assert [row["key"] for row in rows] == [keys[n] for n in sorted(keys, key=by_number)]
    assert {by_number(row["number"])[0] for row in rows} >= {*range(1, 32)}
    assert {tuple(row) for row in rows} == {tuple(verdicts.COLUMNS)}
    header = csv_files.as_csv(verdicts.COLUMNS, rows).decode().splitlines()[0]
    assert header == (
        "key,number,claim,source,mark,paper,paper_mark,records,statistic,unit,estimate,low,high,n,"
        "p,p_holm,low_holm,high_holm,rule,verdict,reason,seeds_needed,split_error"
    )


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [(0.0, -math.inf, 1.0), (0.0, -1.0, math.inf), (0.5, -1.5, 1.0), (3.0, -1.0, 1.0)],
)
@pytest.mark.parametrize("nudge", [1e-6, -1e-6])
def test_p_is_the_level_at_which_the_interval_touches_the_nearest_end(value, low, high, nudge):
    """The interval at a level just below p contains an end of the region, just above it none."""
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


@pytest.mark.parametrize(
    ("value", "low", "high", "distances"),
    [(0.5, -math.inf, 2.0, [1.5]), (0.5, -1.0, 1.0, [1.5, 0.5]), (1.1, 0.99, 1.0, [0.1])],
)
def test_seeds_needed_exclude_the_ends_that_decide(value, low, high, distances):
    """Inside a region both ends must be excluded; outside the nearest one alone."""
    found = Estimate(5, value, 1.0, high, low, high)
    expected = sequential.seeds_needed(distances, math.sqrt(5), 0.01, least=5)
    assert found.seeds_needed(0.01) == expected > 5


def test_undecided_claims_alone_have_seeds_needed():
    """Every undecided estimate over seeds has a number; every test error has a split error."""
    errors = EQUAL | {"tanh-random": 0.06}
    estimated = [row for row in judged_with(errors, 5).values() if row["p"] is not None]
    assert {row["verdict"] == "undecided" for row in estimated} == {True, False}
    for row in estimated:
        assert (row["seeds_needed"] is not None) == (row["verdict"] == "undecided")
        assert (row["split_error"] is None) == ("test error" not in row["statistic"])


def test_holm_levels_decide_as_adjusted_p_values_do():
    """A p-value is at most its level where Holm's adjusted p is at most the significance."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        p_values = (rng.uniform(size=8) ** 6).tolist()
        by_level = [
            p <= level
            for p, level in zip(p_values, statistics.holm_levels(p_values, 0.05), strict=True)
        ]
        assert by_level == [p <= 0.05 for p in statistics.holm(p_values)]
