"""Verdicts on simulated runs whose truth is known."""

import math

import numpy as np
import pytest

from pipeline.analysis import statistics
from pipeline.claims import verdicts
from pipeline.claims.arms import CLAIMS as OF_ARMS
from pipeline.claims.catalogue import CLAIMS
from pipeline.claims.claim import by_number
from pipeline.claims.estimates import estimate
from pipeline.claims.groups import ARMS
from pipeline.claims.untested import UNTESTED
from pipeline.paper import published
from pipeline.runtime import csv_files
from tests import synthetic
from tests.simulated import arm, found, simulate

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
    rows = verdicts.judge(dataset, found(rows), confidence=0.95, significance=0.05)
    return {row["number"]: row for row in rows if row["records"] == ARMS.name}


def judged_with(means=EQUAL, seeds=10, draw=0, dataset="digits", **options):
    """Return the rows of one simulated comparison by number."""
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
    """With true values at the ends of regions, at most 5% of families have any verdict on them."""
    false = [any(rows[n]["verdict"] != "undecided" for n in AT_AN_END) for rows in thousand]
    assert 0.02 < np.mean(false) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)


@pytest.mark.parametrize("claim", TESTED, ids=lambda claim: claim.number)
def test_intervals_cover_the_truth(thousand, claim):
    """Of 1,000 intervals at 95%, 93 to 97% hold the true value."""
    truth = {"zeros": 0.5, "dead_units": 0.1}.get(claim.quantity.column)
    if truth is None:
        truth = sum(AT_THE_ENDS[key] for key in claim.plus)
        truth -= sum(AT_THE_ENDS[key] for key in claim.minus)
    rows = [rows[claim.number] for rows in thousand]
    assert 0.93 <= np.mean([row["low"] <= truth <= row["high"] for row in rows]) <= 0.97


def test_interval_and_verdict_agree():
    """Supported is an interval inside the region, contradicted outside, undecided across an end."""
    seen = set()
    for draw in range(40):
        rng = np.random.default_rng(draw)
        means = {key: float(rng.uniform(0.02, 0.04)) for key in EQUAL}
        share = dict(zip(("zeros", "dead"), rng.choice([0.05, 0.5, 0.9], 2), strict=True))
        results = simulate(rng, means, 6, **share)
        rows, arms = judged(results), found(results)[ARMS.name]
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
    """All seeds at exactly one half of zeros: neither supported nor contradicted."""
    row = judged(arm("rectifier-random", [0.03, 0.031], [0.5, 0.5], [0.0, 0.0]))["6"]
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
    """An arm moved by five standard deviations is seen, in the direction it was moved."""
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
    """Arms that are truly equal are called so from many seeds, not from a few noisy ones."""
    assert judged_with(seeds=seeds, spread=0.006)[number]["verdict"] == verdict


@pytest.mark.parametrize(
    ("number", "option", "verdict"),
    [
        ("6", {"zeros": 0.7}, "supported"), ("6", {"zeros": 0.3}, "contradicted"),
        ("24", {"dead": 0.3}, "supported"), ("24", {"dead": 0.0}, "contradicted"),
    ],
)  # fmt: skip
def test_shares_are_held_against_their_thresholds(number, option, verdict):
    """Clearly more than the threshold supports the claim, clearly less contradicts it."""
    assert judged_with(**option)[number]["verdict"] == verdict


def test_a_difference_within_the_margin_is_no_worse():
    """With many seeds, a rectifier worse by half the margin still counts as no worse."""
    means = EQUAL | {"rectifier-random": BASE + MARGIN / 2}
    row = judged_with(means, seeds=100)["1"]
    assert row["low"] > 0
    assert row["verdict"] == "supported"


def test_errors_alike_to_the_last_example_are_not_certainty():
    """Two seeds with one and the same small difference do not decide."""
    errors = {"tanh-random": [0.03, 0.032], "tanh-pretrained": [0.0297, 0.0317]}
    results = [row for key, values in errors.items() for row in arm(key, values, [0, 0], [0, 0])]
    row = judged(results)["3b"]
    assert row["verdict"] == "undecided"
    assert row["low"] < row["estimate"] < row["high"]


