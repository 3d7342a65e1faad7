"""Layers on a CPU by compiled kernels: forward, and backward with the update.

Results equal torch's up to rounding, with less memory traffic and fewer calls (kernels.py). If no
kernel can be compiled, torch computes everything.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs; a
1 broadcasts.
"""

import torch
from torch import Tensor

from pipeline.networks.activations import functions
from pipeline.networks.activations.units import ActivationFunction, ActivationGradient, Units
from pipeline.networks.arithmetic import running

MAX_ROWS = 16  # of a mini-batch: the sums of more do not fit the registers
UNITS: dict[ActivationFunction, str] = {
    functions.FUNCTIONS[name]: name
    for name in ("rectifier", "tanh", "softplus", "sigmoid", "leaky", "elu")
}  # the activation functions of the kernels


def supports(x_KBI: object, W_KIO: Tensor) -> bool:
    """Return whether the kernels support these inputs and weights: float32 on a CPU.

    Never depends on K: a network's numbers do not depend on the others of its population.
    """
    return (
        W_KIO.device.type == "cpu"
        and isinstance(x_KBI, Tensor)
        and x_KBI.dtype == W_KIO.dtype == torch.float32
        and (W_KIO.is_contiguous() or W_KIO.mT.is_contiguous())
        and running.compiled_kernels() is not None
    )


def forward(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    units: Units | None = None,
    signs_K1O: Tensor | None = None,
) -> Tensor | None:
    """Return f(b + x W) * signs [K, B, O], or b + x W without units; None if not supported."""
    from pipeline.networks.kernels.cpu import kernels  # they need LLVM

    B, straight = x_KBI.shape[1], W_KIO.is_contiguous()
    unit = None if units is None else UNITS.get(units.function)
    if units is not None and unit is None:
        return None
    if B > MAX_ROWS and not straight:
        outputs = (forward(x, W_KIO, b_K1O, units, signs_K1O) for x in x_KBI.split(MAX_ROWS, 1))
        return torch.cat([h_KBO for h_KBO in outputs if h_KBO is not None], 1)
    hardness_K11 = None if units is None else units.hardness_K11
    h_KBO = torch.empty(*x_KBI.shape[:2], W_KIO.shape[2])
    running.run(
        kernels.forward,
        (x_KBI.contiguous(), W_KIO, b_K1O, h_KBO, signs_K1O, hardness_K11),
        (x_KBI.shape[1], *W_KIO.shape[1:], len(W_KIO)),
        B if B <= MAX_ROWS else None,
        transposed=not straight,
        unit=unit,
        negated=unit is not None and signs_K1O is not None,
    )
    return h_KBO


def backward(W_KIO: Tensor, delta_KBO: Tensor) -> Tensor:
    """Return delta W' [K, B, I], the gradient at a layer's inputs."""
    below_KBI = forward(delta_KBO, W_KIO.mT, W_KIO.new_zeros(len(W_KIO), 1, W_KIO.shape[1]))
    assert below_KBI is not None
    return below_KBI


def decoder_step_(
    h_KBO: Tensor,
    V_KIO: Tensor,
    c_K1M: Tensor,
    t_KBM: Tensor,
    rate_K11: Tensor,
    activation: ActivationGradient,
    *,
    reconstruction: str,
    sample: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor] | None:
    """Take the step of a decoder with a row of weights per input, in place.

    Returns the gradient [K, B, O] at the linear outputs of `activation`, whose outputs are
    `h_KBO`, and the cost [K, B] of each example; None if not supported. `sample`: the indices
    [K, M] (int64) of the reconstructed inputs, none of them twice, and the weights [K, M] of their
    costs; else all inputs are reconstructed. `t_KBM` are the targets, `rate_K11` is -rate / B.
    """
    from pipeline.networks.kernels.cpu import decoder  # it needs LLVM

    unit, (K, B, M) = UNITS.get(activation.units.function), t_KBM.shape
    whole = all(tensor.is_contiguous() for tensor in (V_KIO, c_K1M))
    if unit is None or B > MAX_ROWS or not whole or not supports(h_KBO, V_KIO):
        return None
    delta_KBM, costs_KBM = (torch.empty(K, B, M) for _ in range(2))
    below_KBO, cost_KB = torch.empty(h_KBO.shape), torch.empty(K, B)
    places_KM, weight_KM = (None, None) if sample is None else sample
    running.run(
        decoder.decoder_step,
        (
            h_KBO.contiguous(), V_KIO, c_K1M, t_KBM.contiguous(), rate_K11, places_KM, weight_KM,
            delta_KBM, costs_KBM, below_KBO, cost_KB, activation.l1_K11,
            activation.units.hardness_K11,
        ),
        (V_KIO.shape[1], M, V_KIO.shape[2], K),
        B,
        reconstruction=reconstruction,
        sampled=sample is not None,
        unit=unit,
        penalized=activation.l1_K11 is not None,
    )  # fmt: skip
    return below_KBO, cost_KB


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
    from pipeline.networks.kernels.cpu import kernels  # they need LLVM

    unit = None if activation is None else UNITS.get(activation.units.function)
    if activation is not None and (unit is None or x_KBI.shape[1] > MAX_ROWS):
        return False, None
    if x_KBI.shape[1] > MAX_ROWS:
        below_KBI = backward(W_KIO, delta_KBO) if below else None
        for x, delta in zip(x_KBI.split(MAX_ROWS, 1), delta_KBO.split(MAX_ROWS, 1), strict=True):
            backward_and_update_(x, W_KIO, b_K1O, delta, below=False)
        return True, below_KBI
    below_KBI = torch.empty_like(x_KBI, memory_format=torch.contiguous_format) if below else None
    signs_K1I, l1_K11, hardness_K11 = (
        (None, None, None)
        if activation is None
        else (activation.signs_K1O, activation.l1_K11, activation.units.hardness_K11)
    )
    running.run(
        kernels.backward_and_update,
        (
            x_KBI.contiguous(), W_KIO, b_K1O, delta_KBO.contiguous(),
            below_KBI, signs_K1I, l1_K11, hardness_K11,
        ),
        (x_KBI.shape[1], *W_KIO.shape[1:], len(W_KIO)),
        x_KBI.shape[1],
        transposed=not W_KIO.is_contiguous(),
        below=below,
        unit=unit,
        negated=signs_K1I is not None,
        penalized=l1_K11 is not None,
    )  # fmt: skip
    return True, below_KBI
