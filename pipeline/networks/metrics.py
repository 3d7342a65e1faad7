"""Metrics of networks on a split: errors, costs, sparsity (exact zeros), dead units.

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
from pipeline.networks.arithmetic import numerics
from pipeline.networks.population import Population

CHUNK_ROWS = 1000  # examples per forward pass on a CPU: bounds its memory


@dataclass(frozen=True)
class ClassificationMetrics:
    """Metrics of K networks on one split; fractions in [0, 1] unless noted."""

    errors_K: Tensor  # share of misclassified examples
    costs_K: Tensor  # mean of -log P(class), in nats
    zeros_KL: Tensor  # share of exact zeros among each hidden layer's outputs
    rmses_K: Tensor  # RMSE of the expected rating, in stars; NaN if labels are not ratings


def chunk_rows(device: torch.device) -> int:
    """Return the number of examples per forward pass; a GPU takes ten times as many."""
    return CHUNK_ROWS if device.type == "cpu" else 10 * CHUNK_ROWS


def evaluate(
    networks: Population, examples: Data, seeds: Sequence[int] | None = None
) -> ClassificationMetrics:
    """Return the metrics of every network on the examples of its seed, `seeds[k]` (default k).

    Evaluates one network at a time, on the device of the examples, so that no result depends on K
    and not all networks need to fit a GPU at once.
    """
    sums = [_sums(*pair) for pair in _pairs(networks, examples, seeds)]
    sums_KM, N = torch.stack(sums).cpu(), len(examples)
    widths_L = sums_KM.new_tensor([networks.W_KIO(n + 1).shape[1] for n in range(networks.depth)])
    errors_K, costs_K, squares_K = (sums_KM[:, :3] / N).unbind(1)
    zeros_KL, rmses_K = sums_KM[:, 3:] / (N * widths_L), numerics.sqrt(squares_K)
    return ClassificationMetrics(errors_K, costs_K, zeros_KL, rmses_K)


def _sums(network: Population, examples: Examples) -> Tensor:
    """Return sums over the examples [3 + L], float64: errors, costs, squared errors of the expected
    rating, and exact zeros of each hidden layer. Does not synchronize with a GPU."""
    stars_C, rows = examples.encoding.stars_C, chunk_rows(examples.device)
    sums_M = torch.zeros(3 + network.depth, dtype=torch.float64, device=examples.device)
    for x_1NI, y_N in zip(examples.chunks(rows), examples.y_N.split(rows), strict=True):
        outputs = population.hidden_outputs(network, x_1NI)
        log_p_NC = numerics.log_softmax(population.scores(network, x_1NI, outputs)[0])
        parts = [
            (log_p_NC.argmax(1) != y_N).sum(),
            numerics.total(log_p_NC.gather(1, y_N[:, None])[:, 0]).neg(),
            _squared_stars(log_p_NC, y_N, stars_C),
            *map(_zeros, outputs),
        ]
        sums_M += torch.stack([part.double() for part in parts])
    return sums_M


def _zeros(h_1NO: Tensor) -> Tensor:
    """Return the number of zeros, counted in floats: torch's count is thirty times slower."""
    return torch.eq(h_1NO, 0, out=torch.empty_like(h_1NO)).sum(2).sum(dtype=torch.float64)


def _squared_stars(log_p_NC: Tensor, y_N: Tensor, stars_C: Tensor | None) -> Tensor:
    """Return the sum of squared errors of expected ratings, each the sum of stars * P(stars)."""
    if stars_C is None:
        return log_p_NC.new_full((), math.nan)
    stars_C = stars_C.to(log_p_NC.device)
    stars_NC = numerics.exp(log_p_NC) * stars_C.float()
    return numerics.total((numerics.sums(stars_NC).double() - stars_C[y_N]).square())


def _pairs(
    networks: Population, examples: Data, seeds: Sequence[int] | None
) -> Iterator[tuple[Population, Examples]]:
    """Yield each network with the examples of its seed, on the examples' device."""
    for k, seed in enumerate(range(len(networks)) if seeds is None else seeds):
        yield networks.only(k).to(examples.device), examples.of(seed)


def dead_units(networks: Population, examples: Data) -> list[float]:
    """Return the share of dead hidden units (0 for every example) of each network, network k of
    seed k; 0 without hidden units."""
    if not networks.depth:
        return [0.0] * len(networks)
    return [float((~alive_U).double().mean()) for alive_U in alive_units(networks, examples)]


def alive_units(networks: Population, examples: Data, seeds: Sequence[int] | None = None) -> Tensor:
    """Return True for each hidden unit [K, U], lowest layer first, that is not 0 for every example.

    The examples of network k are those of seed `seeds[k]` (default k).
    """
    alive = [_alive(*pair) for pair in _pairs(networks, examples, seeds)]
    return torch.stack(alive).cpu()


def _alive(network: Population, examples: Examples) -> Tensor:
    chunks = []
    for x_1NI in examples.chunks(chunk_rows(examples.device)):
        outputs = population.hidden_outputs(network, x_1NI)
        chunks.append(torch.cat([(h_1NO[0] != 0).any(0) for h_1NO in outputs]))
    return torch.stack(chunks).any(0)
