"""What is measured on a split: errors, costs, exact zeros, dead units.

Legend of shape suffixes: K networks, N examples, I inputs, L hidden layers, U hidden units.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.splits.examples import Examples
from pipeline.data.splits.per_seed import Data
from pipeline.networks import population
from pipeline.networks.population import Population

ROWS = 1000  # examples a forward pass takes at once on a CPU: bounds its memory


@dataclass(frozen=True)
class Measures:
    """Of K networks on one split, as fractions in [0, 1] where nothing else is said."""

    errors_K: Tensor  # share of the examples given another class than theirs
    costs_K: Tensor  # mean of -log P(class), in nats
    zeros_KL: Tensor  # share of exact zeros among each hidden layer's outputs
    rmses_K: Tensor  # of the expected stars, in stars; not a number where labels are no ratings


def rows_on(device: torch.device) -> int:
    """Return how many examples a forward pass takes at once: on a GPU more, which fill it."""
    return ROWS if device.type == "cpu" else 10 * ROWS


def classify(stack: Population, examples: Data, seeds: Sequence[int] | None = None) -> Measures:
    """Measure every network on the examples of its seed: the k-th of `seeds`, or else k.

    One by one, where the examples are: so nothing depends on their number, and on a GPU they need
    not fit all at once.
    """
    sums = [_sums(*pair) for pair in _pairs(stack, examples, seeds)]
    sums_KM, N = torch.stack(sums).cpu(), len(examples)
    widths_L = sums_KM.new_tensor([stack.W_KIO(n + 1).shape[1] for n in range(stack.depth)])
    errors_K, costs_K, squares_K = (sums_KM[:, :3] / N).unbind(1)
    return Measures(errors_K, costs_K, sums_KM[:, 3:] / (N * widths_L), squares_K.sqrt())


def _sums(network: Population, examples: Examples) -> Tensor:
    """Return sums over the examples [3 + L], float64: how many are wrong, the costs, the squared
    errors of the expected stars, and each hidden layer's zeros. The CPU does not wait for it."""
    stars_C, rows = examples.encoding.stars_C, rows_on(examples.device)
    sums_M = torch.zeros(3 + network.depth, dtype=torch.float64, device=examples.device)
    for x_1NI, y_N in zip(examples.chunks(rows), examples.y_N.split(rows), strict=True):
        outputs = population.hidden_outputs(network, x_1NI)
        log_p_NC = population.scores(network, x_1NI, outputs)[0].log_softmax(1)
        parts = [
            (log_p_NC.argmax(1) != y_N).sum(),
            log_p_NC.gather(1, y_N[:, None]).sum(dtype=torch.float64).neg(),
            _squared_stars(log_p_NC, y_N, stars_C),
            *map(_zeros, outputs),
        ]
        sums_M += torch.stack([part.double() for part in parts])
    return sums_M


def _zeros(h_1NO: Tensor) -> Tensor:
    """Return how many outputs are 0. By way of floats: torch's own count is thirty times slower."""
    return torch.eq(h_1NO, 0, out=torch.empty_like(h_1NO)).sum(2).sum(dtype=torch.float64)


def _squared_stars(log_p_NC: Tensor, y_N: Tensor, stars_C: Tensor | None) -> Tensor:
    """Return the squared errors, summed, of predicted ratings: the sum of stars times P(stars)."""
    if stars_C is None:
        return log_p_NC.new_full((), math.nan)
    stars_C = stars_C.to(log_p_NC.device)
    expected_N = log_p_NC.double().exp() @ stars_C
    return (expected_N - stars_C[y_N]).square().sum()


def _pairs(
    stack: Population, examples: Data, seeds: Sequence[int] | None
) -> Iterator[tuple[Population, Examples]]:
    """Yield each network, where the examples are, with those of its seed."""
    for k, seed in enumerate(range(len(stack)) if seeds is None else seeds):
        yield stack.only(k).to(examples.device), examples.of(seed)


def dead_units(stack: Population, examples: Data) -> list[float]:
    """Return the share of hidden units of each network, the k-th of seed k, that are 0 for every
    example; 0 where there are none."""
    if not stack.depth:
        return [0.0] * len(stack)
    return [float((~alive_U).double().mean()) for alive_U in alive_units(stack, examples)]


def alive_units(stack: Population, examples: Data, seeds: Sequence[int] | None = None) -> Tensor:
    """Return which hidden units [K, U], lowest layer first, are not 0 for every example; bool.

    The examples are those of the k-th of `seeds`, or else of seed k.
    """
    found = [_alive(*pair) for pair in _pairs(stack, examples, seeds)]
    return torch.stack(found).cpu()


def _alive(network: Population, examples: Examples) -> Tensor:
    chunks = []
    for x_1NI in examples.chunks(rows_on(examples.device)):
        outputs = population.hidden_outputs(network, x_1NI)
        chunks.append(torch.cat([(h_1NO[0] != 0).any(0) for h_1NO in outputs]))
    return torch.stack(chunks).any(0)
