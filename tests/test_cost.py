"""Benchmarks of sparsity: products and steps agree, every row is there; no test depends on time."""

from pathlib import Path

import pytest
import torch

from benchmarks import sparse_products, text_steps
from pipeline.claims import verdicts
from pipeline.claims.groups import Group
from pipeline.claims.sparse_products import CPU as CPU_COST
from pipeline.claims.sparse_products import ON_CPU
from pipeline.runtime import storage
from stages.cost import main as measure

CPU = torch.device("cpu")


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("direction", sparse_products.PRODUCTS)
def test_products_agree(direction: str, zeros: float) -> None:
    """Every contender computes what the dense product computes."""
    sparse_products.check(direction, zeros, CPU)


def test_a_wrong_product_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong product is not timed."""
    wrong = sparse_products.PRODUCTS["forward"] | {"wrong": lambda h, W, delta: h @ W * 1.001}
    monkeypatch.setitem(sparse_products.PRODUCTS, "forward", wrong)
    with pytest.raises(ArithmeticError, match=r"wrong \(forward, 50% zeros\) is off by"):
        sparse_products.check("forward", 0.5, CPU)


def test_operands_have_their_share_of_zeros() -> None:
    """Each row has exactly the share asked for."""
    h_BI = sparse_products.operands(0.85, CPU)[0]
    assert ((h_BI == 0).sum(1) == 850).all()


def test_every_contender_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each direction, share and contender is timed and shown."""
    monkeypatch.setattr(sparse_products, "ZEROS", (0.5, 0.99))
    rows = sparse_products.products(CPU, repeats=2, seconds=0.0001)
    assert len(rows) == 2 * (5 + 5 + 4)
    assert all(row["ms"] > 0 and row["repeats"] == 2 for row in rows)
    assert set(sparse_products.units(CPU, repeats=2, seconds=0.0001)) == set(sparse_products.UNITS)


def test_gradients_are_zero_at_inactive_units() -> None:
    """The gradient at the inputs is that of a rectifier: autograd's, 0 where the output is 0."""
    h_BI, W_IO, delta_BO = operands = sparse_products.operands(0.85, CPU)
    z_BI = torch.where(h_BI > 0, h_BI, -1.0).requires_grad_()
    (torch.relu(z_BI) @ W_IO).backward(delta_BO)
    for product in sparse_products.PRODUCTS["backward"].values():
        torch.testing.assert_close(product(*operands), z_BI.grad, rtol=1e-4, atol=1e-4)


def test_a_device_leaves_the_others_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured again, a device's times are replaced; those of the other device stay."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.setattr(sparse_products, "ZEROS", (0.85,))
    storage.write_json(Path("results/cost.json"), {"cuda": "kept", "cpu": "old"})
    measure(repeats=2, seconds=0.001)
    found = storage.read_json(Path("results/cost.json"))
    assert found["cuda"] == "kept"
    assert found["cpu"]["machine"]["device"] == "cpu"
    assert len(found["cpu"]["products"]) == 5 + 5 + 4


def measured(speeds: dict[tuple[str, float], float]) -> dict[str, Group]:
    """Return the groups of products that skip zeros this many times as fast as dense ones."""
    rows = [
        {"direction": direction, "zeros": zeros, "contender": name, "times_the_speed": speed}
        for (direction, zeros), fast in speeds.items()
        for name, speed in (("dense", 1.0), ("dense again", 9.0), ("slow", 0.1), ("fast", fast))
    ]
    units = {"rectifier": {"ms": 1.0}, "tanh": {"ms": 2.0}, "softplus": {"ms": 4.0}}
    return ON_CPU.groups({"products": rows, "units": units})


@pytest.mark.parametrize("slow", [None, "forward", "update"])
def test_zeros_save_computation_if_they_do_in_every_direction(slow: str | None) -> None:
    """Counted: one direction in which skipping 85% zeros is slower contradicts the claim."""
    speeds = {(way, 0.85): 0.8 if way == slow else 1.5 for way in ("forward", "update")}
    rows = verdicts.judge(
        "digits", {CPU_COST: measured(speeds)}, confidence=0.95, significance=0.05
    )
    found = {row["number"]: row for row in rows}
    assert found["16b"]["verdict"] == ("contradicted" if slow else "supported")
    assert found["16b"]["estimate"] == pytest.approx(1 / 0.8 if slow else 1 / 1.5)
    assert (found["16a"]["verdict"], found["16a"]["estimate"]) == ("supported", 0.5)
    assert found["32a"]["verdict"] == "contradicted"  # 85% are below 90%, and pay forward
    assert found["32b"]["reason"].startswith("Times were not measured on a GPU")


def test_few_zeros_that_never_pay_support_the_critics() -> None:
    """At 90% and above zeros may pay: the critics speak of fewer."""
    speeds = {("forward", 0.5): 0.3, ("forward", 0.85): 0.9, ("forward", 0.95): 3.0}
    rows = verdicts.judge(
        "digits", {CPU_COST: measured(speeds)}, confidence=0.95, significance=0.05
    )
    (row,) = [row for row in rows if row["number"] == "32a"]
    assert (row["verdict"], row["n"]) == ("supported", 2)


def test_steps_agree() -> None:
    """Sparse and dense steps give the same weights, to 1e-6 of their size."""
    assert text_steps.check(CPU) < 1e-6


def test_a_wrong_step_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step with wrong weights is not timed."""
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
    """Each text has 30 of 5,000 terms."""
    assert (text_steps.texts(CPU).dense().sum(2) == 30).all()


def test_every_step_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step and contender is timed once a round."""
    monkeypatch.setattr(text_steps, "NETWORKS", {"small": [8]})
    monkeypatch.setattr(sparse_products, "_count", lambda *_: 1)
    rows = text_steps.steps(CPU, repeats=2, seconds=0.001)
    assert [row["contender"] for row in rows[:3]] == ["dense", "terms", "dense again"]
    assert len(rows) == 3 + 4
    assert all(row["ms"] > 0 and row["repeats"] == 2 for row in rows)
