"""Activation functions: in-place forward, backward, and the equivalent torch module.

Legend of shape suffixes: K networks, B rows of a mini-batch, O outputs of a layer, P pieces of a
maxout unit, Z = P * O linear outputs of a layer, stored piece by piece.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.networks.activations.units import LEAK, ActivationFunction, Units
from pipeline.networks.arithmetic import numerics
from pipeline.runtime.errors import Problem

# The paper's units


def _rectifier_(z: Tensor, units: Units) -> Tensor:
    return z.relu_()


def _rectifier_backward_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    blocked = torch.ops.aten.threshold_backward.grad_input
    return blocked(delta, h, 0, grad_input=delta)  # type: ignore[no-any-return]


def _tanh_(z: Tensor, units: Units) -> Tensor:
    return z.copy_(numerics.tanh(z))


def _tanh_backward_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    # 1 - h^2 is rounded once, as in the kernels; in torch's own function that depends on the CPU.
    return delta.mul_((1 - h.double().square()).to(h.dtype))


def _softplus_(z: Tensor, units: Units) -> Tensor:
    return z.copy_(numerics.softplus(z.mul_(units.hardness_K11))).div_(units.hardness_K11)


def _softplus_backward_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    # f'(z) = logistic(a z) = 1 - exp(-a f(z))
    return delta.mul_(numerics.expm1(h * -units.hardness_K11).neg_())


# Other units


def _sigmoid_(z: Tensor, units: Units) -> Tensor:
    return z.copy_(numerics.logistic(z))


def _sigmoid_backward_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    return delta.mul_(h).mul_(1 - h)


def _leaky_(z: Tensor, units: Units) -> Tensor:
    return F.leaky_relu_(z, LEAK)


def _leaky_backward_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    return delta.mul_((h > 0).to(h.dtype).mul_(1 - LEAK).add_(LEAK))


def _elu_(z: Tensor, units: Units) -> Tensor:
    return z.copy_(torch.where(z > 0, z, numerics.expm1(z.clamp(max=0))))


def _elu_backward_(delta: Tensor, h: Tensor, units: Units) -> Tensor:
    return delta.mul_(h.clamp(max=0).add_(1))


def _multiply_(delta: Tensor, slope: Tensor, units: Units) -> Tensor:
    return delta.mul_(slope)


def _normal(z: Tensor) -> Tensor:
    """Return the standard normal's distribution function, elementwise."""
    return numerics.erf(z / math.sqrt(2)).add_(1).div_(2)


def _gelu_(z: Tensor, units: Units) -> Tensor:
    return z.mul_(_normal(z))


def _slope_of_gelu(z: Tensor, units: Units) -> Tensor:
    density = numerics.exp(z.square().div_(-2)).div_(math.sqrt(2 * math.pi))
    return _normal(z).add_(density.mul_(z))


def _silu_(z: Tensor, units: Units) -> Tensor:
    return z.mul_(numerics.logistic(z))


def _slope_of_silu(z: Tensor, units: Units) -> Tensor:
    s = numerics.logistic(z)
    return (1 - s).mul_(z).add_(1).mul_(s)


# Units with parameters


def _slope(units: Units) -> Tensor:
    assert units.slope_K1O is not None
    return units.slope_K1O


def _prelu_(z: Tensor, units: Units) -> Tensor:
    return z.copy_(torch.where(z > 0, z, z * _slope(units)))


def _prelu_backward_(delta: Tensor, z: Tensor, units: Units) -> Tensor:
    return delta.copy_(torch.where(z > 0, delta, delta * _slope(units)))


def _prelu_slope_gradient(delta: Tensor, z: Tensor) -> Tensor:
    return (delta * z.clamp(max=0)).sum(1, keepdim=True)


def _prelu_module(hardness: float, pieces: int, outputs: int) -> torch.nn.Module:
    return torch.nn.PReLU(outputs)


def _parted(z_KBZ: Tensor, units: Units) -> Tensor:
    return z_KBZ.view(*z_KBZ.shape[:2], units.pieces, -1)


def _maxout_(z: Tensor, units: Units) -> Tensor:
    return _parted(z, units).amax(2)


def _largest_piece(z: Tensor, units: Units) -> Tensor:
    return _parted(z, units).argmax(2, keepdim=True)


def _maxout_backward_(delta: Tensor, piece: Tensor, units: Units) -> Tensor:
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
    """Torch module of an elementwise function."""

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._f = f

    def forward(self, z: Tensor) -> Tensor:
        return self._f(z)


def elementwise(f: Callable[[Tensor], Tensor]) -> ActivationFunction:
    """Return the activation function of an elementwise f, differentiated by autograd.

    Slower than a hand-written derivative. Bounds of its outputs go into `LOWER_BOUNDS`, `BOUNDED`.
    """

    def apply_(z: Tensor, units: Units) -> Tensor:
        return z.copy_(f(z))

    def slope(z: Tensor, units: Units) -> Tensor:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            return torch.autograd.grad(f(z).sum(), z)[0]

    return ActivationFunction(apply_, _multiply_, _plain(lambda: _Elementwise(f)), slope)


# (1/a) log(1 + exp(a z)) tends to the rectifier as a grows (paper, section 4.1).
FUNCTIONS = {
    "rectifier": ActivationFunction(_rectifier_, _rectifier_backward_, _plain(torch.nn.ReLU)),
    "tanh": ActivationFunction(_tanh_, _tanh_backward_, _plain(torch.nn.Tanh)),
    "softplus": ActivationFunction(_softplus_, _softplus_backward_, _softplus_module),
    "sigmoid": ActivationFunction(_sigmoid_, _sigmoid_backward_, _plain(torch.nn.Sigmoid)),
    "leaky": ActivationFunction(
        _leaky_, _leaky_backward_, _plain(lambda: torch.nn.LeakyReLU(LEAK))
    ),
    "elu": ActivationFunction(_elu_, _elu_backward_, _plain(torch.nn.ELU)),
    "gelu": ActivationFunction(_gelu_, _multiply_, _plain(torch.nn.GELU), _slope_of_gelu),
    "silu": ActivationFunction(_silu_, _multiply_, _plain(torch.nn.SiLU), _slope_of_silu),
    "absolute": elementwise(torch.abs),
    "prelu": ActivationFunction(
        _prelu_, _prelu_backward_, _prelu_module, lambda z, units: z.clone(), _prelu_slope_gradient
    ),
    "maxout": ActivationFunction(_maxout_, _maxout_backward_, _maxout_module, _largest_piece),
}
LEARNED_SLOPE = 0.25  # initial slope of a parametric rectifier (He et al., 2015)
MULTI_PIECE = {"maxout"}  # units with several linear pieces
LOWER_BOUNDS = {
    "rectifier": 0.0,
    "tanh": -1.0,
    "softplus": 0.0,
    "sigmoid": 0.0,
    "elu": -1.0,
    "gelu": -0.17,
    "silu": -0.279,
    "absolute": 0.0,
}  # lower bounds of the outputs, for functions bounded below
BOUNDED = {"tanh", "sigmoid"}  # outputs at most 1


def function(name: str) -> ActivationFunction:
    """Return an activation function by name. Raises Problem that lists the known names."""
    if name not in FUNCTIONS:
        raise Problem(f"unknown activation function {name!r}: use one of {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name]
