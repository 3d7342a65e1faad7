"""Hand-written backprop on stacked weights: no autograd, no gradient tensors.

Backprop is linear in the gradient at the top, so that gradient is scaled once by -rate / B; what
flows down from there is already the step to take, and `W += x' delta` is the whole update.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O outputs of a
layer, C classes, L layers; a 1 broadcasts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline import linear, networks
from pipeline.networks import Stack
from pipeline.terms import Inputs, dense
from pipeline.units import Units


@dataclass(frozen=True)
class Step:
    """How far each network goes: `rate_K11` = -rate / B, `l1_K11` = -rate * l1 / B."""

    rate_K11: Tensor
    l1_K11: Tensor
    penalized: bool  # some l1 is not 0
    learns: bool = True  # False: gradients are looked at, nothing may change

    @classmethod
    def of(cls, rates_K: Tensor, l1_K: Tensor, batch: int) -> "Step":
        """Return the step of K networks from their learning rates and L1 coefficients."""
        rate_K11 = (-rates_K / batch).view(-1, 1, 1)
        return cls(rate_K11, rate_K11 * l1_K.view(-1, 1, 1), bool((l1_K > 0).any()))


def softmax_delta(scores_KBC: Tensor, y_KB: Tensor, rate_K11: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scaled gradient [K, B, C] of -log P(y) at the softmax inputs, and the cost [K].

    The cost is the mean over the batch, in nats.
    """
    log_p_KBC = scores_KBC.log_softmax(2)
    y_KB1 = y_KB.unsqueeze(2)
    cost_K = log_p_KBC.gather(2, y_KB1).mean((1, 2)).neg_()
    delta_KBC = log_p_KBC.exp_()
    delta_KBC.scatter_add_(2, y_KB1, torch.full_like(y_KB1, -1, dtype=delta_KBC.dtype))
    return delta_KBC.mul_(rate_K11), cost_K


def through_units_(
    delta_KBO: Tensor,
    h_KBO: Tensor,
    units: Units,
    signs_K1O: Tensor | None,
    memory: Tensor | None,
    *,
    step: Step,
) -> Tensor:
    """Turn the gradient at a hidden layer's outputs into that at its linear outputs, in place.

    The L1 penalty on the outputs joins here, and slopes that are learned take their step.
    Overwrites `h_KBO` too where units are negated. `memory` is what the units remembered.
    """
    if signs_K1O is not None:
        h_KBO.mul_(signs_K1O)  # f(z) itself: the slope is told from it
        delta_KBO.mul_(signs_K1O)
    if step.penalized:
        delta_KBO.addcmul_(h_KBO.sign(), step.l1_K11)
    told = h_KBO if memory is None else memory
    if units.slope_K1O is None or units.function.learn is None:
        return units.function.chain_(delta_KBO, told, units)
    slope_K1O = units.function.learn(delta_KBO, told)
    units.function.chain_(delta_KBO, told, units)
    if step.learns:
        units.slope_K1O.add_(slope_K1O)
    return delta_KBO


Pass = Callable[[int, Inputs, Tensor], Tensor | None]


def backward(
    stack: Stack,
    x_KBI: Inputs,
    outputs: list[Tensor],
    memories: list[Tensor | None],
    delta_KBC: Tensor,
    *,
    step: Step,
    through: Pass,
) -> None:
    """Lead the gradient at the softmax inputs down to the lowest layer.

    `through(layer, inputs [K, B, I], gradient at its linear outputs [K, B, O])` is called top
    first; it returns the gradient at a layer's inputs, which the lowest layer does not need.
    `outputs` and `memories` come from `networks.hidden_outputs` and are used up.
    """
    delta_KBO = delta_KBC
    for layer in reversed(range(1, stack.depth + 1)):
        h_KBI = outputs[layer - 1]
        below_KBI = through(layer, h_KBI, delta_KBO)
        assert below_KBI is not None
        units, signs_K1I = stack.units(layer - 1), stack.signs_K1O(layer - 1)
        delta_KBO = through_units_(
            below_KBI, h_KBI, units, signs_K1I, memories[layer - 1], step=step
        )
    through(0, x_KBI, delta_KBO)


def supervised_step_(stack: Stack, x_KBI: Inputs, y_KB: Tensor, step: Step) -> Tensor:
    """Take one SGD step on -log P(y) + l1 * sum |h|, in place; return -log P(y) before it [K]."""
    memories: list[Tensor | None] = []
    outputs = networks.hidden_outputs(stack, x_KBI, memories=memories)
    scores_KBC = networks.scores(stack, x_KBI, outputs)
    delta_KBC, cost_K = softmax_delta(scores_KBC, y_KB, step.rate_K11)

    def descend(layer: int, below_KBI: Inputs, delta_KBO: Tensor) -> Tensor | None:
        W_KIO, b_K1O = stack.W_KIO(layer), stack.b_K1O(layer)
        return linear.descend_(below_KBI, W_KIO, b_K1O, delta_KBO, below=layer > 0)

    backward(stack, x_KBI, outputs, memories, delta_KBC, step=step, through=descend)
    return cost_K


def gradient_norms(stack: Stack, x_KBI: Inputs, y_KB: Tensor, l1_K: Tensor) -> Tensor:
    """Return the Frobenius norm of each layer's weight gradient [K, L], lowest layer first.

    ||x' d||^2 = sum of (x x') * (d d') over the B x B pairs of rows: the gradient is never formed.
    """
    step = replace(Step.of(torch.ones_like(l1_K), l1_K, x_KBI.shape[1]), learns=False)
    memories: list[Tensor | None] = []
    outputs = networks.hidden_outputs(stack, x_KBI, memories=memories)
    delta_KBC, _ = softmax_delta(networks.scores(stack, x_KBI, outputs), y_KB, step.rate_K11)
    squares: list[Tensor] = []

    def look(layer: int, below_KBI: Inputs, delta_KBO: Tensor) -> Tensor | None:
        x_KBI = dense(below_KBI)
        pairs_KBB = torch.bmm(x_KBI, x_KBI.mT) * torch.bmm(delta_KBO, delta_KBO.mT)
        squares.append(pairs_KBB.sum((1, 2)))
        return linear.backward(stack.W_KIO(layer), delta_KBO) if layer else None

    backward(stack, x_KBI, outputs, memories, delta_KBC, step=step, through=look)
    return torch.stack(squares[::-1], 1).clamp_(min=0).sqrt_()
