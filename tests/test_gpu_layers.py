"""Fused GPU kernels: the networks of plain torch, for any population.

Where there is no GPU, Triton's interpreter runs them on the CPU.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from pipeline.config.params import Activation
from pipeline.finetuning import backprop
from pipeline.networks import hidden_layer, linear, population
from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Units
from pipeline.networks.arithmetic import running
from pipeline.networks.hidden_layer import ActivationBackward
from pipeline.networks.kernels.gpu import layers
from pipeline.networks.population import Population, Tensors
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder
from pipeline.pretraining.autoencoder import Autoencoder

WHERE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
K, B, WIDTHS = 2, 3, [7, 12, 33, 5]
UNITS = [("rectifier", True), ("tanh", False), ("softplus", True)]
STEPS = 2
SHARE = 1e-5  # of the distance moved, that fused and plain networks may be apart


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Compute all layers by the GPU kernels; yield the names of the kernels that ran."""
    pytest.importorskip("triton")
    ran: list[str] = []
    launch = layers._launch

    def noted(name, *args, **shape) -> bool:  # type: ignore[no-untyped-def]
        ran.append(name)
        with _disable_current_modes():
            return launch(name, *args, **shape)

    monkeypatch.setattr(layers, "_launch", noted)
    monkeypatch.setattr(layers, "_triton", layers._Triton())
    monkeypatch.setattr(layers, "DEVICES", {WHERE.type})
    monkeypatch.setattr(running, "compiled_kernels", lambda: None)
    yield ran
    assert not layers._triton.failed


