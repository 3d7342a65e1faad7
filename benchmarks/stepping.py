"""The loop that peers in this process share: gather the mini-batches, take a step."""

import time
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from benchmarks.task import Task


class Stepping(ABC):
    """Trains the task's networks by `step`, with so many threads where it is on a CPU."""

    def __init__(self, task: Task, threads: int, dtype: torch.dtype = torch.float32) -> None:
        """Draw the data."""
        self.task, self.threads, self.done = task, threads, 0
        self.which = slice(0, task.networks)  # of the task's networks are trained
        self.x_NI, self.y_N = task.examples(dtype)

    @abstractmethod
    def step(self, rows_KB: Tensor) -> None:
        """Take one step of each network on these examples."""

    @abstractmethod
    def tensors(self) -> list[Tensor]:
        """Return everything that steps change."""

    @abstractmethod
    def weights(self) -> dict[int, Tensor]:
        """Return the weights of some of the networks, flat."""

    def train(self, steps: int) -> tuple[int, float]:
        """Take so many steps of each network; return the net-steps and their seconds."""
        torch.set_num_threads(self.threads)
        rows_SKB = self.rows_SKB(self.done, steps)
        self.done += steps
        self._wait()
        start = time.monotonic()
        self.steps(rows_SKB)
        self._wait()
        return steps * rows_SKB.shape[1], time.monotonic() - start

    def steps(self, rows_SKB: Tensor) -> None:
        """Take a step on each of these mini-batches."""
        for rows_KB in rows_SKB:
            self.step(rows_KB)

    def rows_SKB(self, first: int, steps: int) -> Tensor:
        """Return the examples of the trained networks' mini-batches from step `first` on."""
        return self.task.rows_SKB(first, steps)[:, self.which]

    def _wait(self) -> None:
        if self.task.device != "cpu":
            torch.cuda.synchronize()