def test_one_layer_contradicts_a_counted_claim():
    """A single layer of one seed with too many zeros is enough; what prints as 0.0% is none."""
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
    """Without softplus its two claims are undecided and say why; the others are judged."""
    results = simulate(np.random.default_rng(0), EQUAL, 20)
    rows = judged([row for row in results if row["activation"] != "softplus"])
    undecided = {number for number, row in rows.items() if row["estimate"] is None}
    assert undecided == {"2", "4b"}
    assert (rows["2"]["verdict"], rows["2"]["p"], rows["2"]["n"]) == ("undecided", None, None)
    assert rows["2"]["reason"] == "There is no random softplus in this comparison."


def test_failed_arm_leaves_its_claims_undecided():
    """A seed without a network voids every claim on its arm, exact ones too."""
    results = simulate(np.random.default_rng(0), EQUAL, 4)
    of_arm(results, "tanh-pretrained")[0]["test_error"] = None
    rows = judged(results)
    undecided = {number for number, row in rows.items() if row["estimate"] is None}
    assert undecided == {"3b", "3c", "4a", "10"}
    assert rows["10"]["verdict"] == "undecided"
    assert rows["10"]["reason"] == "Seed 3 of pre-trained tanh has no network."


@pytest.mark.parametrize("results", [[], simulate(np.random.default_rng(0), EQUAL, 1)])
def test_nothing_is_decided_without_two_seeds(results):
    """No outcomes, and outcomes of one seed, leave all claims undecided with a reason."""
    rows = judged(results).values()
    assert {row["verdict"] for row in rows} == {"undecided"}
    assert all(row["reason"] for row in rows)


def test_order_of_rows_does_not_matter():
    """Rows in another order give the same verdicts to the last bit."""
    results = simulate(np.random.default_rng(0), EQUAL, 5)
    assert judged(results[::-1]) == judged(results)


def test_arms_with_other_seeds_leave_their_claims_undecided():
    """Arms whose seeds differ are not paired, and nothing is decided on them."""
    results = simulate(np.random.default_rng(0), EQUAL, 4)
    results.remove(of_arm(results, "tanh-random")[0])
    row = judged(results)["1"]
    assert row["verdict"] == "undecided"
    assert row["reason"] == "The seeds of random rectifier are not those of random tanh."


def test_rule_and_reason_give_the_numbers_that_decide():
    """The margin and the interval in words are those of the decision, in points."""
    errors = {"rectifier-random": [0.2, 0.21, 0.2], "tanh-random": [0.5, 0.5, 0.5]}
    results = [row for key, each in errors.items() for row in arm(key, each, [0.6] * 3, [0] * 3)]
    row = judged(results)["1"]
    assert "at or below 1.00 points" in row["rule"]
    low, high = (f"{-100 * row[end]:.2f}" for end in ("low_holm", "high_holm"))
    minus = "\N{MINUS SIGN}"
    assert f"{minus}{low} to {minus}{high} points, lies wholly below 1.00 points." in row["reason"]


def test_reason_names_the_end_that_is_crossed():
    """An undecided claim says which end of its region the interval reaches across."""
    assert "reaches across 0.00 points." in judged_with()["3b"]["reason"]


def test_paper_value_stands_beside_ours():
    """On MNIST the paper's sparsity is in the row, with its mark."""
    row = judged_with(dataset="mnist")["6"]
    number = published.ZEROS["mnist"]
    assert (row["paper"], row["paper_mark"]) == (number.value, number.mark)


def test_rows_are_a_table_of_all_claims():
    """One row a claim in the order of the list, each with the columns of the file."""
    rows = verdicts.judge("digits", {}, confidence=0.95, significance=0.05)
    keys = {claim.number: claim.key for claim in (*CLAIMS, *UNTESTED)}
    assert [row["key"] for row in rows] == [keys[n] for n in sorted(keys, key=by_number)]
    assert {by_number(row["number"])[0] for row in rows} >= {*range(1, 32)}
    assert {tuple(row) for row in rows} == {tuple(verdicts.VERDICTS)}
    header = csv_files.as_csv(verdicts.VERDICTS, rows).decode().splitlines()[0]
    assert header == (
        "key,number,claim,source,mark,paper,paper_mark,records,statistic,unit,estimate,low,high,n,"
        "p,p_holm,low_holm,high_holm,rule,verdict,reason"
    )
