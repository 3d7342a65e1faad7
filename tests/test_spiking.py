"""Spiking networks, against plain loops, identities, and a trained rectifier network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from pipeline.config.params import Activation
from pipeline.data.sources import digits
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.finetuning import backprop
from pipeline.networks import metrics, population
from pipeline.networks.population import Population
from pipeline.networks.step import Step
from pipeline.probes import spiking
from pipeline.probes.spiking import SpikingNetwork
from pipeline.runtime.errors import Problem

UNIT = Activation(function="rectifier", l1=0.0, half_negated=True, reconstruction="softplus")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=draws, dtype=torch.float64)


def cast(networks: Population, dtype: torch.dtype) -> Population:
    """Return rectifier networks in another precision."""
    return Population({n: tensor.to(dtype) for n, tensor in networks.tensors.items()}, "rectifier")


def small() -> Population:
    """Return two networks in float64 with half of the units negated, and biases."""
    networks = population.initialize("test", [6, 8, 5, 3], [0, 1], UNIT)
    for name, tensor in networks.tensors.items():
        if name.startswith("b."):
            tensor.copy_(drawn(*tensor.shape) * 0.2)
    return cast(networks, torch.float64)


def examples(n: int = 50) -> Examples:
    y = torch.arange(n) % 3
    return Examples(drawn(n, 6, seed=1).float(), y, Encoding((6,), ("a", "b", "c")))


def converted(networks: Population, k: int) -> SpikingNetwork:
    """Return network k as spiking units, with thresholds computed in float32."""
    thresholds = spiking.convert(cast(networks, torch.float32), k, examples()).thresholds
    weights, biases = [networks.W_KIO(0)[k]], [networks.b_K1O(0)[k, 0]]
    for layer, threshold in enumerate(thresholds):
        signs = networks.signs_K1O(layer)[k, 0]
        weights.append(torch.diag(signs * threshold) @ networks.W_KIO(layer + 1)[k])
        biases.append(networks.b_K1O(layer + 1)[k, 0])
    return SpikingNetwork(tuple(weights), tuple(biases), thresholds)


def test_spikes_are_a_rectifier_to_within_threshold_over_steps() -> None:
    """Under constant inputs up to the threshold: 0 <= max(z, 0) - spikes * threshold / T, which is
    less than threshold / T; above it a unit spikes at each step."""
    threshold = 1.7
    eye = torch.eye(400, dtype=torch.float64)
    z = torch.cat([drawn(1, 398).clamp(max=threshold), torch.tensor([[threshold, 0.0]])], 1)
    silent = torch.zeros(400, dtype=torch.float64)
    one = SpikingNetwork((eye, eye * threshold), (silent, silent), (threshold,))
    steps = [1, 2, 3, 10, 99]
    for T, mean in zip(steps, spiking.simulate(one, z, steps).scores_TNC, strict=True):
        short = z.clamp(min=0) - mean
        assert (short > -1e-12).all()
        assert (short < threshold / T).all()
    assert short.max() > 0.5 * threshold / T
    over = spiking.simulate(one, z + 2 * threshold, [10]).scores_TNC
    torch.testing.assert_close(over[0, 0, z[0] >= 0], torch.full_like(z[z >= 0], threshold))


def by_loops(networks: Population, k: int, x: Tensor, steps: int, thresholds: tuple[float, ...]):
    """Return the mean softmax input and the spikes of each unit of one example, unit by unit."""
    V = [[0.0] * networks.W_KIO(layer).shape[2] for layer in range(networks.depth)]
    spikes = [[0] * len(potentials) for potentials in V]
    total = torch.zeros(3, dtype=torch.float64)
    for _ in range(steps):
        below = x
        for layer in range(networks.depth):
            z = below @ networks.W_KIO(layer)[k] + networks.b_K1O(layer)[k, 0]
            out = torch.zeros(len(V[layer]), dtype=torch.float64)
            for unit in range(len(out)):
                V[layer][unit] += float(z[unit])
                if V[layer][unit] >= thresholds[layer]:
                    V[layer][unit] -= thresholds[layer]
                    spikes[layer][unit] += 1
                    out[unit] = thresholds[layer] * networks.signs_K1O(layer)[k, 0, unit]
            below = out
        total += below @ networks.W_KIO(networks.depth)[k] + networks.b_K1O(networks.depth)[k, 0]
    return total / steps, spikes


@pytest.mark.parametrize("k", [0, 1])
def test_simulation_is_that_of_unit_after_unit(k: int) -> None:
    """Scores, spikes and silence of two hidden layers with negated units equal those of loops."""
    networks, x = small(), examples(4).x_NI.double()
    network = converted(networks, k)
    found = spiking.simulate(network, x, [3, 20])
    for t, steps in enumerate((3, 20)):
        for n in range(4):
            scores, spikes = by_loops(networks, k, x[n], steps, network.thresholds)
            torch.testing.assert_close(found.scores_TNC[t, n], scores)
            means = [np.mean(layer) for layer in spikes]
            silent = [np.mean([count == 0 for count in layer]) for layer in spikes]
            assert found.spikes_TN[t, n] == pytest.approx(np.mean(means))
            assert found.silent_TN[t, n] == pytest.approx(np.mean(silent))
    assert 0 < found.silent_TN[1].min() < found.silent_TN[1].max() < 1


def test_conversion_folds_signs_and_thresholds() -> None:
    """Weights are multiplied by signs and thresholds of the layer below."""
    networks = small()
    for k in range(2):
        found = spiking.convert(cast(networks, torch.float32), k, examples())
        expected = converted(networks, k)
        for parts in ("weights", "biases"):
            for mine, other in zip(getattr(found, parts), getattr(expected, parts), strict=True):
                torch.testing.assert_close(mine.double(), other, rtol=1e-6, atol=1e-6)


def test_thresholds_are_percentiles_of_positive_outputs_in_training() -> None:
    """A threshold is a percentile of absolute outputs without zeros; 1 for a dead layer."""
    networks, train = cast(small(), torch.float32), examples()
    outputs = population.hidden_outputs(networks, train.x_NI.expand(2, -1, -1).contiguous())
    for k in range(2):
        found = spiking.convert(networks, k, train).thresholds
        for threshold, h in zip(found, outputs, strict=True):
            sizes = h[k].abs().flatten().numpy()
            assert threshold == pytest.approx(np.percentile(sizes[sizes > 0], 99.9), rel=1e-5)
    networks.b_K1O(1)[0] = -100
    assert spiking.convert(networks, 0, train).thresholds[1] == 1


@pytest.fixture(scope="module")
def trained() -> tuple[Population, Examples, Examples]:
    """Return two networks after some epochs on 1,000 of scikit-learn's digits, and all examples."""
    x, y = load_digits(return_X_y=True)
    every = Examples(torch.tensor(x, dtype=torch.uint8), torch.tensor(y), digits.ENCODING)
    train, test = every.select(torch.arange(1000)), every.select(torch.arange(1000, len(y)))
    networks = population.initialize("test", [64, 40, 40, 10], [0, 1], UNIT)
    step = Step.of(torch.tensor([0.1, 0.1]), torch.zeros(2), 10)
    for _ in range(10):
        for rows in torch.arange(1000).split(10):
            x_KBI = train.inputs(rows).expand(2, -1, -1).contiguous()
            backprop.supervised_step_(networks, x_KBI, train.y_N[rows].expand(2, -1), step)
    return networks, train, test


