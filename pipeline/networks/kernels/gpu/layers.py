"""The layers of a stack by fused kernels, where a GPU and Triton are there.

Same results as plain torch's up to rounding, with a third to a half of its traffic and launches;
kernels.py says how. Where Triton is missing, or cannot compile, everything goes the plain way.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs, C
classes; a 1 broadcasts.
"""

import logging
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Function, Gate, Units

log = logging.getLogger(__name__)

DEVICES = {"cuda"}  # where the kernels run; Triton's interpreter runs them on a CPU, for tests
MOST_ROWS = 16  # of a mini-batch: a thread keeps a sum for each
STAGES = 3  # tiles of weights on their way from memory at once
NAMES: dict[Function, str] = {
    functions.FUNCTIONS[name]: name for name in ("rectifier", "tanh", "softplus")
}  # the units that the kernels know


@dataclass
class _Triton:
    """Triton's kernels, imported when they are first needed; `failed` once they cannot be had."""

    module: ModuleType | None = None
    failed: bool = False

    def kernels(self) -> ModuleType | None:
        """Return the module of the kernels, None where the plain path has to do."""
        if self.module is None and not self.failed:
            try:
                from pipeline.networks.kernels.gpu import kernels
            except ImportError:
                self.give_up("Triton is not installed (CUDA builds of torch for Linux bring it)")
            else:
                self.module = kernels
        return None if self.failed else self.module

    def give_up(self, reason: str) -> None:
        """Go the plain way from here on, and say so."""
        log.warning("warning: training without fused kernels, more slowly: %s", reason)
        self.failed = True


_triton = _Triton()


def fits(x_KBI: object, W_KIO: Tensor) -> bool:
    """Tell whether the kernels take inputs and weights: float32 on a GPU, a small mini-batch."""
    return (
        W_KIO.device.type in DEVICES
        and isinstance(x_KBI, Tensor)
        and x_KBI.dtype == W_KIO.dtype == torch.float32
        and x_KBI.shape[1] <= MOST_ROWS
        and (W_KIO.is_contiguous() or W_KIO.mT.is_contiguous())
        and W_KIO.data_ptr() % 16 == 0  # else a network's sums might have another order
    )


def forward(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    units: Units | None = None,
    signs_K1O: Tensor | None = None,
) -> Tensor | None:
    """Return f(b + x W) * signs [K, B, O], without units b + x W; None where it cannot be done."""
    if units is not None and units.function not in NAMES:
        return None
    K, B, I = x_KBI.shape
    O, transposed = W_KIO.shape[2], not W_KIO.is_contiguous()
    h_KBO = W_KIO.new_empty(K, B, O)
    own, loop, group = _tile(O, I, across=transposed, writes=False)
    done = _launch(
        "forward",
        (-(-O // own), K),
        (
            x_KBI.contiguous(), W_KIO, b_K1O, h_KBO,
            b_K1O if signs_K1O is None else signs_K1O,
            b_K1O if units is None else units.hardness_K11,
        ),
        B=B, I=I, O=O, TRANSPOSED=transposed,
        FUNCTION="" if units is None else NAMES[units.function],
        NEGATED=signs_K1O is not None,
        OWN=own, LOOP=loop, GROUP=group, STAGES=STAGES,
    )  # fmt: skip
    return h_KBO if done else None


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
    if gate is not None and gate.units.function not in NAMES:
        return False, None
    K, B, I = x_KBI.shape
    O, transposed = W_KIO.shape[2], not W_KIO.is_contiguous()
    below_KBI = torch.empty_like(x_KBI, memory_format=torch.contiguous_format) if below else None
    signs_K1I, hardness_K11, l1_K11 = (
        (None, None, None) if gate is None
        else (gate.signs_K1O, gate.units.hardness_K11, gate.l1_K11)
    )  # fmt: skip
    own, loop, group = _tile(I, O, across=not transposed, writes=True)
    done = _launch(
        "descend",
        (-(-max(I, O) // own), K),
        (
            x_KBI.contiguous(), W_KIO, b_K1O, delta_KBO.contiguous(),
            *(b_K1O if given is None else given  # where it is not read
              for given in (below_KBI, signs_K1I, hardness_K11, l1_K11)),
        ),
        B=B, I=I, O=O, TRANSPOSED=transposed, BELOW=below,
        FUNCTION="" if gate is None else NAMES[gate.units.function],
        NEGATED=signs_K1I is not None, PENALIZED=l1_K11 is not None,
        OWN=own, LOOP=loop, GROUP=group, STAGES=STAGES,
    )  # fmt: skip
    return done, below_KBI if done else None


def softmax_delta(
    scores_KBC: Tensor, y_KB: Tensor, rate_K11: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Return the scaled gradient [K, B, C] of -log P(y) at the softmax inputs, and the cost [K].

    None where it cannot be done.
    """
    K, B, C = scores_KBC.shape
    delta_KBC, cost_K = torch.empty_like(scores_KBC), scores_KBC.new_empty(K)
    done = _launch(
        "softmax_delta",
        (K,),
        (scores_KBC, y_KB.contiguous(), rate_K11, delta_KBC, cost_K),
        B=B, C=C, ROWS=_power_of_2(B), COLUMNS=_power_of_2(C),
    )  # fmt: skip
    return (delta_KBC, cost_K) if done else None


def _tile(own: int, loop: int, *, across: bool, writes: bool) -> tuple[int, int, int]:
    """Return OWN, LOOP and GROUP for a layer: from its shape alone, so that no sum depends on K.

    What is written must be no fewer weights than threads hold: a weight that two threads hold may
    be read by one after the other has written it.
    """
    if across:
        return (32, 32, 4) if loop % 4 == 0 else (16, 32, 1)
    if writes:
        return 32, 32, 2
    strip = min(32, max(16, _power_of_2(own)))
    return strip, 2048 // strip, 4


def _power_of_2(n: int) -> int:
    """Return the least power of 2 that is not below n.

    >>> [_power_of_2(n) for n in (1, 2, 3, 10, 16)]
    [1, 2, 4, 16, 16]
    """
    return 1 << (n - 1).bit_length()


def _launch(name: str, grid: tuple[int, ...], tensors: tuple[Tensor, ...], **shape: Any) -> bool:
    """Run a kernel; return False where there is none, and nothing has been done."""
    kernels = _triton.kernels()
    if kernels is None:
        return False
    try:
        getattr(kernels, name)[grid](*tensors, **shape)
    except (torch.OutOfMemoryError, torch.AcceleratorError):
        raise
    except Exception as error:  # whatever Triton and the compilers that it calls may raise
        if "[CUDA]" in str(error):  # the driver's: the plain path would fail as well
            raise
        first = (str(error).strip().splitlines() or [""])[0]
        _triton.give_up(f"kernel {name} does not compile: {type(error).__name__}: {first}")
        return False
    return True
