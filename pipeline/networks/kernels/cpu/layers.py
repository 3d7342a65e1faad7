"""The layers of a stack on a CPU: forward, and back with the update, by sweeps over the weights.

Same results as plain torch's up to rounding, with less traffic and fewer calls; kernels.py says
how. Where nothing can be compiled, everything goes the plain way.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs, R
rows of weights, Q rows of gradients, M their ends (Q + 1), P places of them all; a 1 broadcasts.
"""

import logging
import multiprocessing
from functools import cache
from types import ModuleType

import torch
from torch import Tensor

from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Gate, Units

log = logging.getLogger(__name__)

LEAST_SIDE = 8  # inputs and outputs; of fewer most of a register would be empty
MOST_ROWS = 16  # of a mini-batch: the sums of more would not fit the registers
RECTIFIER = functions.FUNCTIONS["rectifier"]  # the unit that the kernels know


@cache
def compiler() -> ModuleType | None:
    """Return what compiles kernels here, None where nothing does; the log says once why."""
    try:
        from pipeline.networks.kernels.cpu import compiled

        compiled.compiled("forward", 1, transposed=False, rectifier=False, negated=False)
    except (ImportError, RuntimeError, OSError) as error:
        if multiprocessing.parent_process() is None:
            log.warning("warning: training without compiled kernels, more slowly: %s", error)
        return None
    return compiled


def fits(x_KBI: object, W_KIO: Tensor) -> bool:
    """Tell whether the kernels take inputs and weights: float32 on a CPU.

    That depends on a layer's shape, never on K or the place in a stack, so that a network's numbers
    do not depend on who shares its stack.
    """
    return (
        W_KIO.device.type == "cpu"
        and isinstance(x_KBI, Tensor)
        and x_KBI.dtype == W_KIO.dtype == torch.float32
        and min(W_KIO.shape[1:]) >= LEAST_SIDE
        and (W_KIO.is_contiguous() or W_KIO.mT.is_contiguous())
        and compiler() is not None
    )


def forward(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    units: Units | None = None,
    signs_K1O: Tensor | None = None,
) -> Tensor | None:
    """Return f(b + x W) * signs [K, B, O], without units b + x W; None where it cannot be done."""
    batch = x_KBI.shape[1] if x_KBI.shape[1] <= MOST_ROWS else None
    knows = units is None or units.function is RECTIFIER
    if not knows or (batch is None and not W_KIO.is_contiguous()):
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


def descend_(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    delta_KBO: Tensor,
    *,
    below: bool,
    gate: Gate | None = None,
) -> tuple[bool, Tensor | None]:
    """Add the step x' delta to the weights and the sum of delta to the biases, in place.

    Returns whether it was done, and where asked for the gradient [K, B, I] through the weights as
    they were: that at the inputs, or with a `gate` that at the linear outputs of its units.
    """
    knows = gate is None or gate.units.function is RECTIFIER
    if not knows or x_KBI.shape[1] > MOST_ROWS:
        return False, None
    below_KBI = torch.empty_like(x_KBI, memory_format=torch.contiguous_format) if below else None
    signs_K1I, l1_K11 = (None, None) if gate is None else (gate.signs_K1O, gate.l1_K11)
    _run(
        "descend",
        (
            x_KBI.contiguous(), W_KIO, b_K1O, delta_KBO.contiguous(),
            below_KBI, signs_K1I, l1_K11,
        ),
        W_KIO,
        x_KBI.shape[1],
        below=below,
        rectifier=gate is not None,
        negated=signs_K1I is not None,
        penalized=l1_K11 is not None,
    )  # fmt: skip
    return True, below_KBI


def add_to_rows_(W_RO: Tensor, starts_M: Tensor, places_P: Tensor, delta_QO: Tensor) -> bool:
    """Add each row of delta to the rows of W at `places_P[starts_M[q] : starts_M[q + 1]]`, int64.

    In this order, as `index_add_` does, so with the same bits. Returns whether it was done.
    """
    given = (W_RO, starts_M, places_P, delta_QO)
    if not all(tensor.device.type == "cpu" and tensor.is_contiguous() for tensor in given):
        return False
    compiled = compiler()
    if compiled is None or not W_RO.dtype == delta_QO.dtype == torch.float32:
        return False
    run = compiled.compiled("scatter", None)
    run(*(tensor.data_ptr() for tensor in given), W_RO.shape[1], len(delta_QO))
    return True


def _run(
    name: str,
    tensors: tuple[Tensor | None, ...],
    W_KIO: Tensor,
    batch: int | None,
    **options: bool,
) -> None:
    """Run a kernel on all networks; tensors that are not given are not used."""
    compiled = compiler()
    assert compiled is not None
    assert tensors[0] is not None
    (K, I, O), B = W_KIO.shape, tensors[0].shape[1]  # noqa: E741
    run = compiled.compiled(name, batch, transposed=not W_KIO.is_contiguous(), **options)
    run(*(None if tensor is None else tensor.data_ptr() for tensor in tensors), B, I, O, K)
