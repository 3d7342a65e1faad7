"""Layers on a GPU by fused Triton kernels: forward, and backward with the update.

Results equal torch's up to rounding, with a third to a half of its memory traffic and launches
(kernels.py). If Triton is missing or cannot compile, torch computes everything.

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
from pipeline.networks.activations.units import ActivationFunction, ActivationGradient, Units

log = logging.getLogger(__name__)

DEVICES = {"cuda"}  # tests add "cpu": Triton's interpreter runs the kernels there
MAX_ROWS = 16  # of a mini-batch: a thread holds a sum for each
STAGES = 3  # tiles of weights that are loaded at once
NAMES: dict[ActivationFunction, str] = {
    functions.FUNCTIONS[name]: name for name in ("rectifier", "tanh", "softplus")
}  # the activation functions of the kernels


@dataclass
class _Triton:
    """Triton's kernels, imported at first use; `failed` after an error of import or compilation."""

    module: ModuleType | None = None
    failed: bool = False

    def kernels(self) -> ModuleType | None:
        """Return the module of the kernels, None if torch has to compute."""
        if self.module is None and not self.failed:
            try:
                from pipeline.networks.kernels.gpu import kernels
            except ImportError:
                self.give_up("Triton is not installed (CUDA builds of torch for Linux bring it)")
            else:
                self.module = kernels
        return None if self.failed else self.module

    def give_up(self, reason: str) -> None:
        """Fall back to torch from here on, with a warning."""
        log.warning("warning: training without fused kernels, more slowly: %s", reason)
        self.failed = True


_triton = _Triton()


def supports(x_KBI: object, W_KIO: Tensor) -> bool:
    """Return whether the kernels support these tensors: float32 on a GPU, a small mini-batch."""
    return (
        W_KIO.device.type in DEVICES
        and isinstance(x_KBI, Tensor)
        and x_KBI.dtype == W_KIO.dtype == torch.float32
        and x_KBI.shape[1] <= MAX_ROWS
        and (W_KIO.is_contiguous() or W_KIO.mT.is_contiguous())
        and W_KIO.data_ptr() % 16 == 0  # else the order of a network's sums could differ
    )


def forward(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    units: Units | None = None,
    signs_K1O: Tensor | None = None,
) -> Tensor | None:
    """Return f(b + x W) * signs [K, B, O], or b + x W without units; None if not supported."""
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
    if activation is not None and activation.units.function not in NAMES:
        return False, None
    K, B, I = x_KBI.shape
    O, transposed = W_KIO.shape[2], not W_KIO.is_contiguous()
    below_KBI = torch.empty_like(x_KBI, memory_format=torch.contiguous_format) if below else None
    signs_K1I, hardness_K11, l1_K11 = (
        (None, None, None) if activation is None
        else (activation.signs_K1O, activation.units.hardness_K11, activation.l1_K11)
    )  # fmt: skip
    own, loop, group = _tile(I, O, across=not transposed, writes=True)
    done = _launch(
        "backward_and_update",
        (-(-max(I, O) // own), K),
        (
            x_KBI.contiguous(), W_KIO, b_K1O, delta_KBO.contiguous(),
            *(b_K1O if tensor is None else tensor  # a pointer that is not read
              for tensor in (below_KBI, signs_K1I, hardness_K11, l1_K11)),
        ),
        B=B, I=I, O=O, TRANSPOSED=transposed, BELOW=below,
        FUNCTION="" if activation is None else NAMES[activation.units.function],
        NEGATED=signs_K1I is not None, PENALIZED=l1_K11 is not None,
        OWN=own, LOOP=loop, GROUP=group, STAGES=STAGES,
    )  # fmt: skip
    return done, below_KBI if done else None


def backward(W_KIO: Tensor, delta_KBO: Tensor) -> None:
    """Return None: torch computes the gradient at a layer's inputs where there is no update."""


def softmax_delta(
    scores_KBC: Tensor, y_KB: Tensor, rate_K11: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Return the scaled gradient [K, B, C] of -log P(y) at the softmax inputs, and the cost [K].

    None if not supported.
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

    A tile that is written has at least one weight per thread: with fewer, two threads hold the
    same weight, and one may read it after the other has written it.
    """
    if across:
        return (32, 32, 4) if loop % 4 == 0 else (16, 32, 1)
    if writes:
        return 32, 32, 2
    strip = min(32, max(16, _power_of_2(own)))
    return strip, 2048 // strip, 4


def _power_of_2(n: int) -> int:
    """Return the smallest power of 2 that is at least n.

    >>> [_power_of_2(n) for n in (1, 2, 3, 10, 16)]
    [1, 2, 4, 16, 16]
    """
    return 1 << (n - 1).bit_length()


def _launch(name: str, grid: tuple[int, ...], tensors: tuple[Tensor, ...], **shape: Any) -> bool:
    """Run a kernel; return False, with nothing changed, if it is not available."""
    kernels = _triton.kernels()
    if kernels is None:
        return False
    try:
        getattr(kernels, name)[grid](*tensors, **shape)
    except (torch.OutOfMemoryError, torch.AcceleratorError):
        raise
    except Exception as error:  # Triton and its compilers raise various types
        if "[CUDA]" in str(error):  # an error of the driver: torch would fail as well
            raise
        first = (str(error).strip().splitlines() or [""])[0]
        _triton.give_up(f"kernel {name} does not compile: {type(error).__name__}: {first}")
        return False
    return True