def by_torch(act: Callable[[], Any]) -> Any:
    """Return what a function returns when no layer is computed by the GPU kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "DEVICES", set())
        return act()


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(WHERE)


def signs_of(values: torch.Tensor) -> torch.Tensor:
    return torch.where(values > 0, 1.0, -1.0)


def make_units(function: str, k: int = K) -> Units:
    return Units(functions.FUNCTIONS[function], draw(k, 1, 1, seed=9).abs() + 0.5)


SHAPES = [
    (1, 1, 5, 3, False, "rectifier", True),
    (1, 10, 37, 33, False, "tanh", False),
    (2, 16, 36, 8, False, "softplus", True),
    (1, 3, 33, 37, True, "softplus", False),
    (2, 3, 40, 36, True, "rectifier", True),
    (1, 2, 70, 66, True, "tanh", True),
]


@pytest.mark.parametrize(("k", "b", "i", "o", "transposed", "function", "negated"), SHAPES)
def test_a_layer_equals_plain_torch(
    fused: list[str], k: int, b: int, i: int, o: int, transposed: bool, function: str, negated: bool
) -> None:
    """Forward and backward through the units below, at even and odd sizes, transposed or not."""
    W = draw(k, o, i).mT if transposed else draw(k, i, o)
    bias, below, above = draw(k, 1, o, seed=1), make_units(function, k), draw(k, b, o, seed=3)
    step = Step.of(torch.full((k,), 0.1).to(WHERE), torch.full((k,), 0.3).to(WHERE), b)
    signs_I, signs_O = (signs_of(draw(k, 1, n, seed=4)) if negated else None for n in (i, o))
    h = hidden_layer.outputs(draw(k, b, i, seed=2), draw(k, i, i), draw(k, 1, i), below, signs_I)

    def run() -> list[torch.Tensor]:
        W_KIO = W.mT.clone().mT if transposed else W.clone()
        bias_K1O = bias.clone()
        up = hidden_layer.outputs(h, W_KIO, bias_K1O, make_units(function, k), signs_O)
        linear_up = linear.forward(h, W_KIO, bias_K1O)
        passage = ActivationBackward(below, signs_I, None, step)
        down = hidden_layer.backward_and_update_(h.clone(), W_KIO, bias_K1O, above, passage)
        linear_down = linear.backward_and_update_(h, W_KIO, bias_K1O, above)
        assert linear_down is not None
        assert linear.backward_and_update_(h, W_KIO, bias_K1O, above, below=False) is None
        return [up, linear_up, down, linear_down, W_KIO, bias_K1O]

    mine = run()
    assert fused.count("forward") == 3
    assert fused.count("backward_and_update") == 3
    plain = by_torch(run)
    assert len(fused) == 6
    for one, other in zip(mine, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-5)


def make_population(function: str, negated: bool) -> Population:
    unit = Activation(
        function=function, l1=0.0, half_negated=negated, reconstruction="softplus", hardness=1.0
    )
    networks = population.initialize("test", WIDTHS, range(K), unit)
    networks.tensors["hardness"] = torch.tensor([1.0, 2.5]).view(K, 1, 1)
    return networks.to(WHERE)


RATES, L1 = torch.tensor([0.1, 0.5]), torch.tensor([0.0, 0.1])


def train(function: str, negated: bool, order: list[int]) -> Tensors:
    networks = make_population(function, negated).select(order)
    y = torch.arange(K * B).view(K, B).remainder(WIDTHS[-1]).to(WHERE)
    step = Step.of(RATES[order].to(WHERE), L1[order].to(WHERE), B)
    for turn in range(STEPS):
        x = draw(K, B, WIDTHS[0], seed=turn)
        backprop.supervised_step_(networks, x[order], y[order], step)
    return networks.tensors


def make_autoencoder(function: str, negated: bool, tied: bool) -> Autoencoder:
    return autoencoder.autoencoder(
        make_population(function, negated),
        1,
        reconstruction="sigmoid" if function == "tanh" else "softplus",
        decoder_KIO=None if tied else draw(K, *WIDTHS[1:3], seed=5) / 5,
        bounds=(0, 1),
    )


def denoise(function: str, negated: bool, tied: bool, order: list[int]) -> Tensors:
    auto = make_autoencoder(function, negated, tied)
    auto = Autoencoder(
        population.select(auto.tensors, order), function, auto.reconstruction, auto.symmetric
    )
    step = Step.of(RATES[order].to(WHERE) / 5, L1[order].to(WHERE), B)
    for turn in range(STEPS):
        x = draw(K, B, WIDTHS[1], seed=turn).sigmoid()[order]
        noisy = x * (draw(K, B, WIDTHS[1], seed=turn + 9)[order] > -0.6)
        autoencoder.denoising_step_(auto, x, noisy, step)
    return auto.tensors


def assert_close_to_plain(start: Tensors, plain: Tensors, mine: Tensors) -> None:
    for k in range(K):
        origin, there, here = (
            torch.cat([tensor[k].flatten() for tensor in tensors.values()])
            for tensors in (start, plain, mine)
        )
        assert (there - here).norm() <= SHARE * (there - origin).norm()


def assert_independent_of_the_population(
    mine: Tensors, others: dict[tuple[int, ...], Tensors]
) -> None:
    for order, tensors in others.items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, mine[name][list(order)]), (order, name)


@pytest.mark.parametrize(("function", "negated"), UNITS)
def test_networks_are_the_same_on_both_paths(
    fused: list[str], function: str, negated: bool
) -> None:
    """After some steps the relative distance to torch's network is below 1e-5; a network's bits are
    the same alone and among others in any order."""
    mine = train(function, negated, [0, 1])
    others = {tuple(order): train(function, negated, order) for order in ([1], [1, 0])}
    assert fused.count("softmax_delta") == 3 * STEPS
    assert_independent_of_the_population(mine, others)
    plain = by_torch(lambda: train(function, negated, [0, 1]))
    assert_close_to_plain(make_population(function, negated).tensors, plain, mine)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("function", "negated"), UNITS)
def test_autoencoders_are_the_same_on_both_paths(
    fused: list[str], function: str, negated: bool, tied: bool
) -> None:
    """Auto-encoders, tied and untied, are as close to torch's and as independent."""
    mine = denoise(function, negated, tied, [0, 1])
    others = {tuple(order): denoise(function, negated, tied, order) for order in ([1], [1, 0])}
    assert fused.count("backward_and_update") == 3 * STEPS * 2
    assert_independent_of_the_population(mine, others)
    plain = by_torch(lambda: denoise(function, negated, tied, [0, 1]))
    assert_close_to_plain(make_autoencoder(function, negated, tied).tensors, plain, mine)


