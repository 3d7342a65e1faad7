"""The benchmark: everybody's numerics are checked, and nothing is said of time here."""

import json

import joblib
import pytest

from pipeline import benchmark, drawing
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
    told = {"machine": benchmark.machine(), "net_steps": {"tiny": found}, "images": {}}
    assert readme.speed(json.loads(json.dumps(told))).count("| tiny |") == 4


def test_every_recipe_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each recipe has its images a second, and the README a row for it."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr(drawing, "AT_ONCE", 20)
    images = drawing.everything(repeats=2, seconds=0.001)
    for row in images.values():
        assert 0 < row["first_quartile"] <= row["images_per_second"] <= row["third_quartile"]
    text = readme.speed({"machine": benchmark.machine(), "net_steps": {}, "images": images})
    assert all(f"| {recipe} |" in text for recipe in ("clean", "nistp", "p07"))
