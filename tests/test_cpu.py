"""Sweeps: what torch computes, to its precision, and the same bits wherever the numbers lie."""

import logging

import pytest
import torch
from torch import Tensor

from pipeline.cpu import compiled, layers

SHAPES = [(1000, 1000), (784, 1000), (513, 777), (2048, 129)]
BATCHES = [1, 10, 13, 16]
DIRECTIONS = ["as it lies", "transposed"]


@pytest.fixture(autouse=True)
def _compiler() -> None:
    assert layers.works()


def layer(K: int, B: int, I: int, O: int, direction: str = "as it lies") -> tuple[Tensor, ...]:  # noqa: E741
    """Return inputs, weights, biases and gradients of K layers, each weight of which matters."""
    draws = torch.Generator().manual_seed(I + O + B)
    x, delta = torch.randn(K, B, I, generator=draws), torch.randn(K, B, O, generator=draws)
    W, b = torch.randn(K, I, O, generator=draws), torch.randn(K, 1, O, generator=draws)
    if direction == "transposed":
        W = W.mT.contiguous().mT
    return x, W, b, delta


def off(found: Tensor, true: Tensor) -> float:
    """Return the distance from what float64 gives, relative to it."""
    return float((found - true).norm() / true.norm())


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sweeps_are_as_exact_as_torch(shape: tuple[int, int], batch: int, direction: str) -> None:
    """Forward, input gradient and update are no further from float64 than twice what torch is."""
    x, W, b, delta = layer(2, batch, *shape, direction)
    exact_x, exact_W, exact_b, exact_delta = (t.double() for t in (x, W, b, delta))
    assert layers.suit(x, W)
    z, true = layers.forward(x, W, b), torch.baddbmm(exact_b, exact_x, exact_W)
    assert off(z, true) <= 2 * off(torch.baddbmm(b, x, W), true)
    torch_below, torch_W = torch.bmm(delta, W.mT), torch.baddbmm(W, x.mT, delta)
    below = layers.descend_(x, W, delta, below=True)
    assert below is not None
    true = torch.bmm(exact_delta, exact_W.mT)
    assert off(below, true) <= 2 * off(torch_below, true)
    true = torch.baddbmm(exact_W, exact_x.mT, exact_delta)
    assert off(W, true) <= 2 * off(torch_W, true)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_update_is_the_same_without_the_gradient(direction: str) -> None:
    """The lowest layer, which needs no input gradient, learns what another would."""
    x, W, _, delta = layer(1, 10, 784, 1000, direction)
    other = W.mT.clone().mT if direction == "transposed" else W.clone()
    assert layers.descend_(x, W, delta, below=True) is not None
    assert layers.descend_(x, other, delta, below=False) is None
    assert torch.equal(W, other)


def step(x: Tensor, W: Tensor, b: Tensor, delta: Tensor) -> list[Tensor]:
    z = layers.forward(x, W, b)
    below = layers.descend_(x, W, delta, below=True)
    assert below is not None
    return [z, below, W]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("shape", [(1000, 1000), (513, 777)], ids=str)
def test_a_network_has_the_same_bits_in_any_slot(shape: tuple[int, int], direction: str) -> None:
    """Each of seven networks ends as it does alone, wherever in memory it is then."""
    parts = layer(7, 10, *shape, direction)
    lone = [[_moved(part[k : k + 1], k) for part in parts] for k in range(7)]
    together = step(*parts)
    for k, mine in enumerate(lone):
        for one, of_all in zip(step(*mine), together, strict=True):
            assert torch.equal(one, of_all[k : k + 1])


def _moved(tensor: Tensor, floats: int) -> Tensor:
    """Return a copy that lies so many floats past where torch would put it."""
    if not tensor.is_contiguous():
        return _moved(tensor.mT, floats).mT
    room = torch.empty(tensor.numel() + floats)
    return room[floats:].view(tensor.shape).copy_(tensor)


@pytest.mark.parametrize("width", [4, 8, 16])
@pytest.mark.parametrize("direction", ["down", "across"])
def test_other_processors_registers(direction: str, width: int) -> None:
    """Registers of any width give the same weights, and nothing is touched beyond the matrices."""
    B, R, C = 3, 67, 37
    draws = torch.Generator().manual_seed(0)
    rows, columns = torch.randn(B, R, generator=draws), torch.randn(B, C, generator=draws)
    room, out = torch.randn(R * C + 64, generator=draws), torch.zeros(B * max(R, C) + 64)
    W, before = room[: R * C].view(R, C), room.clone()
    run = compiled.compiled(direction, B, products=True, update=True, width=width)
    run(*(t.data_ptr() for t in (room, rows, columns, out)), R, C)
    old = before[: R * C].view(R, C)
    torch.testing.assert_close(W, old + rows.T @ columns)
    product = rows @ old if direction == "down" else columns @ old.T
    torch.testing.assert_close(out[: product.numel()].view_as(product), product)
    assert torch.equal(room[R * C :], before[R * C :])
    assert not out[product.numel() :].any()


def test_small_layers_stay_with_torch() -> None:
    """Layers of digits' size, softmax layers, many rows, other types: not for sweeps."""
    for shape in ((10, 64, 200), (10, 400, 400), (10, 1000, 10), (50, 1000, 1000)):
        x, W, _, _ = layer(1, *shape)
        assert not layers.suit(x, W)
    x, W, _, _ = layer(1, 10, 1000, 1000)
    assert not layers.suit(x.double(), W.double())
    assert not layers.suit(x, layer(1, 10, 1000, 2000)[1][:, :, ::2])


def test_who_shares_the_stack_changes_no_path() -> None:
    """The choice does not depend on K."""
    chosen = {layers.suit(*layer(K, 10, 512, 512)[:2]) for K in (1, 2, 7)}
    assert chosen == {True}


def test_a_processor_that_cannot_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without fused multiply-adds torch does it all, and the log has one line."""
    monkeypatch.setattr(compiled.binding, "get_process_triple", lambda: "x86_64-unknown")
    monkeypatch.setattr(compiled.binding, "get_host_cpu_features", dict)
    layers.works.cache_clear()
    compiled.compiled.cache_clear()
    x, W, _, _ = layer(1, 10, 1000, 1000)
    with caplog.at_level(logging.WARNING):
        assert not layers.suit(x, W)
        assert not layers.suit(x, W)
    assert caplog.text.count("no fused multiply-adds") == 1
    layers.works.cache_clear()
