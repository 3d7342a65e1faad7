"""Adam for K networks (Kingma and Ba, 2015), with torch's constants.

In plain multiplications and additions: torch's own steps are contracted to fused multiply-adds on
some processors, which changes their last bits.

The state of a network is part of its training state: averages of the gradients and of their
squares, `@first/NAME` and `@second/NAME`, and DECAY to the power of the steps taken, `@first` and
`@second` [K, 1, 1]. The first dimension of each tensor is K.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from pipeline.networks.arithmetic import numerics
from pipeline.networks.population import Tensors

DECAY = {"first": 0.9, "second": 0.999}
EPSILON = 1e-8


def state(tensors: Tensors, names: Iterable[str]) -> Tensors:
    """Return the state of Adam before its first step, for the parameters of these names."""
    averages = {
        f"@{moment}/{name}": torch.zeros_like(tensors[name]) for name in names for moment in DECAY
    }
    one_K11 = torch.ones_like(tensors["hardness"], dtype=torch.float64)
    return averages | {f"@{moment}": one_K11.clone() for moment in DECAY}


def step_(tensors: Tensors, gradients: Tensors, rates_K11: Tensor) -> None:
    """Take one step, in place, on the parameters that have gradients; overwrites the gradients."""
    scale = {
        moment: (1 - tensors[f"@{moment}"].mul_(decay)).to(rates_K11.dtype)
        for moment, decay in DECAY.items()
    }
    for name, gradient in gradients.items():
        second = _average(tensors, "second", name, gradient.square())
        first = _average(tensors, "first", name, gradient)
        size = numerics.sqrt(second / scale["second"]).add_(EPSILON)
        tensors[name].sub_((first / scale["first"]).mul_(rates_K11).div_(size))


def _average(tensors: Tensors, moment: str, name: str, newest: Tensor) -> Tensor:
    """Update a running average by the newest value, which is overwritten; return the average."""
    decay = DECAY[moment]
    return tensors[f"@{moment}/{name}"].mul_(decay).add_(newest.mul_(1 - decay))
