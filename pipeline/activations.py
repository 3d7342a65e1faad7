"""The hidden units: each a function applied in place, and its slope told from its output alone.

Legend of shape suffixes: K networks, B rows of a mini-batch, O outputs of a layer; a 1 broadcasts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.errors import Problem


@dataclass(frozen=True)
class Function:
    """An activation function f(z) with hardness a.

    `apply_` overwrites pre-activations z_KBO by f(z). `chain_` overwrites delta_KBO, the gradient
    at the outputs h_KBO = f(z), by the gradient at z. Both take hardness_K11, one a network.
    `module` returns the same function of one network as a torch module.
    """

    apply_: Callable[[Tensor, Tensor], Tensor]
    chain_: Callable[[Tensor, Tensor, Tensor], Tensor]
    module: Callable[[float], torch.nn.Module]


def _rectify_(z_KBO: Tensor, hardness_K11: Tensor) -> Tensor:
    return z_KBO.relu_()


def _chain_rectifier_(delta_KBO: Tensor, h_KBO: Tensor, hardness_K11: Tensor) -> Tensor:
    blocked = torch.ops.aten.threshold_backward.grad_input
    return blocked(delta_KBO, h_KBO, 0, grad_input=delta_KBO)  # type: ignore[no-any-return]


def _tanh_(z_KBO: Tensor, hardness_K11: Tensor) -> Tensor:
    return z_KBO.tanh_()


def _chain_tanh_(delta_KBO: Tensor, h_KBO: Tensor, hardness_K11: Tensor) -> Tensor:
    chained = torch.ops.aten.tanh_backward.grad_input
    return chained(delta_KBO, h_KBO, grad_input=delta_KBO)  # type: ignore[no-any-return]


def softplus(z: Tensor) -> Tensor:
    """Return log(1 + exp(z)), elementwise.

    By way of logsigmoid: torch's own softplus and sigmoid round an element one way inside a vector
    register and another way at a tensor's end, so a network would depend on its place in the stack.
    """
    return F.logsigmoid(-z).neg_()


def _softplus_(z_KBO: Tensor, hardness_K11: Tensor) -> Tensor:
    return z_KBO.copy_(softplus(z_KBO.mul_(hardness_K11))).div_(hardness_K11)


def _chain_softplus_(delta_KBO: Tensor, h_KBO: Tensor, hardness_K11: Tensor) -> Tensor:
    # f'(z) = logistic(a z) = 1 - exp(-a f(z))
    return delta_KBO.mul_((h_KBO * -hardness_K11).expm1_().neg_())


def _softplus_module(hardness: float) -> torch.nn.Module:
    return torch.nn.Softplus(beta=hardness)


# (1/a) log(1 + exp(a z)) tends to the rectifier as a grows (paper, section 4.1).
FUNCTIONS = {
    "rectifier": Function(_rectify_, _chain_rectifier_, lambda _: torch.nn.ReLU()),
    "tanh": Function(_tanh_, _chain_tanh_, lambda _: torch.nn.Tanh()),
    "softplus": Function(_softplus_, _chain_softplus_, _softplus_module),
}


def function(name: str) -> Function:
    """Return a function by name. Raises Problem that lists the known ones."""
    if name not in FUNCTIONS:
        raise Problem(f"unknown activation function {name!r}: use one of {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name]


@dataclass(frozen=True)
class Units:
    """The hidden units of K networks: one function, each network's hardness [K, 1, 1]."""

    function: Function
    hardness_K11: Tensor

    def apply_(self, z_KBO: Tensor) -> Tensor:
        """Overwrite linear inputs [K, B, O] by the units' outputs."""
        return self.function.apply_(z_KBO, self.hardness_K11)
