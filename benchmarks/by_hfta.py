"""HFTA (UofT-EcoSystem/hfta): horizontally fused operators, autograd over all networks at once.

It has no SGD that takes a rate for each network: SGD of rate 1 on each cost times its rate is the
same step.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.sequential import module
from benchmarks.stepping import Stepping
from benchmarks.task import L1, RATE, AbsentError, Task, flat


class Fused(Stepping):
    """All networks of the task in one module."""

    def __init__(self, task: Task, threads: int, path: Path | None) -> None:
        """Import HFTA from a clone at `path`, fuse the layers and give them the weights."""
        super().__init__(task, threads)
        self.module = _fused(task, _operators(path)).to(task.device)
        self.rates_K = torch.full((task.networks,), RATE, device=task.device)
        self.descent = torch.optim.SGD(self.module.parameters(), lr=1)

    def step(self, rows_KB: Tensor) -> None:
        """Take one step of every network."""
        self.descent.zero_grad()
        x_KBI, penalty_KB = self.x_NI[rows_KB], self.x_NI.new_zeros(rows_KB.shape)
        for layer in self.module:
            x_KBI = layer(x_KBI)
            if isinstance(layer, torch.nn.ReLU):
                penalty_KB = penalty_KB + x_KBI.abs().sum(2)
        costs_KB = F.cross_entropy(x_KBI.mT, self.y_N[rows_KB], reduction="none")
        ((costs_KB + L1 * penalty_KB).mean(1) * self.rates_K).sum().backward()
        self.descent.step()

    def tensors(self) -> list[Tensor]:
        """Return weights and biases."""
        return list(self.module.parameters())

    def weights(self) -> dict[int, Tensor]:
        """Return the weights of the first network and of the last."""
        W = [tensor for name, tensor in self.module.named_parameters() if name.endswith("weight")]
        return {k: flat([W_KIO[k] for W_KIO in W]) for k in {0, self.task.networks - 1}}


def _operators(path: Path | None) -> Any:
    if path is None:
        raise AbsentError("not given: --hfta PATH of a clone")
    if str(path) not in sys.path:
        sys.path.append(str(path))
    try:
        return importlib.import_module("hfta.ops")
    except ImportError as error:
        raise AbsentError(f"no HFTA in {path}: {error}") from error


def _fused(task: Task, operators: Any) -> torch.nn.Sequential:
    K = task.networks
    layers = [
        operators.get_hfta_op_for(torch.nn.Linear, B=K)(layer.in_features, layer.out_features)
        if isinstance(layer, torch.nn.Linear)
        else operators.get_hfta_op_for(type(layer), B=K)()
        for layer in module(task, 0)
    ]
    for k in range(K):
        for fused, lone in zip(layers, module(task, k), strict=True):
            if isinstance(lone, torch.nn.Linear):
                fused.snatch_parameters(lone, k)
    return torch.nn.Sequential(*layers)
