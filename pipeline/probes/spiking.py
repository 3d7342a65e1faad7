"""Rectifier networks converted to spiking neurons.

A trained network is converted to integrate-and-fire units, and its error measured after T time
steps. Each hidden unit has a potential V. At each step it adds its input to V; where V reaches its
threshold it spikes, and V falls by the threshold ("reset by subtraction": the rest stays). A spike
stands for an output of one threshold, so that spikes * threshold / T is a rectifier: under a
constant input z from 0 to the threshold it is z to within threshold / T, and 0 below.

A unit spikes once a step at most, so outputs above the threshold are clipped. The threshold of a
layer is therefore the 99.9th percentile of its positive outputs on the training split (Diehl et
al., 2015; Rueckauer et al., 2017): the largest output would clip none, but a single outlier would
make all other units slow. Zeros are left out: with them, a sparser layer would be clipped more.

The inputs of the network are currents, constant in time, as are the biases. The signs of negated
units (paper, section 4.1) go into the weights above them. The softmax layer adds up its inputs, and
the class is that of the largest sum.

Legend of shape suffixes: N examples, I inputs of a layer, O outputs of a layer, C classes,
T numbers of steps; a 1 broadcasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.data.splits.examples import Examples
from pipeline.data.splits.sparse_batch import Inputs, dense
from pipeline.networks import linear, population
from pipeline.networks.metrics import CHUNK_ROWS
from pipeline.networks.population import Population
from pipeline.probes.probe import Probe
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

PERCENTILE = 99.9  # of a layer's positive outputs: its units' threshold
SAMPLE = 2000  # training examples, evenly spread, of which the outputs are taken
STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
COLUMNS = [
    "seed", "steps", "test_error", "rate_error", "disagreement", "silent_units", "mean_spikes",
]  # fmt: skip


@dataclass(frozen=True)
class SpikingNetwork:
    """Integrate-and-fire units in place of rectifiers.

    `weights` [I, O] and `biases` [O] of each layer, the softmax layer last; above the first layer
    weights are multiplied by the threshold of the units that they come from, and by their sign, so
    that they take spikes, 0 or 1. `thresholds` holds one of each hidden layer.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    thresholds: tuple[float, ...]

    def current(self, layer: int, x_NI: Tensor) -> Tensor:
        """Return the currents [N, O] into the units of a layer from the layer below."""
        W_1IO, b_11O = self.weights[layer].unsqueeze(0), self.biases[layer].view(1, 1, -1)
        return linear.forward(x_NI.unsqueeze(0), W_1IO, b_11O)[0]


@dataclass(frozen=True)
class Simulation:
    """Outcome for N examples after each of the numbers of steps."""

    scores_TNC: Tensor  # mean input of the softmax over the steps so far
    spikes_TN: Tensor  # mean over layers of the mean number of spikes of a unit so far
    silent_TN: Tensor  # mean over layers of the share of units without a spike so far


def convert(stack: Population, k: int, train: Examples) -> SpikingNetwork:
    """Return network k as integrate-and-fire units, with thresholds from training examples.

    `train` holds inputs as the network sees them: drawn ones for a generated dataset. Raises
    Problem for units other than rectifiers.
    """
    if stack.function != "rectifier":
        raise Problem(
            f"{stack.function} units cannot be converted to spikes: use an arm of rectifiers"
        )
    network = stack.only(k)
    thresholds = _thresholds(network, train)
    weights, biases = [network.W_KIO(0)[0]], [network.b_K1O(0)[0, 0]]
    for layer, threshold in enumerate(thresholds):
        W_IO = network.W_KIO(layer + 1)[0] * threshold
        signs_K1O = network.signs_K1O(layer)
        weights.append(W_IO if signs_K1O is None else W_IO * signs_K1O[0].T)
        biases.append(network.b_K1O(layer + 1)[0, 0])
    return SpikingNetwork(tuple(weights), tuple(biases), tuple(thresholds))


def _thresholds(network: Population, train: Examples) -> list[float]:
    """Return each hidden layer's PERCENTILE of its positive outputs, 1 where there are none."""
    rows_N = torch.arange(min(SAMPLE, len(train))) * len(train) // min(SAMPLE, len(train))
    sample = train.select(rows_N)
    layers: list[list[Tensor]] = [[] for _ in range(network.depth)]
    for x_1NI in sample.chunks(CHUNK_ROWS):
        outputs = population.hidden_outputs(network, x_1NI)
        for kept, h_1NO in zip(layers, outputs, strict=True):
            kept.append(h_1NO[h_1NO != 0].abs())
    outputs_by_layer = [torch.cat(kept).cpu().numpy() for kept in layers]
    return [
        float(np.percentile(sizes, PERCENTILE)) if sizes.size else 1.0 for sizes in outputs_by_layer
    ]


