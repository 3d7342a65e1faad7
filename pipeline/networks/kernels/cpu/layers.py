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
from pipeline.networks.arithmetic.running import Call

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


def supports_units(units: Units | None) -> bool:
    """Return whether the kernels have the activation function of these units, if any."""
    return units is None or units.function in UNITS


def forward(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    units: Units | None = None,
    signs_K1O: Tensor | None = None,
) -> Tensor | None:
    """Return f(b + x W) * signs [K, B, O], or b + x W without units; None if not supported."""
    if not supports_units(units):
        return None
    B = x_KBI.shape[1]
    if B > MAX_ROWS and not W_KIO.is_contiguous():
        outputs = (forward(x, W_KIO, b_K1O, units, signs_K1O) for x in x_KBI.split(MAX_ROWS, 1))
        return torch.cat([h_KBO for h_KBO in outputs if h_KBO is not None], 1)
    h_KBO = torch.empty(*x_KBI.shape[:2], W_KIO.shape[2])
    forward_call(x_KBI.contiguous(), W_KIO, b_K1O, h_KBO, units, signs_K1O).run()
    return h_KBO


def forward_call(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    h_KBO: Tensor,
    units: Units | None = None,
    signs_K1O: Tensor | None = None,
) -> Call:
    """Return the call that writes f(b + x W) * signs, or b + x W without units, to `h_KBO`."""
    from pipeline.networks.kernels.cpu import kernels  # they need LLVM

    B = x_KBI.shape[1]
    hardness_K11 = None if units is None else units.hardness_K11
    return Call(
        kernels.forward,
        (x_KBI, W_KIO, b_K1O, h_KBO, signs_K1O, hardness_K11),
        (B, *W_KIO.shape[1:], len(W_KIO)),
        B if B <= MAX_ROWS else None,
        {
            "transposed": not W_KIO.is_contiguous(),
            "unit": None if units is None else UNITS[units.function],
            "negated": units is not None and signs_K1O is not None,
        },
        shares=({},),
    )


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
    B, whole = t_KBM.shape[1], V_KIO.is_contiguous() and c_K1M.is_contiguous()
    if not supports_units(activation.units) or B > MAX_ROWS or not whole:
        return None
    if not supports(h_KBO, V_KIO):
        return None
    below_KBO, cost_KB = torch.empty(h_KBO.shape), torch.empty(t_KBM.shape[:2])
    decoder_call(
        h_KBO.contiguous(), V_KIO, c_K1M, t_KBM.contiguous(), rate_K11, activation,
        (torch.empty(t_KBM.shape), below_KBO, cost_KB),
        reconstruction=reconstruction, sample=sample,
    ).run()  # fmt: skip
    return below_KBO, cost_KB


def decoder_call(
    h_KBO: Tensor,
    V_KIO: Tensor,
    c_K1M: Tensor,
    t_KBM: Tensor,
    rate_K11: Tensor,
    activation: ActivationGradient,
    results: tuple[Tensor, Tensor, Tensor],
    *,
    reconstruction: str,
    sample: tuple[Tensor, Tensor] | None = None,
) -> Call:
    """Return the call of `decoder_step_` that writes to `results`.

    These are the gradient [K, B, M] at the decoder's linear outputs, the gradient [K, B, O] at the
    layer's, and the cost [K, B].
    """
    from pipeline.networks.kernels.cpu import decoder  # it needs LLVM

    B, M = t_KBM.shape[1:]
    K, I, O = V_KIO.shape  # noqa: E741
    delta_KBM, below_KBO, cost_KB = results
    places_KM, weight_KM = (None, None) if sample is None else sample
    return Call(
        decoder.decoder_step,
        (
            h_KBO, V_KIO, c_K1M, t_KBM, rate_K11, places_KM, weight_KM,
            delta_KBM, torch.empty_like(delta_KBM), below_KBO, cost_KB, activation.l1_K11,
            activation.units.hardness_K11,
        ),
        (I, M, O, K),
        B,
        {
            "reconstruction": reconstruction,
            "sampled": sample is not None,
            "unit": UNITS[activation.units.function],
            "penalized": activation.l1_K11 is not None,
        },
        shares=({"phase": "forward"}, {"phase": "backward"}) if sample is None else (),
    )  # fmt: skip


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
    if activation is not None and not supports_units(activation.units):
        return False, None
    if x_KBI.shape[1] > MAX_ROWS:
        if activation is not None:
            return False, None
        below_KBI = backward(W_KIO, delta_KBO) if below else None
        for x, delta in zip(x_KBI.split(MAX_ROWS, 1), delta_KBO.split(MAX_ROWS, 1), strict=True):
            backward_and_update_(x, W_KIO, b_K1O, delta, below=False)
        return True, below_KBI
    below_KBI = torch.empty_like(x_KBI, memory_format=torch.contiguous_format) if below else None
    x_KBI, delta_KBO = x_KBI.contiguous(), delta_KBO.contiguous()
    backward_and_update_call(x_KBI, W_KIO, b_K1O, delta_KBO, below_KBI, activation).run()
    return True, below_KBI


def backward_and_update_call(
    x_KBI: Tensor,
    W_KIO: Tensor,
    b_K1O: Tensor,
    delta_KBO: Tensor,
    below_KBI: Tensor | None,
    activation: ActivationGradient | None = None,
) -> Call:
    """Return the call of `backward_and_update_` that writes the gradient below to `below_KBI`."""
    from pipeline.networks.kernels.cpu import kernels  # they need LLVM

    signs_K1I, l1_K11, hardness_K11 = (
        (None, None, None)
        if activation is None
        else (activation.signs_K1O, activation.l1_K11, activation.units.hardness_K11)
    )
    B = x_KBI.shape[1]
    return Call(
        kernels.backward_and_update,
        (x_KBI, W_KIO, b_K1O, delta_KBO, below_KBI, signs_K1I, l1_K11, hardness_K11),
        (B, *W_KIO.shape[1:], len(W_KIO)),
        B,
        {
            "transposed": not W_KIO.is_contiguous(),
            "below": below_KBI is not None,
            "unit": None if activation is None else UNITS[activation.units.function],
            "negated": signs_K1I is not None,
            "penalized": l1_K11 is not None,
        },
        shares=({},),
    )
