"""Hand-written gradients against autograd, finite differences, and networks trained alone."""

import itertools
import math

import pytest
import torch

from pipeline.config.params import Activation
from pipeline.finetuning import backprop
from pipeline.networks import population
from pipeline.networks.activations import functions
from pipeline.networks.population import Population
from pipeline.networks.step import Step
from tests import reference

K, B, WIDTHS = 3, 10, [7, 6, 5, 4]
L1 = torch.tensor([0.0, 0.01, 0.3], dtype=torch.float64)
RATES = torch.tensor([0.1, 0.5, 0.02], dtype=torch.float64)
CASES = [*itertools.product(functions.FUNCTIONS, [False, True])]


def make_population(function: str, *, half_negated: bool) -> Population:
    unit = Activation(
        function=function,
        hardness=1.0,
        l1=0.0,
        half_negated=half_negated,
        reconstruction="softplus",
        pieces=3 if function in functions.MULTI_PIECE else 1,
    )
    networks = population.initialize("test", WIDTHS, range(K), unit)
    tensors = {name: tensor.double() for name, tensor in networks.tensors.items()}
    noise = torch.Generator().manual_seed(1)
    for name, tensor in tensors.items():
        if name.startswith("b."):
            tensor.normal_(generator=noise).mul_(0.3)
        if name.startswith("slope."):
            tensor.uniform_(-0.5, 1.5, generator=noise)
    tensors["hardness"] = torch.tensor([1.0, 2.5, 0.4], dtype=torch.float64).view(K, 1, 1)
    return Population(tensors, function)


def make_batch(rows: int = B) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(2)
    x = torch.randn(K, rows, WIDTHS[0], generator=draws, dtype=torch.float64)
    return x, torch.randint(WIDTHS[-1], (K, rows), generator=draws)


def lone(networks: Population, k: int) -> reference.Network:
    layers = range(networks.depth + 1)
    ones = [torch.ones(WIDTHS[layer + 1], dtype=torch.float64) for layer in range(networks.depth)]
    signs = [networks.signs_K1O(layer) for layer in range(networks.depth)]
    return reference.Network(
        [networks.W_KIO(layer)[k].clone() for layer in layers],
        [networks.b_K1O(layer)[k, 0].clone() for layer in layers],
        [one if sign is None else sign[k, 0] for one, sign in zip(ones, signs, strict=True)],
        networks.function,
        float(networks.hardness_K11[k]),
        [slope[k, 0].clone() for slope in slopes(networks)],
    )


def slopes(networks: Population) -> list[torch.Tensor]:
    return [tensor for name, tensor in networks.tensors.items() if name.startswith("slope.")]


def parameters(networks: Population, k: int) -> list[torch.Tensor]:
    layers = range(networks.depth + 1)
    weights = [networks.W_KIO(layer)[k] for layer in layers]
    biases = [networks.b_K1O(layer)[k, 0] for layer in layers]
    return weights + biases + [slope[k, 0] for slope in slopes(networks)]


def copy(networks: Population) -> Population:
    return networks.select(list(range(len(networks))))


@pytest.mark.parametrize(("function", "half_negated"), CASES)
def test_step_equals_autograd(function: str, half_negated: bool) -> None:
    """After three steps each network has the weights of autograd's SGD on it alone."""
    networks = make_population(function, half_negated=half_negated)
    alone = [lone(networks, k) for k in range(K)]
    x, y = make_batch()
    for _ in range(3):
        cost = backprop.supervised_step_(networks, x, y, Step.of(RATES, L1, B))
        for k, network in enumerate(alone):
            expected = network.cost(x[k], y[k], 0.0)[1]
            torch.testing.assert_close(cost[k], expected.detach(), rtol=1e-12, atol=0)
            network.step(x[k], y[k], rate=float(RATES[k]), l1=float(L1[k]))
    for k, network in enumerate(alone):
        for weights, expected in zip(parameters(networks, k), network.parameters, strict=True):
            torch.testing.assert_close(weights, expected.detach(), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("function", "half_negated"), CASES)
