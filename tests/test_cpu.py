"""CPU kernels: as exact as torch; the same bits for any K and any memory address."""

import logging
import math
from typing import Any

import pytest
import torch
from torch import Tensor, is_tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pipeline.config.params import Activation
from pipeline.finetuning import backprop
from pipeline.networks import hidden_layer, population
from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Units
from pipeline.networks.arithmetic import compiler, elementary, row_kernels, rows, running
from pipeline.networks.hidden_layer import ActivationBackward
from pipeline.networks.kernels.cpu import kernels, layers
from pipeline.networks.step import Step

SHAPES = [(1000, 1000), (784, 1000), (513, 777), (64, 200), (200, 10), (17, 2)]
BATCHES = [1, 10, 13, 40]
DIRECTIONS = ["as it lies", "transposed"]
RECTIFIER = Units(functions.FUNCTIONS["rectifier"], torch.ones(2, 1, 1))


@pytest.fixture(autouse=True)
def _compiler() -> None:
    assert running.compiled_kernels() is not None


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
@pytest.mark.parametrize("name", sorted(layers.UNITS.values()))
def test_fused_units_equal_torch(name: str, direction: str, negated: bool, penalized: bool) -> None:
    """Units, signs and penalty inside the kernels: the same numbers as by torch."""
    _, W, b, delta = layer(2, 10, 200, 37, direction)
    below_x, below_W, below_b, _ = layer(2, 10, 50, 200)
    draws = torch.Generator().manual_seed(0)
    signs = [
        torch.where(torch.randn(2, 1, n, generator=draws) > 0, 1.0, -1.0) if negated else None
        for n in (200, 37)
    ]
    units = Units(functions.FUNCTIONS[name], torch.tensor([0.7, 2.0]).view(2, 1, 1))
    step = Step.of(torch.full((2,), 0.1), torch.full((2,), 0.3 * penalized), 10)

    def run() -> list[Tensor]:
        h = hidden_layer.outputs(below_x / 9, below_W, below_b, units, signs[0])
        weights, bias = W.mT.clone().mT if direction == "transposed" else W.clone(), b.clone()
        up = hidden_layer.outputs(h, weights, bias, units, signs[1])
        passage = ActivationBackward(units, signs[0], None, step)
        down = hidden_layer.backward_and_update_(h.clone(), weights, bias, delta, passage)
        return [h, up, down, weights, bias]

    fused = run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "compiled_kernels", lambda: None)
        plain = run()
    for one, other in zip(fused, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-5)
    assert fused[2].abs().max() > 1


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
    assert some is not None
    assert torch.equal(some, found[:, : rows - 9]) or rows - 9 <= layers.MAX_ROWS
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
        run = compiler.compiled_kernel(row_kernels.scatter, None, width=width)
        run(*(t.data_ptr() for t in (W, starts, places, delta)), O, len(delta))
        assert torch.equal(W, plain)
        assert torch.equal(room[9 * O :], before[9 * O :])
        assert not torch.equal(W, before[: 9 * O].view(9, O))


WIDTHS = [4, 8, 16]  # floats of a register: NEON, AVX2, AVX-512


@pytest.mark.parametrize("unit", [None, "rectifier", "tanh", "softplus"])
@pytest.mark.parametrize("transposed", [True, False])
def test_layers_have_the_same_bits_for_any_register(transposed: bool, unit: str | None) -> None:
    """Registers of any width give the same bits, and write nothing out of bounds."""
    K, B, I, O = 2, 3, 37, 67  # noqa: E741
    x, W, b, delta = layer(K, B, I, O)
    signs, a, l1 = (torch.linspace(0.5, 1.5, K * n).view(K, 1, n) for n in (max(I, O), 1, 1))
    fused = {"transposed": transposed, "unit": unit, "negated": unit is not None}
    lies = W.mT.contiguous() if transposed else W
    results = []
    for width in WIDTHS:
        room = torch.cat([lies.flatten(), torch.arange(64.0)])
        h, below, many = (torch.zeros(K * B * n + 64) for n in (O, I, O))
        run = compiler.compiled_kernel(kernels.forward, B, width=width, **fused)
        run(*(t.data_ptr() for t in (x, room, b, h, signs, a)), B, I, O, K)
        if not transposed:
            run = compiler.compiled_kernel(kernels.forward, None, width=width, **fused)
            run(*(t.data_ptr() for t in (x, room, b, many, signs, a)), B, I, O, K)
        run = compiler.compiled_kernel(
            kernels.backward_and_update,
            B,
            width=width,
            below=True,
            penalized=unit is not None,
            **fused,
        )
        bias = b.clone()
        tensors = (x, room, bias, delta, below, signs, l1, a)
        run(*(t.data_ptr() for t in tensors), B, I, O, K)
        assert torch.equal(room[-64:], torch.arange(64.0))
        assert not any(out[-64:].any() for out in (h, below, many))
        results.append((h, below, many, room, bias))
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            assert torch.equal(one, other)
    if unit is None:
        h, below, *_ = results[0]
        torch.testing.assert_close(h[: K * B * O].view(K, B, O), torch.baddbmm(b, x, W))
        torch.testing.assert_close(below[: K * B * I].view(K, B, I), torch.bmm(delta, W.mT))


