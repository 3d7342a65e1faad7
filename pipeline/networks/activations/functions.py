"""The activation functions: each applied in place, with its slope and its torch module.

Legend of shape suffixes: K networks, B rows of a mini-batch, O outputs of a layer, P pieces of a
maxout unit, Z linear outputs of a layer: P * O, piece by piece.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.networks.activations.units import Function, Units
from pipeline.runtime.errors import Problem

# The paper's units


def _rectify_(z: Tensor, units: Units) -> Tensor:
    return z.relu_()


def _chain_rectifier_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    blocked = torch.ops.aten.threshold_backward.grad_input
    return blocked(delta, h, 0, grad_input=delta)  # type: ignore[no-any-return]


def _tanh_(z: Tensor, units: Units) -> Tensor:
    return z.tanh_()


def _chain_tanh_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    chained = torch.ops.aten.tanh_backward.grad_input
    return chained(delta, h, grad_input=delta)  # type: ignore[no-any-return]


def softplus(z: Tensor) -> Tensor:
    """Return log(1 + exp(z)), elementwise.

    By way of logsigmoid: torch's own softplus and sigmoid round an element one way inside a vector
    register and another way at a tensor's end, so a network would depend on its place in the stack.
    """
    return F.logsigmoid(-z).neg_()


def _softplus_(z: Tensor, units: Units) -> Tensor:
    return z.copy_(softplus(z.mul_(units.hardness_K11))).div_(units.hardness_K11)


def _chain_softplus_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    # f'(z) = logistic(a z) = 1 - exp(-a f(z))
    return delta.mul_((h * -units.hardness_K11).expm1_().neg_())


# Units before and since


def logistic(z: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-z)), elementwise; as `softplus` by way of logsigmoid."""
    return F.logsigmoid(z).exp_()


def _sigmoid_(z: Tensor, units: Units) -> Tensor:
    return z.copy_(logistic(z))


def _chain_sigmoid_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    return delta.mul_(h).mul_(1 - h)


LEAK = 0.01  # slope of the leaky rectifier below 0 (Maas et al., 2013)


def _leak_(z: Tensor, units: Units) -> Tensor:
    return F.leaky_relu_(z, LEAK)


def _chain_leaky_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    return delta.mul_((h > 0).to(h.dtype).mul_(1 - LEAK).add_(LEAK))


def _elu_(z: Tensor, units: Units) -> Tensor:
    return z.copy_(torch.where(z > 0, z, z.clamp(max=0).expm1_()))


def _chain_elu_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    return delta.mul_(h.clamp(max=0).add_(1))


def _multiply_(delta: Tensor, slope: Tensor, units: Units) -> Tensor:
    return delta.mul_(slope)


def _normal(z: Tensor) -> Tensor:
    """Return the standard normal's distribution function, elementwise."""
    return torch.erf(z / math.sqrt(2)).add_(1).div_(2)


def _gelu_(z: Tensor, units: Units) -> Tensor:
    return z.mul_(_normal(z))


def _slope_of_gelu(z: Tensor, units: Units) -> Tensor:
    density = z.square().div_(-2).exp_().div_(math.sqrt(2 * math.pi))
    return _normal(z).add_(density.mul_(z))


def _silu_(z: Tensor, units: Units) -> Tensor:
    return z.mul_(logistic(z))


def _slope_of_silu(z: Tensor, units: Units) -> Tensor:
    gate = logistic(z)
    return (1 - gate).mul_(z).add_(1).mul_(gate)


# Units with parameters


def _slope(units: Units) -> Tensor:
    assert units.slope_K1O is not None
    return units.slope_K1O


def _prelu_(z: Tensor, units: Units) -> Tensor:
    return z.copy_(torch.where(z > 0, z, z * _slope(units)))


def _chain_prelu_(delta: Tensor, z: Tensor, units: Units) -> Tensor:
    return delta.copy_(torch.where(z > 0, delta, delta * _slope(units)))


def _learn_prelu(delta: Tensor, z: Tensor) -> Tensor:
    return (delta * z.clamp(max=0)).sum(1, keepdim=True)


def _prelu_module(hardness: float, pieces: int, outputs: int) -> torch.nn.Module:
    return torch.nn.PReLU(outputs)


