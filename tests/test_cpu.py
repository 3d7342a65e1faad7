"""CPU kernels: as exact as torch; the same bits for any K and any memory address."""

import logging
from typing import Any

import pytest
import torch
from torch import Tensor, is_tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pipeline.config.params import Activation
from pipeline.finetuning import backprop
from pipeline.networks import hidden_layer, population
from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Units
from pipeline.networks.hidden_layer import ActivationBackward
from pipeline.networks.kernels.cpu import kernels, layers
from pipeline.networks.step import Step

SHAPES = [(1000, 1000), (784, 1000), (513, 777), (64, 200), (200, 10), (17, 8)]
BATCHES = [1, 10, 13, 16]
DIRECTIONS = ["as it lies", "transposed"]
RECTIFIER = Units(functions.FUNCTIONS["rectifier"], torch.ones(2, 1, 1))


@pytest.fixture(autouse=True)
def _compiler() -> None:
    assert layers.compiled_kernels() is not None


def layer(K: int, B: int, I: int, O: int, direction: str = "as it lies") -> tuple[Tensor, ...]:  # noqa: E741
    """Return inputs, weights, biases and output gradients of K layers."""
    draws = torch.Generator().manual_seed(I + O + B)
    x, delta = torch.randn(K, B, I, generator=draws), torch.randn(K, B, O, generator=draws)
    W, b = torch.randn(K, I, O, generator=draws), torch.randn(K, 1, O, generator=draws)
    if direction == "transposed":
        W = W.mT.contiguous().mT
    return x, W, b, delta


def off(found: Tensor | None, true: Tensor) -> float:
    """Return the relative distance from the float64 result."""
    assert found is not None
    return float((found - true).norm() / true.norm())


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernels_are_as_exact_as_torch(shape: tuple[int, int], batch: int, direction: str) -> None:
    """Errors of forward, input gradient and update are at most twice those of torch."""
    x, W, b, delta = layer(2, batch, *shape, direction)
    exact_x, exact_W, exact_b, exact_delta = (t.double() for t in (x, W, b, delta))
    assert layers.supports(x, W)
    true = torch.baddbmm(exact_b, exact_x, exact_W)
    assert off(layers.forward(x, W, b), true) <= 2 * off(torch.baddbmm(b, x, W), true)
    torch_below, torch_W = torch.bmm(delta, W.mT), torch.baddbmm(W, x.mT, delta)
    done, below = layers.backward_and_update_(x, W, b, delta, below=True)
    assert done
    true = torch.bmm(exact_delta, exact_W.mT)
    assert off(below, true) <= 2 * off(torch_below, true)
    true = torch.baddbmm(exact_W, exact_x.mT, exact_delta)
    assert off(W, true) <= 2 * off(torch_W, true)
    torch.testing.assert_close(b, (exact_b + exact_delta.sum(1, keepdim=True)).float())


@pytest.mark.parametrize("penalized", [True, False])
@pytest.mark.parametrize("negated", [True, False])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_fused_rectifiers_equal_torch(direction: str, negated: bool, penalized: bool) -> None:
    """Units, signs and penalty inside the kernels: the same numbers as by torch."""
    _, W, b, delta = layer(2, 10, 200, 37, direction)
    below_x, below_W, below_b, _ = layer(2, 10, 50, 200)
    draws = torch.Generator().manual_seed(0)
    signs = [
        torch.where(torch.randn(2, 1, n, generator=draws) > 0, 1.0, -1.0) if negated else None
        for n in (200, 37)
    ]
    step = Step.of(torch.full((2,), 0.1), torch.full((2,), 0.3 * penalized), 10)

    def run() -> list[Tensor]:
        h = hidden_layer.outputs(below_x, below_W, below_b, RECTIFIER, signs[0])
        weights, bias = W.mT.clone().mT if direction == "transposed" else W.clone(), b.clone()
        up = hidden_layer.outputs(h, weights, bias, RECTIFIER, signs[1])
        passage = ActivationBackward(RECTIFIER, signs[0], None, step)
        down = hidden_layer.backward_and_update_(h.clone(), weights, bias, delta, passage)
        return [h, up, down, weights, bias]

    fused = run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "supports", lambda x, W: False)
        plain = run()
    for one, other in zip(fused, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-5)
    assert 0.3 < (fused[2] == 0).float().mean() < 0.7


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_update_is_the_same_without_the_gradient(direction: str) -> None:
    """The update does not depend on whether the input gradient is computed."""
    x, W, b, delta = layer(1, 10, 784, 1000, direction)
    other = W.mT.clone().mT if direction == "transposed" else W.clone()
    layers.backward_and_update_(x, W, b, delta, below=True)
    assert layers.backward_and_update_(x, other, b, delta, below=False) == (True, None)
    assert torch.equal(W, other)


