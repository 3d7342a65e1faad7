"""Kernel dispatch: selects CPU or GPU kernels for a layer.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs; a
1 broadcasts.
"""

from typing import Protocol

from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs
from pipeline.networks.activations.units import ActivationGradient, Units
from pipeline.networks.arithmetic import rows
from pipeline.networks.kernels.cpu import layers as cpu
from pipeline.networks.kernels.gpu import layers as gpu

decoder_step_ = cpu.decoder_step_  # returns None for a GPU, as for all that it does not support


class Kernels(Protocol):
    """Fused kernels of a layer of K networks, which read its weights once.

    A function returns None or False, with nothing changed, for what it does not support: torch
    computes it then.
    """

    def supports(self, x_KBI: object, W_KIO: Tensor) -> bool:
        """Return whether the kernels support these inputs and weights."""
        ...

    def forward(
        self,
        x_KBI: Tensor,
        W_KIO: Tensor,
        b_K1O: Tensor,
        units: Units | None = None,
        signs_K1O: Tensor | None = None,
    ) -> Tensor | None:
        """Return f(b + x W) * signs [K, B, O], or b + x W without units."""
        ...

    def backward_and_update_(
        self,
        x_KBI: Tensor,
        W_KIO: Tensor,
        b_K1O: Tensor,
        delta_KBO: Tensor,
        *,
        below: bool,
        activation: ActivationGradient | None = None,
    ) -> tuple[bool, Tensor | None]:
        """Take a layer's step in place; return whether it is supported, and with `below` the
        gradient [K, B, I] at the inputs, or at the linear outputs of `activation`."""
        ...

    def backward(self, W_KIO: Tensor, delta_KBO: Tensor) -> Tensor | None:
        """Return the gradient delta W' [K, B, I] at the layer's inputs."""
        ...


def kernels_for(x_KBI: Inputs, W_KIO: Tensor) -> Kernels | None:
    """Return the kernels that support inputs and weights, None if torch has to compute."""
    backends: tuple[Kernels, ...] = (cpu, gpu)
    for kernels in backends:
        if kernels.supports(x_KBI, W_KIO):
            return kernels
    return None


def softmax_delta(
    scores_KBC: Tensor, y_KB: Tensor, rate_K11: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Return the scaled gradient [K, B, C] at the softmax inputs and the cost [K], by one kernel.

    Returns None if no kernel supports these tensors.
    """
    if gpu.supports(scores_KBC, scores_KBC):
        return gpu.softmax_delta(scores_KBC, y_KB, rate_K11)
    return rows.softmax_delta(scores_KBC, y_KB, rate_K11)
