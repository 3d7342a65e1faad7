"""Large layers on a CPU: forward, and back with the update, by sweeps over the weights.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs,
R and C the rows and columns of the weights as they lie in memory; a 1 broadcasts.
"""

import logging
import multiprocessing
from functools import cache

import torch
from torch import Tensor

log = logging.getLogger(__name__)

LEAST_WEIGHTS = 2**18  # of a layer; smaller ones stay in the cache, and as torch computes them
LEAST_SIDE = 64  # inputs and outputs
MOST_ROWS = 16  # of a mini-batch: more would not fit the registers


@cache
def works() -> bool:
    """Tell whether sweeps can be compiled here; the log says once why they cannot."""
    try:
        from pipeline.cpu import compiled

        compiled.compiled("down", 1, products=True, update=False)
    except (ImportError, RuntimeError, OSError) as error:
        if multiprocessing.parent_process() is None:
            log.warning("large layers take torch's products, which are slower: %s", error)
        return False
    return True


def suit(x_KBI: Tensor, W_KIO: Tensor) -> bool:
    """Tell whether sweeps serve this layer here.

    That depends on its shape and on the mini-batch's rows, never on K or the place in a stack, so
    that a network's numbers do not depend on who shares its stack.
    """
    _, rows, inputs = x_KBI.shape
    outputs = W_KIO.shape[2]
    return (
        inputs * outputs >= LEAST_WEIGHTS
        and min(inputs, outputs) >= LEAST_SIDE
        and 0 < rows <= MOST_ROWS
        and W_KIO.device.type == "cpu"
        and x_KBI.dtype == W_KIO.dtype == torch.float32
        and (_by_rows(W_KIO) or _by_rows(W_KIO.mT))
        and works()
    )


def forward(x_KBI: Tensor, W_KIO: Tensor, b_K1O: Tensor) -> Tensor:
    """Return b + x W [K, B, O]."""
    K, B, _ = x_KBI.shape
    z_KBO = torch.empty(K, B, W_KIO.shape[2]).copy_(b_K1O)
    if _by_rows(W_KIO):
        _run("down", W_KIO, rows=x_KBI, out=z_KBO)
    else:
        _run("across", W_KIO.mT, columns=x_KBI, out=z_KBO)
    return z_KBO


def descend_(x_KBI: Tensor, W_KIO: Tensor, delta_KBO: Tensor, *, below: bool) -> Tensor | None:
    """Add x' delta to the weights, in place.

    Returns delta W' [K, B, I] with the weights as they were, where `below` asks for it.
    """
    below_KBI = torch.zeros_like(x_KBI, memory_format=torch.contiguous_format) if below else None
    if _by_rows(W_KIO):
        direction = "across" if below else "down"
        _run(direction, W_KIO, rows=x_KBI, columns=delta_KBO, out=below_KBI)
    else:
        _run("down", W_KIO.mT, rows=delta_KBO, columns=x_KBI, out=below_KBI)
    return below_KBI


def _run(
    direction: str,
    W_KRC: Tensor,
    *,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
    out: Tensor | None = None,
) -> None:
    """Sweep over the weights of each network; what is not given is not used."""
    from pipeline.cpu import compiled

    given = [None if tensor is None else tensor.contiguous() for tensor in (rows, columns)]
    taken = [W_KRC, *given, out]
    batch = next(tensor.shape[1] for tensor in given if tensor is not None)
    update = rows is not None and columns is not None
    run = compiled.compiled(direction, batch, products=out is not None, update=update)
    for k, (*_, R, C) in enumerate([W_KRC.shape] * len(W_KRC)):
        run(*(None if tensor is None else _address(tensor, k) for tensor in taken), R, C)


def _address(tensor: Tensor, k: int) -> int:
    return tensor.data_ptr() + k * tensor.stride(0) * tensor.element_size()


def _by_rows(W_KRC: Tensor) -> bool:
    """Tell whether each network's weights lie row by row."""
    return W_KRC.stride()[1:] == (W_KRC.shape[2], 1)