def step(x: Tensor, W: Tensor, b: Tensor, delta: Tensor) -> list[Tensor]:
    z = layers.forward(x, W, b)
    _, below = layers.backward_and_update_(x, W, b, delta, below=True)
    assert z is not None
    assert below is not None
    return [z, below, W, b]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("shape", [(1000, 1000), (513, 777), (64, 200), (200, 10)], ids=str)
def test_a_network_has_the_same_bits_at_any_position(
    shape: tuple[int, int], direction: str
) -> None:
    """Each of seven networks ends as it does alone, at another address."""
    parts = layer(7, 10, *shape, direction)
    lone = [[_moved(part[k : k + 1], k) for part in parts] for k in range(7)]
    together = step(*parts)
    for k, part in enumerate(lone):
        for one, of_all in zip(step(*part), together, strict=True):
            assert torch.equal(one, of_all[k : k + 1])


def _moved(tensor: Tensor, floats: int) -> Tensor:
    """Return a copy whose address is shifted by `floats` floats."""
    if not tensor.is_contiguous():
        return _moved(tensor.mT, floats).mT
    room = torch.empty(tensor.numel() + floats)
    return room[floats:].view(tensor.shape).copy_(tensor)


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs"), [(1000, 784, 1000), (43, 513, 77), (17, 8, 10)]
)
def test_many_rows_are_as_exact_as_torch(rows: int, inputs: int, outputs: int) -> None:
    """The product of evaluation is exact, and an example's result does not depend on the others."""
    x, W, b, _ = layer(2, rows, inputs, outputs)
    true = torch.baddbmm(b.double(), x.double(), W.double())
    found = layers.forward(x, W, b)
    assert found is not None
    assert off(found, true) <= 2 * off(torch.baddbmm(b, x, W), true)
    some = layers.forward(x[:, : rows - 9], W, b)
    assert some is None or torch.equal(some, found[:, : rows - 9]) or rows - 9 <= layers.MAX_ROWS
    torch.testing.assert_close(layers.forward(x, W, b, RECTIFIER), found.relu())


@pytest.mark.parametrize("width", [4, 8, 16])
def test_rows_are_added_as_torch_adds_them(width: int) -> None:
    """Repeated rows are added in order: the bits of index_add_, and no write out of bounds."""
    draws = torch.Generator().manual_seed(0)
    for O in (3, 37, 300):  # noqa: E741
        delta, room = torch.randn(4, O, generator=draws), torch.randn(9 * O + 64, generator=draws)
        starts, places = torch.tensor([0, 3, 3, 5, 9]), torch.tensor([1, 0, 8, 8, 1, 5, 8, 0, 2])
        before, W = room.clone(), room[: 9 * O].view(9, O)
        plain = W.clone().index_add_(0, places, delta[[0, 0, 0, 2, 2, 3, 3, 3, 3]])
        run = kernels.compiled_kernel("scatter", None, width=width)
        run(*(t.data_ptr() for t in (W, starts, places, delta)), O, len(delta))
        assert torch.equal(W, plain)
        assert torch.equal(room[9 * O :], before[9 * O :])
        assert not torch.equal(W, before[: 9 * O].view(9, O))


