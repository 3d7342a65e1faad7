"""Metrics on a split against the torch module on all examples at once."""

import pytest
import torch

from pipeline.config.params import Activation
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.evaluation import torch_module
from pipeline.networks import metrics, population
from pipeline.networks.population import Population

UNIT = Activation(function="rectifier", l1=0.0, half_negated=True, reconstruction="softplus")


@pytest.fixture
def networks() -> Population:
    """Return two networks, the second with two dead units."""
    made = population.initialize("test", [6, 8, 5, 3], [0, 1], UNIT)
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
