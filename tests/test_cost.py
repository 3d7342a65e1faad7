"""What zeros save: every product is right, every row is there; nothing is said of time."""

import pytest
import torch

from pipeline import cost
from pipeline.report import readme

CPU = torch.device("cpu")


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("direction", cost.PRODUCTS)
def test_products_agree(direction: str, zeros: float) -> None:
    """Every contender computes what the dense product computes."""
    cost.check(direction, zeros, CPU)


def test_a_wrong_product_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who computes something else is not timed."""
    wrong = cost.PRODUCTS["forward"] | {"wrong": lambda h, W, delta: h @ W * 1.001}
    monkeypatch.setitem(cost.PRODUCTS, "forward", wrong)
    with pytest.raises(ArithmeticError, match=r"wrong \(forward, 50% zeros\) is off by"):
        cost.check("forward", 0.5, CPU)


def test_operands_have_their_share_of_zeros() -> None:
    """Each row has exactly the share asked for."""
    h_BI = cost.operands(0.85, CPU)[0]
    assert ((h_BI == 0).sum(1) == 850).all()


def test_every_contender_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each direction, share and contender is timed and shown."""
    monkeypatch.setattr(cost, "ZEROS", (0.5, 0.99))
    rows = cost.products(CPU, repeats=2, seconds=0.0001)
    assert len(rows) == 2 * (4 + 3)
    assert all(row["ms"] > 0 and row["repeats"] == 2 for row in rows)
    assert set(cost.units(CPU, repeats=2, seconds=0.0001)) == set(cost.UNITS)
    machine = {"cores": 2, "processor": "x", "torch": "y"}
    text = readme.speed({"machine": machine, "net_steps": {}, "images": {}, "products": rows})
    assert "| forward, rows gathered |" in text
    assert "| update, dense again |" in text