def test_trained_network_keeps_its_error(trained: tuple[Population, Examples, Examples]) -> None:
    """The error is within 0.5 points of the rate network's after 256 steps, and high after one."""
    networks, train, test = trained
    found = spiking.rows(networks, train, test)
    assert [(row["seed"], row["steps"]) for row in found] == [
        (k, T) for k in range(2) for T in spiking.STEPS
    ]
    assert all([*row] == spiking.COLUMNS for row in found)
    rates = metrics.evaluate(networks, test).errors_K.tolist()
    for k in range(2):
        first, *_, last = [row for row in found if row["seed"] == k]
        assert last["rate_error"] == first["rate_error"] == rates[k] < 0.15
        assert abs(last["test_error"] - rates[k]) <= 0.005
        assert last["disagreement"] <= 0.01
        assert first["test_error"] > 0.5
        assert last["silent_units"] < first["silent_units"] <= 1
        assert last["mean_spikes"] > first["mean_spikes"]


def test_silence_is_that_of_the_rate_network(
    trained: tuple[Population, Examples, Examples],
) -> None:
    """The share of silent units after many steps is about the rate network's share of zeros."""
    networks, train, test = trained
    zeros = metrics.evaluate(networks, test).zeros_KL.mean(1)
    for row in spiking.rows(networks, train, test, [256]):
        assert row["silent_units"] == pytest.approx(float(zeros[row["seed"]]), abs=0.05)


def test_rows_do_not_depend_on_chunks(
    trained: tuple[Population, Examples, Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of examples do not change the rows."""
    networks, train, test = trained
    few = test.select(torch.arange(100))
    whole = spiking.rows(networks, train, few, [1, 8])
    monkeypatch.setattr(spiking, "CHUNK_ROWS", 33)
    for cut, row in zip(spiking.rows(networks, train, few, [1, 8]), whole, strict=True):
        assert cut == pytest.approx(row, rel=1e-6)


def test_only_rectifiers_and_ascending_steps() -> None:
    """Other units and time steps out of order are refused."""
    networks = small()
    with pytest.raises(Problem, match="tanh units cannot be converted"):
        spiking.rows(replace(networks, function="tanh"), examples(), examples())
    network = converted(networks, 0)
    for steps in ([], [0, 1], [4, 2], [2, 2]):
        with pytest.raises(Problem, match="do not ascend"):
            spiking.simulate(network, examples().x_NI.double(), steps)
