"""Layers on a CPU by compiled kernels: forward, and backward with the update.

Results equal torch's up to rounding, with less memory traffic and fewer calls (kernels.py). If no
kernel can be compiled, torch computes everything.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs, R
rows of weights, Q rows of gradients, M = Q + 1 row pointers, P row indices; a 1 broadcasts.
"""

import logging
import multiprocessing
from functools import cache
from types import ModuleType

import torch
from torch import Tensor

from pipeline.networks.activations import functions
from pipeline.networks.activations.units import ActivationGradient, Units

log = logging.getLogger(__name__)

MIN_WIDTH = 8  # inputs and outputs; with fewer most of a register is empty
MAX_ROWS = 16  # of a mini-batch: the sums of more do not fit the registers
RECTIFIER = functions.FUNCTIONS["rectifier"]  # the activation function of the kernels


@cache
def compiled_kernels() -> ModuleType | None:
    """Return the module of the kernels, None (with one warning) if they cannot be compiled."""
    try:
        from pipeline.networks.kernels.cpu import kernels

        kernels.compiled_kernel("forward", 1, transposed=False, rectifier=False, negated=False)
    except (ImportError, RuntimeError, OSError) as error:
        if multiprocessing.parent_process() is None:
            log.warning("warning: training without compiled kernels, more slowly: %s", error)
        return None
    return kernels


def supports(x_KBI: object, W_KIO: Tensor) -> bool:
    """Return whether the kernels support these inputs and weights: float32 on a CPU.

    Depends on a layer's shape and never on K, so that a network's numbers do not depend on the
    other networks of its population.
    """
    return (
        W_KIO.device.type == "cpu"
        and isinstance(x_KBI, Tensor)
        and x_KBI.dtype == W_KIO.dtype == torch.float32
        and min(W_KIO.shape[1:]) >= MIN_WIDTH
        and (W_KIO.is_contiguous() or W_KIO.mT.is_contiguous())
        and compiled_kernels() is not None
    )


def forward(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    units: Units | None = None,
    signs_K1O: Tensor | None = None,
) -> Tensor | None:
    """Return f(b + x W) * signs [K, B, O], or b + x W without units; None if not supported."""
    batch = x_KBI.shape[1] if x_KBI.shape[1] <= MAX_ROWS else None
    if units is not None and units.function is not RECTIFIER:
        return None
    if batch is None and not W_KIO.is_contiguous():
        return None
    h_KBO = torch.empty(*x_KBI.shape[:2], W_KIO.shape[2])
    _run(
        "forward",
        (x_KBI.contiguous(), W_KIO, b_K1O, h_KBO, signs_K1O),
        W_KIO,
        batch,
        rectifier=units is not None,
        negated=signs_K1O is not None,
    )
    return h_KBO


def backward_and_update_(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    delta_KBO: Tensor,
    *,
    below: bool,
    activation: ActivationGradient | None = None,
) -> tuple[bool, Tensor | None]:
    """Add x' delta to the weights and the sum of delta to the biases, in place.

    Returns whether the kernels support it. With `below`, also returns the gradient [K, B, I] from
    the weights before their update: at the inputs, or at the linear outputs of `activation`.
    """
    if activation is not None and activation.units.function is not RECTIFIER:
        return False, None
    if x_KBI.shape[1] > MAX_ROWS:
        return False, None
    below_KBI = torch.empty_like(x_KBI, memory_format=torch.contiguous_format) if below else None
    signs_K1I, l1_K11 = (
        (None, None) if activation is None else (activation.signs_K1O, activation.l1_K11)
    )
    _run(
        "backward_and_update",
        (
            x_KBI.contiguous(), W_KIO, b_K1O, delta_KBO.contiguous(),
            below_KBI, signs_K1I, l1_K11,
        ),
        W_KIO,
        x_KBI.shape[1],
        below=below,
        rectifier=activation is not None,
        negated=signs_K1I is not None,
        penalized=l1_K11 is not None,
    )  # fmt: skip
    return True, below_KBI


def add_to_rows_(W_RO: Tensor, starts_M: Tensor, places_P: Tensor, delta_QO: Tensor) -> bool:
    """Add row q of delta to the rows `places_P[starts_M[q] : starts_M[q + 1]]` (int64) of W.

    Adds in this order, so that the bits equal those of `index_add_`. Returns whether the kernels
    support it.
    """
    tensors = (W_RO, starts_M, places_P, delta_QO)
    if not all(tensor.device.type == "cpu" and tensor.is_contiguous() for tensor in tensors):
        return False
    kernels = compiled_kernels()
    if kernels is None or not W_RO.dtype == delta_QO.dtype == torch.float32:
        return False
    run = kernels.compiled_kernel("scatter", None)
    run(*(tensor.data_ptr() for tensor in tensors), W_RO.shape[1], len(delta_QO))
    return True


def _run(
    name: str,
    tensors: tuple[Tensor | None, ...],
    W_KIO: Tensor,
    batch: int | None,
    **options: bool,
) -> None:
    """Run a kernel on all networks; it does not read tensors that are None."""
    kernels = compiled_kernels()
    assert kernels is not None
    assert tensors[0] is not None
    (K, I, O), B = W_KIO.shape, tensors[0].shape[1]  # noqa: E741
    run = kernels.compiled_kernel(name, batch, transposed=not W_KIO.is_contiguous(), **options)
    run(*(None if tensor is None else tensor.data_ptr() for tensor in tensors), B, I, O, K)
