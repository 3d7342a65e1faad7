"""What a text's zeros save: steps agree, every row is there; nothing is said of time."""

import pytest
import torch

from benchmarks import sparse_products, text_steps

CPU = torch.device("cpu")


def test_steps_agree() -> None:
    """By terms and dense, after some steps, to 1e-6 of the weights' size."""
    assert text_steps.check(CPU) < 1e-6


def test_a_wrong_step_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who trains something else is not timed."""
    monkeypatch.setattr(text_steps, "NETWORKS", {"small": [8]})
    honest = text_steps.contenders

    def wrong(where):  # type: ignore[no-untyped-def]
        found = honest(where)
        run, tensors = found["small"]["terms"]
        found["small"]["terms"] = (lambda: (run(), tensors[0].mul_(1.001))[0], tensors)
        return found

    monkeypatch.setattr(text_steps, "contenders", wrong)
    with pytest.raises(ArithmeticError, match="small: terms are off by"):
        text_steps.check(CPU)


def test_texts_have_their_share_of_terms() -> None:
    """Each has 0.6% of 5,000."""
    assert (text_steps.texts(CPU).dense().sum(2) == 30).all()


def test_every_contender_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step and contender is timed once a round."""
    monkeypatch.setattr(text_steps, "NETWORKS", {"small": [8]})
    monkeypatch.setattr(sparse_products, "_count", lambda *_: 1)
    rows = text_steps.steps(CPU, repeats=2, seconds=0.001)
    assert [row["contender"] for row in rows[:3]] == ["dense", "terms", "dense again"]
    assert len(rows) == 3 + 4
    assert all(row["ms"] > 0 and row["repeats"] == 2 for row in rows)