def test_step_equals_finite_differences(function: str, half_negated: bool) -> None:
    """The step of every weight is -rate times the central difference of the penalized cost."""
    networks = make_population(function, half_negated=half_negated)
    x, y = make_batch()
    after = copy(networks)
    backprop.supervised_step_(after, x, y, Step.of(RATES, L1, B))
    count = len(parameters(networks, 0))
    for k, tensor in itertools.product(range(K), range(count)):
        network = lone(networks, k)
        weights = network.parameters[tensor]
        step = (parameters(after, k)[tensor] - parameters(networks, k)[tensor]) / -RATES[k]
        for index in range(0, weights.numel(), 5):
            slopes = []
            for shift in (1e-6, -2e-6):
                weights.view(-1)[index] += shift
                slopes.append(network.cost(x[k], y[k], float(L1[k]))[0])
            weights.view(-1)[index] += 1e-6
            difference = (slopes[0] - slopes[1]) / 2e-6
            torch.testing.assert_close(step.view(-1)[index], difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", functions.FUNCTIONS)
def test_networks_do_not_depend_on_their_population(function: str, dtype: torch.dtype) -> None:
    """A network alone, or among others in any order, ends with the same bits."""
    networks = make_population(function, half_negated=True)
    networks = Population(
        {name: tensor.to(dtype) for name, tensor in networks.tensors.items()}, function
    )
    x, y = make_batch()
    x = x.to(dtype)
    ends = {}
    for order in ([0, 1, 2], [2, 0, 1], [1]):
        part = networks.select(order)
        step = Step.of(RATES.to(dtype)[order], L1.to(dtype)[order], B)
        for _ in range(5):
            backprop.supervised_step_(part, x[order], y[order], step)
        ends[tuple(order)] = part
    for order, part in ends.items():
        for row, k in enumerate(order):
            for name, tensor in ends[0, 1, 2].tensors.items():
                assert torch.equal(part.tensors[name][row], tensor[k]), (name, order)


@pytest.mark.parametrize(("function", "half_negated"), CASES)
def test_gradient_norms_equal_autograd(function: str, half_negated: bool) -> None:
    """Norms computed from pairs of rows equal those of autograd's gradients."""
    networks = make_population(function, half_negated=half_negated)
    x, y = make_batch(13)
    norms = backprop.gradient_norms(copy(networks), x, y, L1)
    for k in range(K):
        gradients = lone(networks, k).gradients(x[k], y[k], float(L1[k]))
        expected = torch.stack([gradient.norm() for gradient in gradients[: len(WIDTHS) - 1]])
        torch.testing.assert_close(norms[k], expected, rtol=1e-9, atol=1e-12)


def test_half_negated_networks_equal_mirrored_weights() -> None:
    """Without pre-training, negating outputs and mirroring the weights above changes no bit."""
    negated = make_population("rectifier", half_negated=True)
    tensors = {name: t.clone() for name, t in negated.tensors.items() if "signs" not in name}
    for layer in range(negated.depth):
        signs_K1O = negated.signs_K1O(layer)
        assert signs_K1O is not None
        tensors[f"W.{layer + 1}"] *= signs_K1O.mT
    plain = Population(tensors, "rectifier")
    x, y = make_batch()
    for _ in range(20):
        costs = [
            backprop.supervised_step_(s, x, y, Step.of(RATES, L1, B)) for s in (negated, plain)
        ]
        assert torch.equal(*costs)
    scores = [population.scores(s, x, population.hidden_outputs(s, x)) for s in (negated, plain)]
    assert torch.equal(*scores)
    for layer in range(negated.depth):
        signs_K1O = negated.signs_K1O(layer)
        assert signs_K1O is not None
        assert torch.equal(negated.W_KIO(layer + 1) * signs_K1O.mT, plain.W_KIO(layer + 1))
        assert torch.equal(negated.b_K1O(layer), plain.b_K1O(layer))


@pytest.mark.parametrize("function", sorted({*functions.FUNCTIONS} - functions.MULTI_PIECE))
def test_outputs_keep_to_their_bounds(function: str) -> None:
    """The smallest output equals the lower bound; outputs of bounded functions are at most 1."""
    networks = make_population(function, half_negated=False)
    z_KBO = torch.linspace(-60, 60, 12001, dtype=torch.float64).expand(K, WIDTHS[1], -1).mT.clone()
    h_KBO = networks.units(0).apply_(z_KBO)
    low = functions.LOWER_BOUNDS.get(function, -math.inf)
    assert float(h_KBO.min()) >= low
    assert low == -math.inf or float(h_KBO.min()) == pytest.approx(low, abs=2e-3)
    assert float(h_KBO.max()) <= 1 or function not in functions.BOUNDED
