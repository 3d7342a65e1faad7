"""Claims about experiments: groups exist, known effects decide, gaps leave undecided."""

import math

import numpy as np
import pytest

from pipeline.claims import sparsity, verdicts
from pipeline.claims.catalogue import CLAIMS, RECORDS
from pipeline.claims.groups import ARMS, Group
from pipeline.experiments.conditions import catalogue
from tests.tables import ERROR, table

OF_EXPERIMENTS = [claim for claim in CLAIMS if claim.records.name in catalogue.names()]
BY_NUMBER = {claim.number: claim for claim in OF_EXPERIMENTS}
MARGIN = math.sqrt(ERROR * (1 - ERROR) / 2500)


def judged(name, rows):
    """Return the verdicts of the claims about one experiment by number."""
    found = verdicts.judge(
        "digits", {name: RECORDS[name].groups(rows)}, confidence=0.95, significance=0.05
    )
    return {row["number"]: row for row in found if row["records"] == name}


@pytest.mark.parametrize("claim", OF_EXPERIMENTS, ids=lambda claim: claim.number)
def test_the_groups_of_a_claim_are_in_its_experiment(claim):
    """The experiment of params.yaml has every group of the claim."""
    groups = claim.records.groups(table(claim.records.name))
    assert set(claim.groups) <= groups.keys()
    for key in claim.groups:
        column = claim.quantity.column
        assert groups[key].values(column if column in groups[key].rows[0] else "zeros")


def is_level(**levels):
    """Return a predicate of rows with these levels."""
    return lambda row: all(row[factor] == level for factor, level in levels.items())


PLANTED = {
    "5a": lambda row: row["share"] <= 0.1
    and (row["activation"], row["initialization"]) == ("rectifier", "pretrained"),
    "5b": is_level(activation="tanh", initialization="pretrained"),
    "7a": lambda row: row["zeros"] > 0.7,
    "11b": is_level(activation="rectifier", initialization="random", penalty="L1"),
    "12b": is_level(activation="rectifier", initialization="pretrained", signs="half negated"),
    "13": lambda row: row["alpha"] != 1,
    "14b": lambda row: row["activation"] == "rectifier" and row["depth"] == 6,
    "15a": is_level(reconstruction="softplus"),
    "15b": is_level(reconstruction="rectifier"),
    "18a": is_level(activation="rectifier", multiple=0.125),
    "18b": is_level(activation="rectifier"),
    "25": lambda row: row["activation"] in ("leaky", "prelu", "elu", "gelu", "silu"),
    "26": lambda row: row["activation"].startswith("maxout"),
    "29": is_level(activation="rectifier"),
    "37": is_level(decoder="untied", signs="half negated"),
    "38": is_level(decoder="untied", signs="half negated"),
}  # fmt: skip


@pytest.mark.parametrize("shift", [-0.015, 0.015])
@pytest.mark.parametrize("number", PLANTED)
def test_planted_effects_are_found(number, shift):
    """A shift of some networks by several standard deviations decides in its direction."""
    claim = BY_NUMBER[number]
    rows = table(claim.records.name, lambda row: ERROR + shift * PLANTED[number](row))
    expects_more = claim.rule.kind == "at least"
    expected = "supported" if (shift > 0) == expects_more else "contradicted"
    assert judged(claim.records.name, rows)[number]["verdict"] == expected


@pytest.mark.parametrize(("slope", "verdict"), [(-0.02, "supported"), (0.02, "contradicted")])
def test_trends_are_found(slope, verdict):
    """Errors that fall with alpha support, errors that rise contradict."""
    order = [1.0, 1.3, 2.0, 3.0, 6.0, math.inf]
    rows = table("hardness", lambda row: 0.1 + slope * order.index(float(row["alpha"])) / 5)
    assert judged("hardness", rows)["2b"]["verdict"] == verdict


@pytest.mark.parametrize(
    ("norms", "verdict"), [([0.1, 0.2], "supported"), ([1e-4, 0.2], "contradicted")]
)
def test_vanishing_gradients_are_found(norms, verdict):
    """A gradient at the bottom below a tenth of that at the top has vanished."""
    rows = table("depth")
    for draw, row in enumerate(rows):
        noise = 1 + 0.01 * (draw % 7)
        row["gradient_norms"] = [norms[0] * noise, *[0.15] * (int(row["depth"]) - 2), norms[1], 0.3]
    assert judged("depth", rows)["14a"]["verdict"] == verdict


