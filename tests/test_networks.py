"""Populations: initialization, files, the torch module of one network, metrics on a split."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from pipeline.config.params import Activation
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.evaluation import torch_module
from pipeline.networks import metrics, population
from pipeline.networks.activations.functions import FUNCTIONS, MULTI_PIECE
from pipeline.networks.population import Population
from pipeline.runtime.errors import Problem

WIDTHS = [30, 20, 10, 4]


def unit(
    function: str = "rectifier", *, half_negated: bool = True, hardness: float = 1.0
) -> Activation:
    return Activation(
        function=function,
        hardness=hardness,
        l1=0.0,
        half_negated=half_negated,
        reconstruction="softplus",
        pieces=3 if function in MULTI_PIECE else 1,
    )


def test_initial_weights_fill_the_range_of_the_paper() -> None:
    """Weights are uniform in +-sqrt(6 / (fan-in + fan-out)), biases 0."""
    networks = population.initialize("test", WIDTHS, range(50), unit())
    for layer, (fan_in, fan_out) in enumerate(pairwise(WIDTHS)):
        bound = (6 / (fan_in + fan_out)) ** 0.5
        W = networks.W_KIO(layer)
        assert bound * 0.99 < W.abs().max() <= bound
        assert abs(W.std() - bound / 3**0.5) < 0.02 * bound
        assert not networks.b_K1O(layer).any()


def test_arms_of_a_seed_start_alike() -> None:
    """The same seed has the same weights whatever the unit; another seed has others."""
    rectifier = population.initialize("test", WIDTHS, [3, 4], unit())
    tanh = population.initialize("test", WIDTHS, [4, 5], unit("tanh", half_negated=False))
    for layer in range(3):
        assert torch.equal(rectifier.W_KIO(layer)[1], tanh.W_KIO(layer)[0])
        assert not torch.equal(rectifier.W_KIO(layer)[0], rectifier.W_KIO(layer)[1])


def test_half_of_each_hidden_layer_is_negated() -> None:
    """Exactly half of the units of a hidden layer have the sign -1, another half in each seed."""
    networks = population.initialize("test", WIDTHS, [0, 1], unit())
    for layer in range(networks.depth):
        signs = networks.signs_K1O(layer)
        assert signs is not None
        assert signs.sum(2).abs().max() == 0
        assert not torch.equal(signs[0], signs[1])
    assert population.initialize("test", WIDTHS, [0], unit(half_negated=False)).signs_K1O(0) is None


def test_random_rectifiers_are_half_silent() -> None:
    """A random start gives about 50% exact zeros in every layer (paper, section 3.1)."""
    networks = population.initialize("test", [100, 400, 400, 400, 4], [0], unit())
    x = torch.randn(1, 500, 100, generator=torch.Generator().manual_seed(0))
    for h in population.hidden_outputs(networks, x):
        assert abs((h == 0).float().mean() - 0.5) < 0.05


@pytest.mark.parametrize("half_negated", [True, False])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_module_is_the_network(function: str, half_negated: bool) -> None:
    """The torch module gives the class probabilities of the population's network."""
    networks = population.initialize(
        "test", WIDTHS, [0, 1], unit(function, half_negated=half_negated, hardness=2.5)
    )
    networks.b_K1O(1).normal_(generator=torch.Generator().manual_seed(0))
    x = torch.randn(2, 7, 30, generator=torch.Generator().manual_seed(1))
    p = population.scores(networks, x, population.hidden_outputs(networks, x)).softmax(2)
    for k in range(2):
        torch.testing.assert_close(torch_module.module(networks, k)(x[k]).detach(), p[k])


def test_saved_populations_are_loaded(tmp_path: Path) -> None:
    """Equal populations give equal bytes; the loaded population equals the saved one."""
    networks = population.initialize("test", WIDTHS, [0, 1], unit())
    population.save(networks, tmp_path / "a")
    population.save(networks, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back = population.load(tmp_path / "a")
    assert back.function == "rectifier"
    assert back.tensors.keys() == networks.tensors.keys()
    assert all(torch.equal(back.tensors[name], tensor) for name, tensor in networks.tensors.items())


@pytest.mark.parametrize("content", [None, b"", b"not a population"])
def test_damaged_files_are_named(tmp_path: Path, content: bytes | None) -> None:
    """An absent or damaged file raises a Problem that names the remedy."""
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Problem, match=r"weights\.safetensors .*dvc repro"):
        population.load(path)


def test_selection_copies_and_only_shares() -> None:
    """`select` copies rows in the order asked; `only` is a view."""
    networks: Population = population.initialize("test", WIDTHS, [0, 1, 2], unit())
    chosen = networks.select([2, 0])
    assert torch.equal(chosen.W_KIO(0)[0], networks.W_KIO(0)[2])
    chosen.W_KIO(0).zero_()
    assert networks.W_KIO(0)[2].any()
    networks.only(1).W_KIO(0).zero_()
    assert not networks.W_KIO(0)[1].any()


@pytest.fixture
def networks() -> Population:
    """Return two networks, the second with two dead units."""
    made = population.initialize("test", [6, 8, 5, 3], [0, 1], unit())
    made.b_K1O(0)[1, 0, :2] = -100
    return made


@pytest.fixture
def split() -> Examples:
    """Return more examples than one forward pass takes."""
    draws = torch.Generator().manual_seed(0)
    n = metrics.CHUNK_ROWS + 37
    x, y = torch.rand(n, 6, generator=draws), torch.randint(3, (n,), generator=draws)
    return Examples(x, y, Encoding((6,), ("a", "b", "c")))


def test_errors_costs_and_zeros(networks: Population, split: Examples) -> None:
    """Errors, costs and zeros equal those of the torch module."""
    x, y = split.x_NI, split.y_N
    found = metrics.evaluate(networks, split)
    for k in range(2):
        p = torch_module.module(networks, k)(x).detach()
        assert found.errors_K[k] == (p.argmax(1) != y).double().mean()
        torch.testing.assert_close(
            found.costs_K[k].float(), torch.nn.functional.nll_loss(p.log(), y)
        )
        for layer, h in enumerate(population.hidden_outputs(networks.only(k), x[None])):
            assert found.zeros_KL[k, layer] == (h == 0).double().mean()
    assert 0 < found.zeros_KL.min() < found.zeros_KL.max() < 1


def test_dead_units_are_zero_for_every_example(networks: Population, split: Examples) -> None:
    """Two dead units are 2 / 13 of the hidden units."""
    expected = []
    for k in range(2):
        layers = population.hidden_outputs(networks.only(k), split.x_NI[None])
        expected.append(float(torch.cat([(h[0] == 0).all(0) for h in layers]).double().mean()))
    assert metrics.dead_units(networks, split) == expected
    assert expected[1] >= 2 / 13
