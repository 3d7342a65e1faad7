"""Who has kernels for a layer: what those of the CPU and of the GPU have in common.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs; a
1 broadcasts.
"""

from typing import Protocol

from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs
from pipeline.networks.activations.units import Gate, Units
from pipeline.networks.kernels.cpu import layers as cpu
from pipeline.networks.kernels.gpu import layers as gpu


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


def add_to_rows_(weights_RO: Tensor, starts_M: Tensor, places_P: Tensor, delta_QO: Tensor) -> bool:
    """Add each row of `delta_QO` to the rows of the weights at its places, in place.

    Row q's places are `places_P[starts_M[q]:starts_M[q + 1]]`. Returns False, with nothing done,
    where no kernel takes these tensors.
    """
    return cpu.add_to_rows_(weights_RO, starts_M, places_P, delta_QO)


def softmax_delta(
    scores_KBC: Tensor, y_KB: Tensor, rate_K11: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Return the scaled gradient [K, B, C] at the softmax inputs and the cost [K], by one kernel.

    Returns None where no kernel takes these tensors.
    """
    if not gpu.fits(scores_KBC, scores_KBC):
        return None
    return gpu.softmax_delta(scores_KBC, y_KB, rate_K11)
