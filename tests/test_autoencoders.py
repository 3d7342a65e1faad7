"""Denoising auto-encoders against autograd, finite differences and lone auto-encoders."""

import itertools

import pytest
import torch

from pipeline.config.params import Activation
from pipeline.data.splits.encoding import UNBOUNDED
from pipeline.networks import population
from pipeline.networks.population import Population
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder
from pipeline.pretraining.autoencoder import Autoencoder
from pipeline.runtime.errors import Problem
from tests import reference

K, B, WIDTHS = 3, 10, [7, 6, 5, 4]
L1 = torch.tensor([0.0, 0.01, 0.3], dtype=torch.float64)
RATES = torch.tensor([0.02, 0.1, 0.01], dtype=torch.float64)
UNITS = [
    ("rectifier", "softplus", False),
    ("rectifier", "softplus", True),
    ("softplus", "softplus", False),
    ("softplus", "softplus", True),
    ("tanh", "sigmoid", False),
    ("tanh", "sigmoid", True),
    ("tanh", "softplus", False),
    ("rectifier", "linear", True),
    ("rectifier", "scaled", True),
    ("softplus", "scaled", False),
    ("rectifier", "rectifier", True),
    ("tanh", "linear", False),
    ("sigmoid", "sigmoid", True),
    ("absolute", "softplus", True),
    *((name, "linear", True) for name in ("leaky", "prelu", "elu", "gelu", "silu")),
]
CASES = [(*unit, *rest) for unit in UNITS for rest in itertools.product([0, 1], [True, False])]
each_case = pytest.mark.parametrize(
    ("function", "reconstruction", "half_negated", "layer", "tied"), CASES
)


def make(
    function: str,
    reconstruction: str,
    half_negated: bool,
    layer: int,
    tied: bool,
    bounds: tuple[float, float] = (0, 1),
) -> tuple[Population, Autoencoder]:
    unit = Activation(
        function=function,
        hardness=1.0,
        l1=0.0,
        half_negated=half_negated,
        reconstruction=reconstruction,  # type: ignore[arg-type]
    )
    networks = population.initialize("test", WIDTHS, range(K), unit)
    tensors = {name: tensor.double() for name, tensor in networks.tensors.items()}
    tensors["hardness"] = torch.tensor([1.0, 2.5, 0.4], dtype=torch.float64).view(K, 1, 1)
    most = (
        torch.rand(K, 1, WIDTHS[layer], generator=torch.Generator().manual_seed(3)).double() + 0.5
    )
    start = Population(tensors, function)
    auto = autoencoder.autoencoder(
        start,
        layer,
        reconstruction=reconstruction,
        decoder_KIO=None if tied else start.W_KIO(layer).flip(0),
        bounds=bounds,
        scale_K1I=most if reconstruction == "scaled" and layer else None,
    )
    noise = torch.Generator().manual_seed(1)
    for name in {"b", "c", "V"} & set(auto.tensors):
        auto.tensors[name].add_(torch.randn(auto.tensors[name].shape, generator=noise) * 0.3)
    return start, auto


def make_batch(auto: Autoencoder) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(2)
    inputs = auto.tensors["W"].shape[1]
    x = torch.rand(K, B, inputs, generator=draws, dtype=torch.float64)
    x = x * 2 - 1 if auto.symmetric else x
    keep = torch.rand(K, B, inputs, generator=draws) > 0.25
    return x, keep.double()


def signs_of(start: Population, layer: int) -> torch.Tensor:
    """Return the signs [K, 1, O] of a hidden layer's outputs; of the inputs for layer -1."""
    width = WIDTHS[layer + 1]
    signs_K1O = start.signs_K1O(layer) if layer >= 0 else None
    return torch.ones(K, 1, width).double() if signs_K1O is None else signs_K1O


def lone(start: Population, auto: Autoencoder, layer: int, k: int) -> reference.Autoencoder:
    tensors = {name: tensor[k].clone() for name, tensor in auto.tensors.items()}
    return reference.Autoencoder(
        start.W_KIO(layer)[k].clone(),
        tensors["b"][0],
        tensors["c"][0],
        tensors.get("V"),
        signs_of(start, layer)[k, 0],
        signs_of(start, layer - 1)[k, 0],
        auto.function,
        auto.reconstruction,
        auto.symmetric,
        float(tensors["hardness"]),
        tensors["scale"][0] if "scale" in tensors else None,
        tensors["slope"][0] if "slope" in tensors else None,
    )


def parameters(start: Population, auto: Autoencoder, layer: int, k: int) -> list[torch.Tensor]:
    tensors = auto.tensors
    W_KIO = autoencoder.trained_layer(start, layer, tensors)[f"W.{layer}"]
    found = [W_KIO[k], tensors["b"][k, 0], tensors["c"][k, 0]]
    found += [tensors["V"][k]] if "V" in tensors else []
    return found + ([tensors["slope"][k, 0]] if "slope" in tensors else [])


@each_case
def test_step_equals_autograd(function, reconstruction, half_negated, layer, tied) -> None:  # type: ignore[no-untyped-def]
    """After three steps each auto-encoder has the weights of autograd's SGD on it alone."""
    start, auto = make(function, reconstruction, half_negated, layer, tied)
    alone = [lone(start, auto, layer, k) for k in range(K)]
    (x, keep), signs = make_batch(auto), signs_of(start, layer - 1)
    for _ in range(3):
        cost = autoencoder.denoising_step_(auto, x, x * keep, Step.of(RATES, L1, B))
        for k, one in enumerate(alone):
            expected = one.cost(x[k] * signs[k], keep[k], 0.0)[1]
            torch.testing.assert_close(cost[k], expected.detach(), rtol=1e-10, atol=0)
            one.step(x[k] * signs[k], keep[k], rate=float(RATES[k]), l1=float(L1[k]))
    for k, one in enumerate(alone):
        for weights, expected in zip(
            parameters(start, auto, layer, k), one.parameters(), strict=True
        ):
            torch.testing.assert_close(weights, expected.detach(), rtol=1e-10, atol=1e-12)