def _parted(z_KBZ: Tensor, units: Units) -> Tensor:
    return z_KBZ.view(*z_KBZ.shape[:2], units.pieces, -1)


def _maxout_(z: Tensor, units: Units) -> Tensor:
    return _parted(z, units).amax(2)


def _largest_piece(z: Tensor, units: Units) -> Tensor:
    return _parted(z, units).argmax(2, keepdim=True)


def _chain_maxout_(delta: Tensor, piece: Tensor, units: Units) -> Tensor:
    spread_KBPO = delta.new_zeros(*delta.shape[:2], units.pieces, delta.shape[2])
    return spread_KBPO.scatter_(2, piece, delta.unsqueeze(2)).flatten(2)


def _maxout_module(hardness: float, pieces: int, outputs: int) -> torch.nn.Module:
    parts = torch.nn.Unflatten(1, (pieces, outputs))
    return torch.nn.Sequential(parts, torch.nn.MaxPool2d((pieces, 1)), torch.nn.Flatten(1))


def _plain(make: Callable[[], torch.nn.Module]) -> Callable[[float, int, int], torch.nn.Module]:
    return lambda hardness, pieces, outputs: make()


def _softplus_module(hardness: float, pieces: int, outputs: int) -> torch.nn.Module:
    return torch.nn.Softplus(beta=hardness)


class _Elementwise(torch.nn.Module):
    """A function of each number alone, where torch has no module for it."""

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._f = f

    def forward(self, z: Tensor) -> Tensor:
        return self._f(z)


def elementwise(f: Callable[[Tensor], Tensor]) -> Function:
    """Return a function of each number alone, with the slope that autograd finds: all it takes.

    Slower than a slope written by hand. `LOWEST` and `BOUNDED` may say what its outputs keep to.
    """

    def apply_(z: Tensor, units: Units) -> Tensor:
        return z.copy_(f(z))

    def slope(z: Tensor, units: Units) -> Tensor:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            return torch.autograd.grad(f(z).sum(), z)[0]

    return Function(apply_, _multiply_, _plain(lambda: _Elementwise(f)), slope)


# (1/a) log(1 + exp(a z)) tends to the rectifier as a grows (paper, section 4.1).
FUNCTIONS = {
    "rectifier": Function(_rectify_, _chain_rectifier_, _plain(torch.nn.ReLU)),
    "tanh": Function(_tanh_, _chain_tanh_, _plain(torch.nn.Tanh)),
    "softplus": Function(_softplus_, _chain_softplus_, _softplus_module),
    "sigmoid": Function(_sigmoid_, _chain_sigmoid_, _plain(torch.nn.Sigmoid)),
    "leaky": Function(_leak_, _chain_leaky_, _plain(lambda: torch.nn.LeakyReLU(LEAK))),
    "elu": Function(_elu_, _chain_elu_, _plain(torch.nn.ELU)),
    "gelu": Function(_gelu_, _multiply_, _plain(torch.nn.GELU), _slope_of_gelu),
    "silu": Function(_silu_, _multiply_, _plain(torch.nn.SiLU), _slope_of_silu),
    "absolute": elementwise(torch.abs),
    "prelu": Function(
        _prelu_, _chain_prelu_, _prelu_module, lambda z, units: z.clone(), _learn_prelu
    ),
    "maxout": Function(_maxout_, _chain_maxout_, _maxout_module, _largest_piece),
}
LEARNED_SLOPE = 0.25  # of a parametric rectifier at the start (He et al., 2015)
PARTED = {"maxout"}  # units of several linear pieces
LOWEST = {
    "rectifier": 0.0,
    "tanh": -1.0,
    "softplus": 0.0,
    "sigmoid": 0.0,
    "elu": -1.0,
    "gelu": -0.17,
    "silu": -0.279,
    "absolute": 0.0,
}  # the least output, of units that have one
BOUNDED = {"tanh", "sigmoid"}  # no output above 1


def function(name: str) -> Function:
    """Return a function by name. Raises Problem that lists the known ones."""
    if name not in FUNCTIONS:
        raise Problem(f"unknown activation function {name!r}: use one of {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name]