@pytest.mark.parametrize(("tied", "verdict"), [(0.2, "supported"), (0.05, "contradicted")])
def test_dead_units_by_decoder_are_compared(tied, verdict):
    """More dead units with a tied decoder support claim 36d, fewer contradict it."""
    rows = table("decoder", seeds=10)
    for row in rows:
        if row["decoder"] == "tied":
            row["dead_units"] += tied - 0.1
    assert judged("decoder", rows)["36d"]["verdict"] == verdict


@pytest.mark.parametrize(("place", "number"), [(0, "36a"), (1, "36b"), (2, "36c")])
def test_halves_are_compared_layer_by_layer(place, number):
    """Dead negated units in one layer contradict the claim about that layer alone."""
    rows = table("decoder", seeds=10)
    for row in rows:
        if (row["decoder"], row["signs"]) == ("untied", "half negated"):
            row["dead_negated"][place] += 0.2
    verdicts_by_number = {key: row["verdict"] for key, row in judged("decoder", rows).items()}
    for key in ("36a", "36b", "36c"):
        assert verdicts_by_number[key] == ("contradicted" if key == number else "supported")


def test_a_lost_seed_leaves_the_claims_about_layers_undecided():
    """A seed without a network is reported by each claim about layers."""
    rows = table("decoder", seeds=10)
    lost = next(row for row in rows if row["decoder"] == "untied" and row["seed"] == 3)
    lost |= {"test_error": None, "dead_positive": [], "dead_negated": []}
    for number in ("36a", "36b", "36c"):
        row = judged("decoder", rows)[number]
        assert row["verdict"] == "undecided"
        assert row["reason"].startswith("Seed 3 of the ")


@pytest.mark.parametrize("shift", [0.0, 0.03])
@pytest.mark.parametrize("number", ["12a", "27"])
def test_equivalence_needs_more_than_no_difference(number, shift):
    """A large difference contradicts equivalence; none supports it with 40 seeds."""
    claim = BY_NUMBER[number]
    moved = {"12a": is_level(initialization="random", signs="all positive"),
             "27": is_level(activation="leaky")}[number]  # fmt: skip
    rows = table(claim.records.name, lambda row: ERROR + shift * moved(row), seeds=40)
    assert judged(claim.records.name, rows)[number]["verdict"] == (
        "contradicted" if shift else "supported"
    )


def test_the_best_networks_are_chosen_by_validation():
    """The best tenth is selected by validation error, not by test error."""
    rows = table("sparsity")
    for row in rows:
        row["valid_error"] = abs(row["zeros"] - 0.65)
        row["test_error"] = abs(row["zeros"] - 0.95)
    groups = RECORDS["sparsity"].groups(rows)
    best = groups[sparsity.BEST_NETWORKS]
    assert len(best.rows) == math.ceil(len(rows) / 10)
    assert np.mean(best.values("zeros")) == pytest.approx(0.65, abs=0.02)
    assert judged("sparsity", rows)["8"]["verdict"] == "supported"
    for row in rows:
        row["valid_error"] = round(row["valid_error"], 1)
    tied = RECORDS["sparsity"].groups(rows)[sparsity.BEST_NETWORKS].rows
    worst = max(row["valid_error"] for row in tied)
    assert len(tied) == sum(row["valid_error"] <= worst for row in rows) > math.ceil(len(rows) / 10)


def test_unlike_groups_of_networks_are_compared_at_the_stated_level():
    """With a true difference equal to the margin, 1 in 20 tables decides."""
    rng = np.random.default_rng(0)
    claim, verdict = BY_NUMBER["7a"], []
    rows = table("sparsity")
    for _ in range(1000):
        for row in rows:
            many = row["zeros"] > 0.7
            row["test_error"] = ERROR + MARGIN * many + (0.004 if many else 0.001) * rng.normal()
        found = judged("sparsity", rows)[claim.number]
        verdict.append(found["p"] <= 0.05)
    assert 0.03 <= np.mean(verdict) <= 0.07


