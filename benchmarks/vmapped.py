"""torch.func: weights stacked by stack_module_state, vmap over the gradient of one network."""

import copy
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap

from benchmarks.sequential import Penalized, module
from benchmarks.stepping import Stepping
from benchmarks.task import RATE, AbsentError, Task, flat

Parameters = dict[str, Tensor]


class Vmapped(Stepping):
    """All networks of the task, with eager operations or with those that torch compiles."""

    def __init__(self, task: Task, threads: int, *, compiled: bool) -> None:
        """Stack the weights."""
        super().__init__(task, threads)
        if compiled and task.device == "cpu" and not (shutil.which("g++") or shutil.which("clang")):
            raise AbsentError("torch.compile needs a C++ compiler")
        modules = [Penalized(module(task, k)).to(task.device) for k in range(task.networks)]
        stacked, _ = stack_module_state(modules)
        self.parameters = {name: tensor.detach() for name, tensor in stacked.items()}
        self.descend = _descent(copy.deepcopy(modules[0]).to("meta"))
        if compiled:
            self.descend = torch.compile(self.descend, dynamic=False)

    def step(self, rows_KB: Tensor) -> None:
        """Take one step of every network."""
        self.descend(self.parameters, self.x_NI[rows_KB], self.y_N[rows_KB])

    def tensors(self) -> list[Tensor]:
        """Return weights and biases."""
        return list(self.parameters.values())

    def weights(self) -> dict[int, Tensor]:
        """Return the weights of the first network and of the last."""
        W = [tensor for name, tensor in self.parameters.items() if name.endswith("weight")]
        return {k: flat([W_KOI[k].T for W_KOI in W]) for k in {0, self.task.networks - 1}}


def _descent(bare: torch.nn.Module) -> Callable[[Parameters, Tensor, Tensor], Any]:
    """Return the step of stacked parameters, in place."""

    def cost(parameters: Parameters, x_BI: Tensor, y_B: Tensor) -> Tensor:
        found: Tensor = functional_call(bare, parameters, (x_BI, y_B))
        return found

    gradients = vmap(grad(cost))

    def descend(parameters: Parameters, x_KBI: Tensor, y_KB: Tensor) -> None:
        for name, gradient in gradients(parameters, x_KBI, y_KB).items():
            parameters[name].sub_(gradient, alpha=RATE)

    return descend
