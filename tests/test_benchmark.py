"""The benchmark: everybody's numerics are checked, and nothing is said of time here."""

import json

import pytest

from pipeline import benchmark
from pipeline.report import readme

WIDTHS = [12, 9, 8, 4]


@pytest.mark.parametrize("contender", benchmark.contenders(), ids=lambda contender: contender.name)
def test_contenders_train_the_same_network(contender: benchmark.Contender) -> None:
    """After ten steps every contender is where float64 is, to a small share of the way."""
    assert benchmark.check(WIDTHS, contender) < benchmark.TOLERANCE


def test_a_wrong_contender_is_not_timed() -> None:
    """Who ends elsewhere is refused."""
    right = benchmark.contenders()[0]
    wrong = benchmark.Contender("wrong", right.run, lambda widths: right.move(widths) * 1.001)
    with pytest.raises(ArithmeticError, match="wrong is off by"):
        benchmark.check(WIDTHS, wrong)


def test_figures_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each contender has its quartiles, in order, from the repeats asked for."""
    monkeypatch.setitem(benchmark.SIZES, "tiny", WIDTHS)
    monkeypatch.setattr(benchmark, "SET_UP_SECONDS", 0.01)
    found = benchmark.measure("tiny", repeats=3, seconds=0.01)
    assert len(found) == 4
    for row in found.values():
        assert 0 < row["minimum"] <= row["first_quartile"] <= row["ms_per_net_step"]
        assert row["ms_per_net_step"] <= row["third_quartile"]
        assert row["repeats"] == 3
    told = {"machine": benchmark.machine(), "tiny": found}
    assert readme.speed(json.loads(json.dumps(told))).count("| tiny |") == 4
