"""What everybody trains: K networks on random data, each with mini-batches of its own.

A net-step is one SGD step of one network on one mini-batch of 10. The cost is the paper's: the mean
of -log P(class) + L1 * sum |h| over the hidden outputs h.

Legend of shape suffixes: K networks, B rows of a mini-batch, N examples, I inputs, S steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from pipeline.config.params import Activation
from pipeline.networks import population
from pipeline.networks.population import Population

SIZES = {"digits": (64, 200, 200, 200, 10), "mnist": (784, 1000, 1000, 1000, 10)}
NETWORKS = {"cpu": (1, 4, 40), "cuda": (1, 4, 15, 60, 200)}  # K, by the kind of device
BATCH, EXAMPLES, RATE, L1 = 10, 1000, 0.01, 0.001
UNIT = Activation(function="rectifier", l1=L1, half_negated=False, reconstruction="softplus")


class AbsentError(Exception):
    """A peer that is not here, or cannot run here; the message says why."""


@dataclass(frozen=True)
class Task:
    """K networks of one shape, and where they are trained."""

    widths: tuple[int, ...]
    networks: int
    device: str = "cpu"

    def examples(self, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """Return random inputs [N, I] in [0, 1] and classes [N], on the device."""
        draws = torch.Generator().manual_seed(0)
        x_NI = torch.rand(EXAMPLES, self.widths[0], generator=draws)
        y_N = torch.randint(self.widths[-1], (EXAMPLES,), generator=draws)
        return x_NI.to(self.device, dtype), y_N.to(self.device)

    def start(self, first: int = 0, count: int | None = None) -> Population:
        """Return networks from `first` on as they start, on the CPU: by default all of them."""
        last = self.networks if count is None else first + count
        return population.initialize("bench", self.widths, range(first, last), UNIT)

    def rows_SKB(self, first: int, steps: int) -> Tensor:
        """Return the examples of each network's mini-batches from step `first` on."""
        step_S11 = torch.arange(first, first + steps).view(-1, 1, 1)
        k_1K1 = torch.arange(self.networks).view(1, -1, 1)
        rows_SKB = torch.arange(BATCH) * 97 + 31 * k_1K1 + 7 * step_S11
        return (rows_SKB % EXAMPLES).to(self.device)

    @property
    def weights(self) -> int:
        """Weights of one network, without biases."""
        return sum(a * b for a, b in pairwise(self.widths))

    @property
    def flop(self) -> int:
        """Operations of a net-step: forward, input gradients above the first layer, update."""
        return 2 * BATCH * (3 * self.weights - self.widths[0] * self.widths[1])


class Trainer(Protocol):
    """A peer at work on a task."""

    def train(self, steps: int) -> tuple[int, float]:
        """Take so many steps more; return the net-steps and the seconds that they took.

        What can be prepared before the clock starts is: the choice of the mini-batches' rows.
        """
        ...

    def weights(self) -> dict[int, Tensor]:
        """Return the weights as they now are, flat, of some networks that were trained."""
        ...


@dataclass(frozen=True)
class Peer:
    """Somebody to be timed. `start` raises AbsentError where it cannot be had."""

    name: str
    start: Callable[[Task], Trainer]
    l1: float = L1  # 0 for who has no such penalty, and is spared it


def flat(W: list[Tensor]) -> Tensor:
    """Return weights [I, O], layer by layer, as one row on the CPU."""
    return torch.cat([W_IO.detach().cpu().flatten() for W_IO in W])
