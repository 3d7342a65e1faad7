"""Who has kernels for a layer: what those of the CPU and of the GPU have in common.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs; a
1 broadcasts.
"""

from typing import Protocol

from torch import Tensor

from pipeline.cpu import layers as cpu
from pipeline.gpu import layers as gpu
from pipeline.terms import Inputs
from pipeline.units import Gate, Units


class Kernels(Protocol):
    """The layers of a stack, each by one function that reads its weights once.

    Whatever a function cannot do it leaves undone and says so: torch does it then.
    """

    def fits(self, x_KBI: object, W_KIO: Tensor) -> bool:
        """Tell whether inputs and weights are where and as the kernels take them."""
        ...

    def forward(
        self,
        x_KBI: Tensor,
        W_KIO: Tensor,
        b_K1O: Tensor,
        units: Units | None = None,
        signs_K1O: Tensor | None = None,
    ) -> Tensor | None:
        """Return f(b + x W) * signs [K, B, O], without units b + x W."""
        ...

    def descend_(
        self,
        x_KBI: Tensor,
        W_KIO: Tensor,
        b_K1O: Tensor,
        delta_KBO: Tensor,
        *,
        below: bool,
        gate: Gate | None = None,
    ) -> tuple[bool, Tensor | None]:
        """Take a layer's step in place; return whether it was done, and where asked for the
        gradient [K, B, I] at the inputs, or at the linear outputs of the gate's units."""
        ...


def kernels_for(x_KBI: Inputs, W_KIO: Tensor) -> Kernels | None:
    """Return who has kernels for inputs and weights as they are, None where torch has to do."""
    every: tuple[Kernels, ...] = (cpu, gpu)
    for kernels in every:
        if kernels.fits(x_KBI, W_KIO):
            return kernels
    return None
