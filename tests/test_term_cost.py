"""What a text's zeros save: steps agree, every row is there; nothing is said of time."""

import pytest
import torch

from pipeline import cost, term_cost

CPU = torch.device("cpu")


def test_steps_agree() -> None:
    """By terms and dense, after some steps, to 1e-6 of the weights' size."""
    assert term_cost.check(CPU) < 1e-6


def test_a_wrong_step_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who trains something else is not timed."""
    monkeypatch.setattr(term_cost, "NETWORKS", {"small": [8]})
    honest = term_cost.contenders

    def wrong(where):  # type: ignore[no-untyped-def]
        found = honest(where)
        run, tensors = found["small"]["terms"]
        found["small"]["terms"] = (lambda: (run(), tensors[0].mul_(1.001))[0], tensors)
        return found

    monkeypatch.setattr(term_cost, "contenders", wrong)
    with pytest.raises(ArithmeticError, match="small: terms are off by"):
        term_cost.check(CPU)


def test_texts_have_their_share_of_terms() -> None:
    """Each has 0.6% of 5,000."""
    assert (term_cost.texts(CPU).dense().sum(2) == 30).all()


def test_every_contender_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step and contender is timed once a round."""
    monkeypatch.setattr(term_cost, "NETWORKS", {"small": [8]})
    monkeypatch.setattr(cost, "_count", lambda *_: 1)
    rows = term_cost.steps(CPU, repeats=2, seconds=0.001)
    assert [row["contender"] for row in rows[:3]] == ["dense", "terms", "dense again"]
    assert len(rows) == 3 + 4
    assert all(row["ms"] > 0 and row["repeats"] == 2 for row in rows)