def test_a_step_is_nine_kernels(fused: list[str]) -> None:
    """A step on three layers launches seven kernels, and allocates no tensor of the size of a
    layer's weights."""
    networks, made = make_population("rectifier", negated=True), []
    x, y = draw(K, B, WIDTHS[0]), torch.zeros(K, B, dtype=torch.long, device=WHERE)
    step = Step.of(RATES.to(WHERE), L1.to(WHERE), B)

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            out = func(*args, **(kwargs or {}))
            made.append((func.overloadpacket._qualified_op_name, tuple(out.shape)))
            return out

    with Watch():
        backprop.supervised_step_(networks, x, y, step)
    assert sorted(fused) == ["backward_and_update"] * 3 + ["forward"] * 3 + ["softmax_delta"]
    assert {name for name, _ in made} <= {"aten::empty_like", "aten::new_empty", "aten::empty"}
    assert not {shape for _, shape in made} & {
        tuple(networks.W_KIO(layer).shape) for layer in range(3)
    }


def test_nan_stays_nan(fused: list[str]) -> None:
    """Units pass NaN on, so that divergence is detected."""
    for function, _ in UNITS:
        x = torch.full((1, 2, 5), torch.nan, device=WHERE)
        h = hidden_layer.outputs(x, draw(1, 5, 4), draw(1, 1, 4), make_units(function, 1), None)
        assert h.isnan().all()


def test_large_batches_and_other_types_go_the_plain_way(fused: list[str]) -> None:
    """Mini-batches above 16 rows, and float64, are left to torch."""
    linear.forward(draw(2, 17, 5), draw(2, 5, 4), draw(2, 1, 4))
    linear.forward(draw(2, 3, 5).double(), draw(2, 5, 4).double(), draw(2, 1, 4).double())
    assert not fused


def test_units_that_the_kernels_do_not_know(fused: list[str]) -> None:
    """Layers of other units: the linear part is fused, torch computes the unit."""
    made = train("elu", False, [0, 1])
    assert fused.count("backward_and_update") == 3 * STEPS
    plain = by_torch(lambda: train("elu", False, [0, 1]))
    assert_close_to_plain(make_population("elu", False).tensors, plain, made)


@pytest.mark.parametrize("broken", ["missing", "does not compile"])
def test_without_kernels_training_goes_on_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    """Fallback without Triton, or after a compilation error: torch's bits, one warning."""
    monkeypatch.setattr(running, "compiled_kernels", lambda: None)
    plain = train("rectifier", True, [0, 1])
    monkeypatch.setattr(layers, "DEVICES", {WHERE.type})
    monkeypatch.setattr(layers, "_triton", layers._Triton())
    if broken == "missing":
        monkeypatch.setitem(sys.modules, "pipeline.networks.kernels.gpu.kernels", None)
        monkeypatch.delattr("pipeline.networks.kernels.gpu.kernels", raising=False)
    else:

        class Kernels:
            def __getattr__(self, name: str) -> None:
                raise RuntimeError("Failed to find C compiler\nand more")

        monkeypatch.setattr(layers, "_triton", layers._Triton(Kernels()))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        made = train("rectifier", True, [0, 1])
    assert all(torch.equal(made[name], plain[name]) for name in plain)
    assert len(caplog.records) == 1
    said = caplog.records[0].getMessage()
    assert ("not installed" if broken == "missing" else "Failed to find C compiler") in said
    assert "\n" not in said
