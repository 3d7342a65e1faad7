"""Ordinary PyTorch: one nn.Sequential after the other, autograd, torch.optim.SGD.

Networks have nothing to do with each other here, so the time of a net-step is that of the first.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.stepping import Stepping
from benchmarks.task import L1, RATE, Task, flat
from pipeline.evaluation import torch_module


class Penalized(torch.nn.Module):
    """The cost of a network, L1 on its hidden outputs included."""

    def __init__(self, layers: torch.nn.Sequential, l1: float = L1) -> None:
        """Hold layers that end in the softmax's inputs."""
        super().__init__()
        self.layers, self.l1 = layers, l1

    def forward(self, x_BI: Tensor, y_B: Tensor) -> Tensor:
        """Return the mean over the mini-batch."""
        penalty = x_BI.new_zeros(())
        for layer in self.layers:
            x_BI = layer(x_BI)
            if self.l1 and isinstance(layer, torch.nn.ReLU):
                penalty = penalty + x_BI.abs().sum(1).mean()
        return F.cross_entropy(x_BI, y_B) + self.l1 * penalty


class Sequential(Stepping):
    """One network of the task, the k-th."""

    def __init__(
        self,
        task: Task,
        threads: int,
        k: int = 0,
        *,
        dtype: torch.dtype = torch.float32,
        l1: float = L1,
    ) -> None:
        """Make the network."""
        super().__init__(task, threads, dtype)
        self.k, self.which = k, slice(k, k + 1)
        self.module = Penalized(module(task, k), l1).to(task.device, dtype)
        self.descent = torch.optim.SGD(self.module.parameters(), lr=RATE)

    def step(self, rows_KB: Tensor) -> None:
        """Take one step."""
        self.descent.zero_grad()
        self.module(self.x_NI[rows_KB[0]], self.y_N[rows_KB[0]]).backward()
        self.descent.step()

    def tensors(self) -> list[Tensor]:
        """Return weights and biases."""
        return list(self.module.parameters())

    def weights(self) -> dict[int, Tensor]:
        """Return the network's weights."""
        layers = [layer for layer in self.module.layers if isinstance(layer, torch.nn.Linear)]
        return {self.k: flat([layer.weight.T for layer in layers])}


def module(task: Task, k: int) -> torch.nn.Sequential:
    """Return a network as it starts, without the softmax: the cost takes its inputs."""
    return torch.nn.Sequential(*list(torch_module.module(task.start(k, 1), 0))[:-1])
