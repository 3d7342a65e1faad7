"""The hidden units of a layer, and how a gradient comes back through their function.

Legend of shape suffixes: K networks, B rows of a mini-batch, O outputs of a layer, Z its linear
outputs (of maxout units several for each output, piece by piece); a 1 broadcasts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Units:
    """The hidden units of one layer of K networks.

    `hardness_K11` is the a of softplus, `slope_K1O` the learned slope of a parametric rectifier
    below 0, `pieces` the linear pieces of a maxout unit.
    """

    function: "Function"
    hardness_K11: Tensor
    slope_K1O: Tensor | None = None
    pieces: int = 1

    def apply_(self, z_KBZ: Tensor) -> Tensor:
        """Overwrite linear outputs [K, B, Z]; return the units' outputs [K, B, O]."""
        return self.function.apply_(z_KBZ, self)

    def remember(self, z_KBZ: Tensor) -> Tensor | None:
        """Return what the way back needs of linear outputs, None where outputs tell it."""
        return None if self.function.remember is None else self.function.remember(z_KBZ, self)


@dataclass(frozen=True)
class Function:
    """An activation function f.

    `apply_` overwrites linear outputs z by f(z) and returns it. `chain_` turns delta_KBO, the
    gradient at the outputs, into that at z, in place where it can: the slope is told from the
    outputs, or where they do not tell it from what `remember` kept of z. `learn` returns the
    gradient of a learned slope [K, 1, O]. `module` returns the same function as a torch module, of
    hardness, pieces and outputs.
    """

    apply_: Callable[[Tensor, Units], Tensor]
    chain_: Callable[[Tensor, Tensor, Units], Tensor]
    module: Callable[[float, int, int], torch.nn.Module]
    remember: Callable[[Tensor, Units], Tensor] | None = None
    learn: Callable[[Tensor, Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Gate:
    """The units that a layer's inputs came through: what its gradient has yet to pass.

    The inputs are the units' outputs times `signs_K1O`; `l1_K11` is the penalty on these, scaled as
    the gradient is.
    """

    units: Units
    signs_K1O: Tensor | None
    l1_K11: Tensor | None