def rows_of(count: int) -> dict[str, tuple[dict[str, str], list[Tensor], tuple[int, ...]]]:
    """Return options, inputs and outputs, and integers of each kernel on rows of `count` floats."""
    draws = torch.Generator().manual_seed(count)
    K, B = 3, 5
    x, t = (3 * torch.randn(K, B, count, generator=draws) for _ in range(2))
    y, rate = torch.randint(count, (K, B), generator=draws), torch.tensor([0.5, 1.0, -2.0])
    wide, narrow = torch.zeros(K * B * count + 64), torch.zeros(K * B + 64)
    sizes = (B, count, K)
    return {
        "sums": ({}, [x, narrow], (K * B, count)),
        "log_softmax": ({}, [x, wide], (K * B, count)),
        "softmax_delta": ({}, [x, y, rate, wide, narrow], sizes),
        **{
            f"reconstruct {name}": ({"reconstruction": name}, [x, t, rate, wide, narrow], sizes)
            for name in ("softplus", "scaled", "linear", "rectifier")
        },
        **{
            f"elementwise {name}": ({"function": name}, [x, wide], (x.numel(),))
            for name in elementary.FUNCTIONS
        },
    }


@pytest.mark.parametrize("count", [1, 10, 37, 300])
@pytest.mark.parametrize("name", rows_of(1))
def test_rows_have_the_same_bits_for_any_register(name: str, count: int) -> None:
    """Registers of any width give the same bits, and write nothing out of bounds."""
    results = []
    for width in WIDTHS:
        options, tensors, integers = rows_of(count)[name]
        run = compiler.compiled_kernel(
            getattr(row_kernels, name.split()[0]), width=width, **options
        )
        run(*(tensor.data_ptr() for tensor in tensors), *integers)
        assert not any(out[-64:].any() for out in tensors if out.ndim == 1 and len(out) > 64)
        results.append(tensors)
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            assert torch.equal(one.view(torch.int32), other.view(torch.int32))
    assert count == 1 or any(out.any() for out in results[0][1:])


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_softmax_equals_torch(classes: int) -> None:
    """Gradient and cost are those of torch's cross-entropy, log-softmax those of torch's."""
    draws = torch.Generator().manual_seed(classes)
    scores = (5 * torch.randn(3, 10, classes, generator=draws)).requires_grad_()
    y, rate = torch.randint(classes, (3, 10), generator=draws), torch.tensor([1.0, 0.5, -0.01])
    costs = F.cross_entropy(scores.transpose(1, 2), y, reduction="none")
    costs.sum().backward()
    found = rows.softmax_delta(scores.detach(), y, rate.view(-1, 1, 1))
    assert found is not None
    torch.testing.assert_close(found[0], scores.grad * rate.view(-1, 1, 1))
    torch.testing.assert_close(found[1], costs.detach().mean(1))
    log_p = rows.log_softmax(scores.detach().view(-1, classes))
    torch.testing.assert_close(log_p, scores.detach().view(-1, classes).log_softmax(1))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_softmax_of_what_is_not_finite(value: float) -> None:
    """NaN and infinity give a cost that is not finite; minus infinity is a class of no weight."""
    scores = torch.zeros(1, 2, 5)
    scores[0, 0, 3] = value
    found = rows.softmax_delta(scores, torch.zeros(1, 2, dtype=torch.int64), torch.ones(1, 1, 1))
    assert found is not None
    assert bool(found[1].isfinite()) == (value == -math.inf)


@pytest.mark.parametrize("label", [-1, 5, 2**40])
def test_a_label_that_is_no_class_has_no_cost(label: int) -> None:
    """The cost is NaN, which is a divergence, and nothing is written out of bounds."""
    room = torch.zeros(3, 2, 5)
    y = torch.zeros(1, 2, dtype=torch.int64)
    y[0, 1] = label
    found = rows.softmax_delta(room[1:2], y, torch.ones(1, 1, 1))
    assert found is not None
    assert found[1].isnan().all()
    assert found[0].isfinite().all()


def test_unsupported_layers_are_left_to_torch() -> None:
    """Other dtypes and slices of weights are not supported."""
    x, W, _, _ = layer(1, 50, 1000, 1000)
    assert not layers.supports(x.double(), W.double())
    assert not layers.supports(x, layer(1, 10, 1000, 2000)[1][:, :, ::2])
    assert rows.sums(x.double()) is None
    assert rows.sums(x.mT) is None


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
    monkeypatch.setattr(compiler.binding, "get_process_triple", lambda: "x86_64-unknown")
    monkeypatch.setattr(compiler.binding, "get_host_cpu_features", dict)
    running.compiled_kernels.cache_clear()
    compiler.compiled_kernel.cache_clear()
    x, W, _, _ = layer(1, 10, 1000, 1000)
    with caplog.at_level(logging.WARNING):
        assert not layers.supports(x, W)
        assert not layers.supports(x, W)
    assert caplog.text.count("no fused multiply-adds") == 1
    running.compiled_kernels.cache_clear()
