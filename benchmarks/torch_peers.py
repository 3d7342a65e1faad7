"""Torch peers of the engine: sequential autograd, torch.func and HFTA, also under CUDA graphs."""

import copy
import importlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

from benchmarks.task import L1, RATE, AbsentError, Stepping, Task, flat
from pipeline.evaluation import torch_module

WARM_UP = 3  # steps on a side stream before recording, as torch's documentation asks
Parameters = dict[str, Tensor]


class Penalized(torch.nn.Module):
    """The cost of a network, L1 on its hidden outputs included."""

    def __init__(self, layers: torch.nn.Sequential) -> None:
        """Hold layers that end in the softmax's inputs."""
        super().__init__()
        self.layers = layers

    def forward(self, x_BI: Tensor, y_B: Tensor) -> Tensor:
        """Return the mean over the mini-batch."""
        penalty = x_BI.new_zeros(())
        for layer in self.layers:
            x_BI = layer(x_BI)
            if isinstance(layer, torch.nn.ReLU):
                penalty = penalty + x_BI.abs().sum(1).mean()
        return F.cross_entropy(x_BI, y_B) + L1 * penalty


class Sequential(Stepping):
    """Ordinary torch: network k as an nn.Sequential, autograd and torch.optim.SGD.

    Sequential training shares nothing between networks: one network's time is every network's.
    """

    def __init__(
        self, task: Task, threads: int, k: int = 0, *, dtype: torch.dtype = torch.float32
    ) -> None:
        """Create the network."""
        super().__init__(task, threads, dtype)
        self.k, self.which = k, slice(k, k + 1)
        self.module = Penalized(module(task, k)).to(task.device, dtype)
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=RATE)

    def step(self, rows_KB: Tensor) -> None:
        """Take one step."""
        self.optimizer.zero_grad()
        self.module(self.x_NI[rows_KB[0]], self.y_N[rows_KB[0]]).backward()
        self.optimizer.step()

    def tensors(self) -> list[Tensor]:
        """Return weights and biases."""
        return list(self.module.parameters())

    def weights(self) -> dict[int, Tensor]:
        """Return the network's weights."""
        layers = [layer for layer in self.module.layers if isinstance(layer, torch.nn.Linear)]
        return {self.k: flat([layer.weight.T for layer in layers])}


def module(task: Task, k: int) -> torch.nn.Sequential:
    """Return network k at its start, without the softmax, which the cost includes."""
    return torch.nn.Sequential(*list(torch_module.module(task.start(k, 1), 0))[:-1])


class Vmapped(Stepping):
    """torch.func: stacked weights, vmap over one network's gradient, eager or compiled."""

    def __init__(self, task: Task, threads: int, *, compiled: bool) -> None:
        """Stack the weights."""
        super().__init__(task, threads)
        if compiled and task.device == "cpu" and not (shutil.which("g++") or shutil.which("clang")):
            raise AbsentError("torch.compile needs a C++ compiler")
        modules = [Penalized(module(task, k)).to(task.device) for k in range(task.networks)]
        stacked, _ = stack_module_state(modules)
        self.parameters = {name: tensor.detach() for name, tensor in stacked.items()}
        self.update = _update(copy.deepcopy(modules[0]).to("meta"))
        if compiled:
            self.update = torch.compile(self.update, dynamic=False)

    def step(self, rows_KB: Tensor) -> None:
        """Take one step of every network."""
        self.update(self.parameters, self.x_NI[rows_KB], self.y_N[rows_KB])

    def tensors(self) -> list[Tensor]:
        """Return weights and biases."""
        return list(self.parameters.values())

    def weights(self) -> dict[int, Tensor]:
        """Return the weights of the first network and of the last."""
        W = [tensor for name, tensor in self.parameters.items() if name.endswith("weight")]
        return {k: flat([W_KOI[k].T for W_KOI in W]) for k in {0, self.task.networks - 1}}


def _update(bare: torch.nn.Module) -> Callable[[Parameters, Tensor, Tensor], Any]:
    """Return the SGD step of stacked parameters, in place."""

    def cost(parameters: Parameters, x_BI: Tensor, y_B: Tensor) -> Tensor:
        mean: Tensor = functional_call(bare, parameters, (x_BI, y_B))
        return mean

    gradients = vmap(grad(cost))

    def update(parameters: Parameters, x_KBI: Tensor, y_KB: Tensor) -> None:
        for name, gradient in gradients(parameters, x_KBI, y_KB).items():
            parameters[name].sub_(gradient, alpha=RATE)

    return update


class Fused(Stepping):
    """HFTA (UofT-EcoSystem/hfta): horizontally fused operators, autograd over all networks at once.

    HFTA's SGD has no rate for each network: SGD of rate 1 on each cost times its rate is the same
    step.
    """

    def __init__(self, task: Task, threads: int, path: Path | None) -> None:
        """Import HFTA from a clone at `path`, fuse the layers and set their weights."""
        super().__init__(task, threads)
        self.module = _fused(task, _operators(path)).to(task.device)
        self.rates_K = torch.full((task.networks,), RATE, device=task.device)
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=1)

    def step(self, rows_KB: Tensor) -> None:
        """Take one step of every network."""
        self.optimizer.zero_grad()
        x_KBI, penalty_KB = self.x_NI[rows_KB], self.x_NI.new_zeros(rows_KB.shape)
        for layer in self.module:
            x_KBI = layer(x_KBI)
            if isinstance(layer, torch.nn.ReLU):
                penalty_KB = penalty_KB + x_KBI.abs().sum(2)
        costs_KB = F.cross_entropy(x_KBI.mT, self.y_N[rows_KB], reduction="none")
        ((costs_KB + L1 * penalty_KB).mean(1) * self.rates_K).sum().backward()
        self.optimizer.step()

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


class Graphed(Stepping):
    """A peer's step as a CUDA graph: recorded once, replayed without the cost of its launches."""

    def __init__(self, trainer: Stepping) -> None:
        """Warm the trainer up, restore its weights, and record one step."""
        if trainer.task.device == "cpu":
            raise AbsentError("CUDA graphs need a GPU")
        super().__init__(trainer.task, trainer.threads)
        self.which = trainer.which
        self.trainer, self.rows_KB = trainer, trainer.rows_SKB(0, 1)[0].clone()
        before = [tensor.detach().clone() for tensor in trainer.tensors()]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                trainer.step(self.rows_KB)
        torch.cuda.current_stream().wait_stream(side)
        with torch.no_grad():
            for tensor, old in zip(trainer.tensors(), before, strict=True):
                tensor.copy_(old)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            trainer.step(self.rows_KB)

    def step(self, rows_KB: Tensor) -> None:
        """Replay the step on these examples."""
        self.rows_KB.copy_(rows_KB)
        self.graph.replay()

    def tensors(self) -> list[Tensor]:
        """Return the trainer's tensors."""
        return self.trainer.tensors()

    def weights(self) -> dict[int, Tensor]:
        """Return the trainer's weights."""
        return self.trainer.weights()