@pytest.mark.parametrize("number", ["5a", "12b", "25"])
def test_a_lost_seed_leaves_the_claim_undecided(number):
    """A seed whose every rate diverged leaves its claims undecided, with the seed in the reason."""
    claim = BY_NUMBER[number]
    rows = table(claim.records.name, lambda row: ERROR - 0.015 * PLANTED[number](row))
    next(row for row in rows if PLANTED[number](row) and row["seed"] == 2)["test_error"] = None
    row = judged(claim.records.name, rows)[number]
    assert row["verdict"] == "undecided"
    assert row["reason"] == f"Seed 2 of {claim.plus[0]} has no network."


MISSING = {
    "one of its shares": lambda row: (row["share"], row["seed"]) == (0.05, 1),
    "a whole share": lambda row: row["share"] == 0.05,
    "a seed": lambda row: row["seed"] == 2,
}


@pytest.mark.parametrize(
    ("missing", "initialization", "says"),
    [
        ("one of its shares", "pretrained", "Seed 1 of pre-trained tanh"),
        ("one of its shares", "random", "Seed 1 of random tanh"),
        (
            "a whole share",
            "pretrained",
            "The number of records per seed differs between pre-trained tanh",
        ),
        (
            "a whole share",
            "random",
            "The number of records per seed differs between pre-trained tanh",
        ),
        ("a seed", "pretrained", "Seed 2 of pre-trained tanh"),
        ("a seed", "random", "The seeds of pre-trained tanh"),
    ],
)
def test_incomplete_records_decide_nothing(missing, initialization, says):
    """Missing rows on one side leave the claim undecided, however clear the others are."""
    rows = table("labels", lambda row: ERROR - 0.015 * PLANTED["5b"](row))
    assert judged("labels", rows)["5b"]["verdict"] == "supported"
    start = is_level(activation="tanh", initialization=initialization)
    row = judged("labels", [row for row in rows if not (start(row) and MISSING[missing](row))])[
        "5b"
    ]
    assert row["verdict"] == "undecided"
    assert row["reason"].startswith(f"{says} at any share of labels")


def test_a_seed_that_is_missing_in_all_groups_is_reported():
    """A gap in the numbers of the seeds is a missing run, even where the others pair."""
    rows = [row for row in table("labels") if row["seed"] != 2]
    row = judged("labels", rows)["5b"]
    assert row["verdict"] == "undecided"
    assert row["reason"] == "Seed 2 of pre-trained tanh at any share of labels lacks records."


def test_an_experiment_that_was_not_run_is_the_reason():
    """A claim without its table is undecided with that reason."""
    rows = verdicts.judge("digits", {}, confidence=0.95, significance=0.05)
    reasons = {row["records"]: row["reason"] for row in rows}
    assert reasons["depth"] == "There are no records of `depth` on this dataset."
    assert reasons[ARMS.name] == "The arms were not run on this dataset."
    assert {row["verdict"] for row in rows} == {"undecided"}


def test_rows_of_a_seed_are_averaged():
    """A group of several conditions has their mean of each seed."""
    group = Group([{"seed": s, "test_error": e} for s, e in [(1, 0.2), (0, 0.1), (1, 0.4)]])
    assert group.by_seed("test_error") == {0: 0.1, 1: pytest.approx(0.3)}
    assert group.seeds == [0, 1]
    assert group.values("test_error") == [0.1, 0.2, 0.4]


def test_failed_networks_leave_the_changepoint_undecided():
    """Failed networks leave the changepoint undecided, with their number in the reason."""
    rows = table("sparsity", lambda row: ERROR + 0.3 * max(0.0, row["zeros"] - 0.75))
    assert judged("sparsity", rows)["7b"]["estimate"] is not None
    for row in rows[-3:]:
        row["test_error"] = 0.9
    found = judged("sparsity", rows)["7b"]
    assert found["verdict"] == "undecided"
    assert found["reason"] == (
        "3 of 200 networks learned little (test error above 3 times the median): these networks"
        " alone would place the changepoint."
    )