def simulate(network: SpikingNetwork, x_NI: Tensor, steps: Sequence[int]) -> Simulation:
    """Run the units on constant inputs [N, I] and record them after each number of steps.

    `steps` ascend from 1 or more, else Problem is raised. All N examples are in memory at once.
    """
    if min(steps, default=0) < 1 or list(steps) != sorted(set(steps)):
        raise Problem(f"time steps {[*steps]} do not ascend: use for example 1, 4, 16")
    state = _State.at_rest(network, x_NI)
    seen = []
    for step in range(1, steps[-1] + 1):
        state.advance_()
        if step in steps:
            seen.append((state.scores_NC / step, *state.counts()))
    return Simulation(*(torch.stack(each) for each in zip(*seen, strict=True)))


@dataclass(frozen=True)
class _State:
    """Potentials and spikes so far [N, O] of each hidden layer, and summed softmax inputs."""

    network: SpikingNetwork
    current_NO: Tensor  # into the lowest hidden layer, constant
    potentials: list[Tensor]
    spikes: list[Tensor]
    scores_NC: Tensor

    @classmethod
    def at_rest(cls, network: SpikingNetwork, x_NI: Tensor) -> "_State":
        widths = [b_O.shape[0] for b_O in network.biases]
        zeros = [x_NI.new_zeros(len(x_NI), width) for width in widths]
        current_NO = network.current(0, x_NI)
        return cls(network, current_NO, zeros[:-1], [z.clone() for z in zeros[:-1]], zeros[-1])

    def advance_(self) -> None:
        """Simulate one time step, from the lowest layer to the highest."""
        current_NO = self.current_NO
        layers = zip(self.potentials, self.spikes, self.network.thresholds, strict=True)
        for layer, (V_NO, total_NO, threshold) in enumerate(layers, start=1):
            V_NO += current_NO
            spikes_NO = V_NO.ge(threshold).to(V_NO.dtype)
            V_NO.sub_(spikes_NO, alpha=threshold)
            total_NO += spikes_NO
            current_NO = self.network.current(layer, spikes_NO)
        self.scores_NC.add_(current_NO)

    def counts(self) -> tuple[Tensor, Tensor]:
        """Return spikes a unit and the share of silent units [N], both means over layers."""
        spikes_LN = torch.stack([total_NO.double().mean(1) for total_NO in self.spikes])
        silent_LN = torch.stack([(total_NO == 0).double().mean(1) for total_NO in self.spikes])
        return spikes_LN.mean(0), silent_LN.mean(0)


def rows(
    stack: Population, train: Examples, test: Examples, steps: Sequence[int] = STEPS
) -> list[Record]:
    """Return one row for each network (`seed`: its index) and number of time steps.

    Errors, `disagreement` (examples with another class than the rate network's) and `silent_units`
    (without a spike in these steps, a mean over examples and layers as `zeros`) are fractions;
    `mean_spikes` is the number of spikes of a hidden unit in these steps, the same mean.
    """
    records = []
    for k in range(len(stack)):
        network = convert(stack, k, train)
        chunks = test.chunks(CHUNK_ROWS)
        parts = [_compare(stack.only(k), network, x_1NI, steps) for x_1NI in chunks]
        rates_N, classes_TN, spikes_TN, silent_TN = (
            torch.cat(each, -1) for each in zip(*parts, strict=True)
        )
        for t, count in enumerate(steps):
            records.append(
                {
                    "seed": k,
                    "steps": count,
                    "test_error": _share(classes_TN[t] != test.y_N),
                    "rate_error": _share(rates_N != test.y_N),
                    "disagreement": _share(classes_TN[t] != rates_N),
                    "silent_units": float(silent_TN[t].mean()),
                    "mean_spikes": float(spikes_TN[t].mean()),
                }
            )
    return records


def _compare(
    rate: Population, network: SpikingNetwork, x_1NI: Inputs, steps: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the rate network's classes [N]; the spiking one's classes, spikes, silence [T, N]."""
    outputs = population.hidden_outputs(rate, x_1NI)
    simulated = simulate(network, dense(x_1NI)[0], steps)
    classes_N = population.scores(rate, x_1NI, outputs)[0].argmax(1)
    return classes_N, simulated.scores_TNC.argmax(2), simulated.spikes_TN, simulated.silent_TN


def _share(true_N: Tensor) -> float:
    return float(true_N.double().mean())


PROBE = Probe(
    "Does a rectifier network survive as spiking neurons? (Critics; claim 31.)",
    COLUMNS,
    lambda stack, splits: rows(stack, splits.train, splits.test),
    functions=("rectifier",),
)