@each_case
def test_step_equals_finite_differences(
    function, reconstruction, half_negated, layer, tied
) -> None:  # type: ignore[no-untyped-def]
    """The step of every weight is -rate times the central difference of the penalized cost."""
    start, auto = make(function, reconstruction, half_negated, layer, tied)
    (x, keep), signs = make_batch(auto), signs_of(start, layer - 1)
    alone = [lone(start, auto, layer, k) for k in range(K)]
    before = [[t.clone() for t in parameters(start, auto, layer, k)] for k in range(K)]
    autoencoder.denoising_step_(auto, x, x * keep, Step.of(RATES, L1, B))
    for k, one in enumerate(alone):
        after = parameters(start, auto, layer, k)
        for weights, old, new in zip(one.parameters(), before[k], after, strict=True):
            step = (new - old) / -RATES[k]
            for index in range(0, weights.numel(), 7):
                costs = []
                for shift in (1e-6, -2e-6):
                    weights.view(-1)[index] += shift
                    costs.append(one.cost(x[k] * signs[k], keep[k], float(L1[k]))[0])
                weights.view(-1)[index] += 1e-6
                difference = (costs[0] - costs[1]) / 2e-6
                torch.testing.assert_close(
                    step.reshape(-1)[index], difference, rtol=1e-5, atol=1e-7
                )


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("function", "reconstruction", "half_negated"), UNITS)
def test_autoencoders_do_not_depend_on_their_population(
    function, reconstruction, half_negated, tied
) -> None:  # type: ignore[no-untyped-def]
    """An auto-encoder alone, or among others in any order, ends with the same bits (float32)."""
    _, auto = make(function, reconstruction, half_negated, 1, tied)
    x, keep = (tensor.float() for tensor in make_batch(auto))
    auto = Autoencoder(
        {name: t.float() for name, t in auto.tensors.items()},
        function,
        reconstruction,
        auto.symmetric,
    )
    ends = {}
    for order in ([0, 1, 2], [2, 0, 1], [1]):
        some = Autoencoder(
            population.select(auto.tensors, order), function, reconstruction, auto.symmetric
        )
        for _ in range(5):
            step = Step.of(RATES.float()[order], L1.float()[order], B)
            autoencoder.denoising_step_(some, x[order], (x * keep)[order], step)
        ends[tuple(order)] = some
    for order, some in ends.items():
        for row, k in enumerate(order):
            for name, tensor in ends[0, 1, 2].tensors.items():
                assert torch.equal(some.tensors[name][row], tensor[k]), (name, order)


def test_symmetric_inputs_are_mapped_to_targets_in_0_1() -> None:
    """Outputs of tanh, and inputs in [-1, 1], have the targets (x + 1) / 2; others x itself."""
    assert not make("tanh", "sigmoid", False, 0, True)[1].symmetric
    assert make("tanh", "sigmoid", False, 1, True)[1].symmetric
    for unit in UNITS:
        assert make(*unit, 0, True, (-1, 1))[1].symmetric == (unit[1] != "linear")
    assert not make("rectifier", "softplus", True, 1, True, (-1, 1))[1].symmetric


def test_unbounded_inputs_have_linear_decoders() -> None:
    """The lowest layer's decoder is linear; the other layers keep their reconstruction."""
    assert make("tanh", "sigmoid", False, 0, True, UNBOUNDED)[1].reconstruction == "linear"
    assert make("tanh", "sigmoid", False, 1, True, UNBOUNDED)[1].reconstruction == "sigmoid"


def test_a_sigmoid_decoder_needs_bounded_outputs() -> None:
    """A sigmoid cannot reconstruct a rectifier's outputs: a Problem before training."""
    with pytest.raises(Problem, match="not bounded"):
        make("rectifier", "sigmoid", False, 0, True)


@pytest.mark.parametrize(
    ("function", "reconstruction"),
    [("rectifier", "softplus"), ("rectifier", "scaled"), ("tanh", "linear"), ("tanh", "sigmoid")],
)
def test_no_constant_has_a_lower_cost_than_the_best(function: str, reconstruction: str) -> None:
    """Gradient descent on the decoder's biases alone ends at the cost of the best constant."""
    _, auto = make(function, reconstruction, False, 0, False)
    one = auto.only(0)
    x_1NI = torch.rand(1, 12, WIDTHS[0], dtype=torch.float64)
    h_1NO = torch.zeros(1, 12, WIDTHS[1], dtype=torch.float64)
    rate_111 = torch.full((1, 1, 1), -0.1, dtype=torch.float64)
    for _ in range(3000):
        delta_1NI, cost_1N = autoencoder.reconstruct(one, h_1NO, x_1NI, rate_111)
        one.tensors["c"].add_(delta_1NI.mean(1, keepdim=True))
    best = autoencoder.constant_cost(one, [x_1NI[:, :5], x_1NI[:, 5:]])
    assert best.item() == pytest.approx(cost_1N.mean().item(), abs=1e-3)
