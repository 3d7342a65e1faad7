"""Claims as data: sources, margins, rules, and the paper's own values."""

import dataclasses
import math

import pytest

from pipeline.claims import arms
from pipeline.claims.catalogue import CLAIMS
from pipeline.claims.claim import LITTLE_EXAMPLES, Margin, Rule
from pipeline.config.arms import arms_of
from pipeline.paper import published
from tests import synthetic

BY_NUMBER = {claim.number: claim for claim in CLAIMS}
DATASETS = ["mnist", "cifar10", "nistp", "norb"]


def paper(number, dataset):
    """Return the paper's value of a claim that has one."""
    found = BY_NUMBER[number].paper(dataset)
    assert found is not None
    return found


def test_keys_and_numbers_name_one_claim_each():
    """No two claims share a key or a number."""
    assert len({claim.key for claim in CLAIMS}) == len(BY_NUMBER) == len(CLAIMS)


def test_claims_need_standard_arms_only():
    """Claims about arms need only the six arms of a standard comparison."""
    standard = {arm.key for arm in arms_of(synthetic.settings(), "digits")}
    assert {arm for claim in arms.CLAIMS for arm in claim.groups} <= standard


@pytest.mark.parametrize("dataset", DATASETS)
def test_paper_value_is_the_statistic_of_its_table(dataset):
    """The paper's value of the interaction follows from four cells of Table 1."""
    error = {arm: published.test_error(dataset, *arm.split("-")) for arm in synthetic.MEANS}
    gain = error["tanh-pretrained"] - error["tanh-random"]
    gain -= error["rectifier-pretrained"] - error["rectifier-random"]
    assert paper("3c", dataset).value == pytest.approx(gain, abs=1e-9)


def test_paper_values_follow_the_published_table(monkeypatch):
    """A changed cell of Table 1 changes the claim's value."""
    cell = published.TABLE_1["mnist", "tanh", "random"]
    changed = dataclasses.replace(cell, value=0.5, mark="M")
    monkeypatch.setitem(published.TABLE_1, ("mnist", "tanh", "random"), changed)
    found = paper("1", "mnist")
    assert found.value == pytest.approx(published.test_error("mnist", "rectifier", "random") - 0.5)
    assert found.mark == "M"


@pytest.mark.parametrize(
    ("number", "dataset"), [("1", "digits"), ("6", "digits"), ("10", "mnist"), ("24", "mnist")]
)
def test_paper_may_have_no_value(number, dataset):
    """Datasets and quantities without a number in the paper have no value."""
    assert BY_NUMBER[number].paper(dataset) is None


def test_mark_of_a_value_is_that_of_its_least_certain_cell():
    """A value that needs a remembered cell has the mark M."""
    assert (paper("1", "mnist").mark, paper("3b", "mnist").mark) == ("C", "M")


@pytest.mark.parametrize("number", ["1", "2", "3a", "3b", "3c", "4a", "4b"])
def test_source_is_as_certain_as_its_least_certain_number(number):
    """A claim has the mark M where a number that it needs has it, on any dataset."""
    marks = {paper(number, dataset).mark for dataset in DATASETS}
    assert BY_NUMBER[number].mark == ("M" if "M" in marks else "C")


@pytest.mark.parametrize("dataset", DATASETS)
def test_margin_holds_what_the_paper_calls_no_change(dataset):
    """The paper's change of the rectifier by pre-training is within the margin."""
    error = published.test_error(dataset, "rectifier", "random")
    margin = BY_NUMBER["3a"].rule.bound.size([error], 10_000)
    assert abs(paper("3a", dataset).value) <= margin


@pytest.mark.parametrize("dataset", ["mnist", "cifar10", "norb"])
def test_margin_is_less_than_what_the_paper_calls_a_gain(dataset):
    """The paper's gain of tanh by pre-training exceeds the margin, except on NISTP."""
    error = published.test_error(dataset, "tanh", "random")
    margin = Margin(("tanh-random",), examples=LITTLE_EXAMPLES).size([error], 10_000)
    assert -paper("3b", dataset).value > margin


def test_margin_matches_a_hand_worked_value():
    """Errors of 0.1 and 0.2: twice the root of (0.09 + 0.16) / 400 is 0.05."""
    margin = Margin(("rectifier-random", "tanh-random"), times=2)
    assert margin.size([0.1, 0.2], 400) == pytest.approx(0.05)


@pytest.mark.parametrize(("examples", "size"), [(100, 0.05), (2500, 0.01), (60_000, 0.01)])
def test_small_test_splits_widen_the_margin(examples, size):
    """The margin shrinks with the test split only up to 2500 examples."""
    margin = Margin(("tanh-random",), examples=LITTLE_EXAMPLES)
    assert margin.size([0.5], examples) == pytest.approx(size)


@pytest.mark.parametrize(
    ("kind", "region"),
    [
        ("lower", (-math.inf, 0.25)),
        ("no higher", (-math.inf, 0.25)),
        ("at least", (0.25, math.inf)),
        ("equivalent", (-0.25, 0.25)),
        ("never above", (-math.inf, 0.25)),
        ("between", (0.25, 0.75)),
    ],
)
def test_each_kind_of_rule_has_its_region(kind, region):
    """The region of a rule is the set of values that make its claim true."""
    assert Rule(kind, 0.25, 0.75).region(0.25) == region


def test_statistic_in_words_keeps_the_signs():
    """Subtracted arms have a minus before them."""
    assert BY_NUMBER["3c"].statistic == (
        "test error of pre-trained tanh + random rectifier \N{MINUS SIGN} random tanh "
        "\N{MINUS SIGN} pre-trained rectifier"
    )
