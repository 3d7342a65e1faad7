"""Hidden units of a layer and their activation function.

Legend of shape suffixes: K networks, B rows of a mini-batch, O outputs of a layer, Z its linear
outputs (a maxout unit has several, stored piece by piece); a 1 broadcasts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LEAK = 0.01  # slope of the leaky rectifier below 0 (Maas et al., 2013)


@dataclass(frozen=True)
class Units:
    """Hidden units of one layer of K networks.

    `hardness_K11` is the a of softplus, `slope_K1O` the learned slope of a parametric rectifier
    below 0, `pieces` the number of linear pieces of a maxout unit.
    """

    function: "ActivationFunction"
    hardness_K11: Tensor
    slope_K1O: Tensor | None = None
    pieces: int = 1

    def apply_(self, z_KBZ: Tensor) -> Tensor:
        """Overwrite linear outputs [K, B, Z]; return the units' outputs [K, B, O]."""
        return self.function.apply_(z_KBZ, self)

    def save(self, z_KBZ: Tensor) -> Tensor | None:
        """Return the tensor saved for backward, None where backward needs the outputs alone."""
        return None if self.function.save is None else self.function.save(z_KBZ, self)


@dataclass(frozen=True)
class ActivationFunction:
    """An activation function f and its derivative.

    `apply_` overwrites linear outputs z by f(z) and returns f(z). `backward_` turns the gradient at
    the outputs into the gradient at z, in place where possible; it computes f'(z) from the outputs,
    or from the tensor that `save` returned for z. `slope_gradient` returns the gradient of a
    learned slope [K, 1, O]. `module` builds the same function as a torch module from hardness,
    pieces and the number of outputs.
    """

    apply_: Callable[[Tensor, Units], Tensor]
    backward_: Callable[[Tensor, Tensor, Units], Tensor]
    module: Callable[[float, int, int], torch.nn.Module]
    save: Callable[[Tensor, Units], Tensor] | None = None
    slope_gradient: Callable[[Tensor, Tensor], Tensor] | None = None


@dataclass(frozen=True)
class ActivationGradient:
    """Gradient of the hidden units whose outputs, times `signs_K1O`, are a layer's inputs.

    `l1_K11` is the L1 penalty on these outputs, scaled by -rate / B like the gradient itself.
    """

    units: Units
    signs_K1O: Tensor | None
    l1_K11: Tensor | None
