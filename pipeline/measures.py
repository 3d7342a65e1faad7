"""What is measured on a split: errors, costs, exact zeros, dead units.

Legend of shape suffixes: K networks, N examples, I inputs, L hidden layers, U hidden units.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline import networks
from pipeline.datasets.examples import Examples
from pipeline.datasets.repeats import Data
from pipeline.networks import Stack

ROWS = 1000  # examples a forward pass takes at once: bounds its memory


@dataclass(frozen=True)
class Measures:
    """Of K networks on one split, as fractions in [0, 1] where nothing else is said."""

    errors_K: Tensor  # share of the examples given another class than theirs
    costs_K: Tensor  # mean of -log P(class), in nats
    zeros_KL: Tensor  # share of exact zeros among each hidden layer's outputs
    rmses_K: Tensor  # of the expected stars, in stars; not a number where labels are no ratings


def classify(stack: Stack, examples: Data, seeds: Sequence[int] | None = None) -> Measures:
    """Measure every network on the examples of its seed: the k-th of `seeds`, or else k."""
    each = [_classify_one(stack.only(k), examples.of(seed)) for k, seed in _places(stack, seeds)]
    return Measures(
        *(torch.tensor(values, dtype=torch.float64) for values in zip(*each, strict=True))
    )


def _classify_one(network: Stack, examples: Examples) -> tuple[float, float, list[float], float]:
    wrong, cost, squares = 0, 0.0, 0.0
    stars_C = examples.form.stars_C
    zeros = [0] * network.depth
    widths = [network.W_KIO(layer + 1).shape[1] for layer in range(network.depth)]
    for x_1NI, y_rows in zip(examples.chunks(ROWS), examples.y_N.split(ROWS), strict=True):
        outputs = networks.hidden_outputs(network, x_1NI)
        log_p_NC = networks.scores(network, x_1NI, outputs)[0].log_softmax(1)
        wrong += int((log_p_NC.argmax(1) != y_rows).sum())
        cost -= float(log_p_NC.gather(1, y_rows[:, None]).sum(dtype=torch.float64))
        squares += _squared_stars(log_p_NC, y_rows, stars_C)
        for layer, h_1NO in enumerate(outputs):
            zeros[layer] += h_1NO.numel() - int(h_1NO.count_nonzero())
    N = len(examples)
    shares = [zero / (N * width) for zero, width in zip(zeros, widths, strict=True)]
    return wrong / N, cost / N, shares, math.sqrt(squares / N)


def _squared_stars(log_p_NC: Tensor, y_N: Tensor, stars_C: Tensor | None) -> float:
    """Return the squared errors, summed, of predicted ratings: the sum of stars times P(stars)."""
    if stars_C is None:
        return math.nan
    stars_C = stars_C.to(log_p_NC.device)
    expected_N = log_p_NC.double().exp() @ stars_C
    return float((expected_N - stars_C[y_N]).square().sum())


def _places(stack: Stack, seeds: Sequence[int] | None) -> Iterator[tuple[int, int]]:
    return enumerate(range(len(stack)) if seeds is None else seeds)


def dead_units(stack: Stack, examples: Data) -> list[float]:
    """Return the share of hidden units of each network, the k-th of seed k, that are 0 for every
    example; 0 where there are none."""
    if not stack.depth:
        return [0.0] * len(stack)
    return [float((~alive_U).double().mean()) for alive_U in alive_units(stack, examples)]


def alive_units(stack: Stack, examples: Data, seeds: Sequence[int] | None = None) -> Tensor:
    """Return which hidden units [K, U], lowest layer first, are not 0 for every example; bool.

    The examples are those of the k-th of `seeds`, or else of seed k.
    """
    found = [_alive(stack.only(k), examples.of(seed)) for k, seed in _places(stack, seeds)]
    return torch.stack(found)


def _alive(network: Stack, examples: Examples) -> Tensor:
    chunks = []
    for x_1NI in examples.chunks(ROWS):
        outputs = networks.hidden_outputs(network, x_1NI)
        chunks.append(torch.cat([(h_1NO[0] != 0).any(0) for h_1NO in outputs]))
    return torch.stack(chunks).any(0).cpu()