@pytest.mark.parametrize("width", [4, 8, 16])
@pytest.mark.parametrize("transposed", [True, False])
def test_registers_of_other_processors(transposed: bool, width: int) -> None:
    """Registers of any width give the same numbers, without a write out of bounds."""
    K, B, I, O = 2, 3, 37, 67  # noqa: E741
    x, W, b, delta = layer(K, B, I, O)
    lies = W.mT.contiguous() if transposed else W
    room = torch.cat([lies.flatten(), torch.arange(64.0)])
    h, below = torch.zeros(K * B * O + 64), torch.zeros(K * B * I + 64)
    options = {"transposed": transposed, "rectifier": False, "negated": False}
    forward = kernels.compiled_kernel("forward", B, width=width, **options)
    forward(*(t.data_ptr() for t in (x, room, b, h)), None, B, I, O, K)
    torch.testing.assert_close(h[: K * B * O].view(K, B, O), torch.baddbmm(b, x, W))
    many = torch.zeros(K * B * O + 64)
    if not transposed:
        run = kernels.compiled_kernel("forward", None, width=width, **options)
        run(*(t.data_ptr() for t in (x, room, b, many)), None, B, I, O, K)
        torch.testing.assert_close(many, h)
    back = kernels.compiled_kernel(
        "backward_and_update", B, width=width, below=True, penalized=False, **options
    )
    mine = b.clone()
    back(*(t.data_ptr() for t in (x, room, mine, delta, below)), None, None, B, I, O, K)
    torch.testing.assert_close(below[: K * B * I].view(K, B, I), torch.bmm(delta, W.mT))
    moved = torch.baddbmm(W, x.mT, delta)
    torch.testing.assert_close(room[:-64].view(lies.shape), moved.mT if transposed else moved)
    torch.testing.assert_close(mine, b + delta.sum(1, keepdim=True))
    assert torch.equal(room[-64:], torch.arange(64.0))
    assert not any(out[-64:].any() for out in (h, below, many))


def test_unsupported_layers_are_left_to_torch() -> None:
    """Narrow layers, other dtypes, and slices of weights are not supported."""
    for shape in ((10, 7, 200), (10, 1000, 2)):
        assert not layers.supports(*layer(1, *shape)[:2])
    x, W, b, delta = layer(1, 50, 1000, 1000)
    assert not layers.supports(x.double(), W.double())
    assert not layers.supports(x, layer(1, 10, 1000, 2000)[1][:, :, ::2])
    assert layers.forward(x, W.mT.contiguous().mT, b) is None
    assert layers.backward_and_update_(x, W, b, delta, below=True) == (False, None)


def test_support_does_not_depend_on_K() -> None:
    """Kernels support a layer for every K or for none."""
    chosen = {layers.supports(*layer(K, 10, 512, 512)[:2]) for K in (1, 2, 7)}
    assert chosen == {True}


class Allocations(TorchDispatchMode):
    """Records the sizes of the tensors that operations allocate."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        known = {t.untyped_storage().data_ptr() for t in tree_leaves(args) if is_tensor(t)}
        for tensor in filter(is_tensor, tree_leaves(made)):
            if tensor.untyped_storage().data_ptr() not in known:
                self.numbers.append(tensor.numel())
        return made


@pytest.mark.parametrize("widths", [(64, 200, 200, 10), (7, 600, 600, 5)], ids=str)
@pytest.mark.parametrize("K", [1, 7])
def test_no_gradient_of_weights_is_allocated(K: int, widths: tuple[int, ...]) -> None:
    """A step allocates no tensor of a weight matrix's size, with kernels or by torch."""
    unit = Activation(function="rectifier", l1=0.001, half_negated=False, reconstruction="softplus")
    networks = population.initialize("digits", widths, range(K), unit)
    rates_K = torch.full((K,), 0.1)
    x, y = torch.rand(K, 10, widths[0]), torch.randint(widths[-1], (K, 10))
    size = Step.of(rates_K, rates_K * 0.01, 10)
    before = networks.W_KIO(1).clone()
    with Allocations() as made:
        backprop.supervised_step_(networks, x, y, size)
    assert not torch.equal(before, networks.W_KIO(1))
    assert made.numbers
    assert max(made.numbers) <= K * 10 * max(widths)


def test_missing_kernels_are_warned_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without fused multiply-adds torch computes everything, with one warning."""
    monkeypatch.setattr(kernels.binding, "get_process_triple", lambda: "x86_64-unknown")
    monkeypatch.setattr(kernels.binding, "get_host_cpu_features", dict)
    layers.compiled_kernels.cache_clear()
    kernels.compiled_kernel.cache_clear()
    x, W, _, _ = layer(1, 10, 1000, 1000)
    with caplog.at_level(logging.WARNING):
        assert not layers.supports(x, W)
        assert not layers.supports(x, W)
    assert caplog.text.count("no fused multiply-adds") == 1
    layers.compiled_kernels.cache_clear()
