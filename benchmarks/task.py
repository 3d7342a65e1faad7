"""Task of the benchmark: K networks on random data, each with its own mini-batches.

A net-step is one SGD step of one network on one mini-batch of 10. The cost is the paper's: the mean
of -log P(class) + L1 * sum |h| over the hidden outputs h.

Legend of shape suffixes: K networks, B rows of a mini-batch, N examples, I inputs, S steps.
"""

import time
from abc import ABC, abstractmethod
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
    """A peer is not installed or cannot run on this machine; the message is the reason."""


@dataclass(frozen=True)
class Task:
    """K networks of one shape on a device."""

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
        """Return `count` networks from `first` on at their start, on the CPU; by default all."""
        last = self.networks if count is None else first + count
        return population.initialize("bench", self.widths, range(first, last), UNIT)

    def rows_SKB(self, first: int, steps: int) -> Tensor:
        """Return the example indices [S, K, B] of the mini-batches from step `first` on."""
        step_S11 = torch.arange(first, first + steps).view(-1, 1, 1)
        k_1K1 = torch.arange(self.networks).view(1, -1, 1)
        rows_SKB = torch.arange(BATCH) * 97 + 31 * k_1K1 + 7 * step_S11
        return (rows_SKB % EXAMPLES).to(self.device)

    @property
    def weights(self) -> int:
        """Number of weights of one network, without biases."""
        return sum(a * b for a, b in pairwise(self.widths))

    @property
    def flop(self) -> int:
        """Floating-point operations of a net-step: forward, backward above layer 1, update."""
        return 2 * BATCH * (3 * self.weights - self.widths[0] * self.widths[1])


class Trainer(Protocol):
    """Training of a task by one contender."""

    def train(self, steps: int) -> tuple[int, float]:
        """Take `steps` more steps; return the number of net-steps and their seconds.

        The choice of the mini-batches' rows is not timed.
        """
        ...

    def weights(self) -> dict[int, Tensor]:
        """Return the current weights, flat, of some of the trained networks."""
        ...


class Stepping(ABC):
    """A trainer of this process: gathers mini-batches and calls `step`, with `threads` threads."""

    def __init__(self, task: Task, threads: int, dtype: torch.dtype = torch.float32) -> None:
        """Draw the data."""
        self.task, self.threads, self.done = task, threads, 0
        self.which = slice(0, task.networks)  # the networks of the task that it trains
        self.x_NI, self.y_N = task.examples(dtype)

    @abstractmethod
    def step(self, rows_KB: Tensor) -> None:
        """Take one step of each network on the examples [K, B]."""

    @abstractmethod
    def tensors(self) -> list[Tensor]:
        """Return the tensors that steps change."""

    @abstractmethod
    def weights(self) -> dict[int, Tensor]:
        """Return the weights of some of the networks, flat."""

    def train(self, steps: int) -> tuple[int, float]:
        """Take `steps` steps of each network; return the net-steps and their seconds."""
        torch.set_num_threads(self.threads)
        rows_SKB = self.rows_SKB(self.done, steps)
        self.done += steps
        self._wait()
        start = time.monotonic()
        self.steps(rows_SKB)
        self._wait()
        return steps * rows_SKB.shape[1], time.monotonic() - start

    def steps(self, rows_SKB: Tensor) -> None:
        """Take a step on each of the mini-batches [S, K, B]."""
        for rows_KB in rows_SKB:
            self.step(rows_KB)

    def rows_SKB(self, first: int, steps: int) -> Tensor:
        """Return the example indices of the trained networks from step `first` on."""
        return self.task.rows_SKB(first, steps)[:, self.which]

    def _wait(self) -> None:
        if self.task.device != "cpu":
            torch.cuda.synchronize()


@dataclass(frozen=True)
class Peer:
    """A contender. `start` raises AbsentError where it cannot run."""

    name: str
    start: Callable[[Task], Trainer]


def flat(W: list[Tensor]) -> Tensor:
    """Return weights [I, O], layer by layer, as one row on the CPU."""
    return torch.cat([W_IO.detach().cpu().flatten() for W_IO in W])
