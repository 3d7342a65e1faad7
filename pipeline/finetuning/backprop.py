"""Hand-written backprop on stacked weights: no autograd, no gradient tensors.

Backprop is linear in the gradient at the top, so that gradient is scaled once by -rate / B; what
flows down from there is already the step to take, and `W += x' delta` is the whole update.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O outputs of a
layer, C classes, L layers; a 1 broadcasts.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs, dense
from pipeline.networks import linear, population
from pipeline.networks.hidden_layer import Passage, descend_through_
from pipeline.networks.kernels import dispatch
from pipeline.networks.population import Population
from pipeline.networks.step import Step


def softmax_delta(scores_KBC: Tensor, y_KB: Tensor, rate_K11: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scaled gradient [K, B, C] of -log P(y) at the softmax inputs, and the cost [K].

    The cost is the mean over the batch, in nats.
    """
    fused = dispatch.softmax_delta(scores_KBC, y_KB, rate_K11)
    if fused is not None:
        return fused
    log_p_KBC = scores_KBC.log_softmax(2)
    y_KB1 = y_KB.unsqueeze(2)
    cost_K = log_p_KBC.gather(2, y_KB1).mean((1, 2)).neg_()
    delta_KBC = log_p_KBC.exp_()
    delta_KBC.scatter_add_(2, y_KB1, torch.full_like(y_KB1, -1, dtype=delta_KBC.dtype))
    return delta_KBC.mul_(rate_K11), cost_K


Pass = Callable[[int, Inputs, Tensor, Passage | None], Tensor | None]


def backward(
    stack: Population,
    x_KBI: Inputs,
    outputs: list[Tensor],
    memories: list[Tensor | None],
    delta_KBC: Tensor,
    *,
    step: Step,
    through: Pass,
) -> None:
    """Lead the gradient at the softmax inputs down to the lowest layer.

    `through(layer, inputs [K, B, I], gradient at its linear outputs [K, B, O], layer below)` is
    called top first; it returns the gradient at the linear outputs of the layer below, where there
    is one. `outputs` and `memories` come from `networks.hidden_outputs` and are used up.
    """
    delta_KBO: Tensor | None = delta_KBC
    for layer in reversed(range(stack.depth + 1)):
        assert delta_KBO is not None
        if not layer:
            through(0, x_KBI, delta_KBO, None)
            return
        units, signs_K1O = stack.units(layer - 1), stack.signs_K1O(layer - 1)
        below = Passage(units, signs_K1O, memories[layer - 1], step)
        delta_KBO = through(layer, outputs[layer - 1], delta_KBO, below)


def supervised_step_(stack: Population, x_KBI: Inputs, y_KB: Tensor, step: Step) -> Tensor:
    """Take one SGD step on -log P(y) + l1 * sum |h|, in place; return -log P(y) before it [K]."""
    memories: list[Tensor | None] = []
    outputs = population.hidden_outputs(stack, x_KBI, memories=memories)
    scores_KBC = population.scores(stack, x_KBI, outputs)
    delta_KBC, cost_K = softmax_delta(scores_KBC, y_KB, step.rate_K11)

    def descend_(
        layer: int, x_KBI: Inputs, delta_KBO: Tensor, below: Passage | None
    ) -> Tensor | None:
        W_KIO, b_K1O = stack.W_KIO(layer), stack.b_K1O(layer)
        if below is None:
            return linear.descend_(x_KBI, W_KIO, b_K1O, delta_KBO, below=False)
        return descend_through_(dense(x_KBI), W_KIO, b_K1O, delta_KBO, below)

    backward(stack, x_KBI, outputs, memories, delta_KBC, step=step, through=descend_)
    return cost_K


def gradient_norms(stack: Population, x_KBI: Inputs, y_KB: Tensor, l1_K: Tensor) -> Tensor:
    """Return the Frobenius norm of each layer's weight gradient [K, L], lowest layer first.

    ||x' d||^2 = sum of (x x') * (d d') over the B x B pairs of rows: the gradient is never formed.
    """
    step = replace(Step.of(torch.ones_like(l1_K), l1_K, x_KBI.shape[1]), learns=False)
    memories: list[Tensor | None] = []
    outputs = population.hidden_outputs(stack, x_KBI, memories=memories)
    delta_KBC, _ = softmax_delta(population.scores(stack, x_KBI, outputs), y_KB, step.rate_K11)
    squares: list[Tensor] = []

    def look(layer: int, x_KBI: Inputs, delta_KBO: Tensor, below: Passage | None) -> Tensor | None:
        h_KBI = dense(x_KBI)
        pairs_KBB = torch.bmm(h_KBI, h_KBI.mT) * torch.bmm(delta_KBO, delta_KBO.mT)
        squares.append(pairs_KBB.sum((1, 2)))
        if below is None:
            return None
        return below.through_(linear.backward(stack.W_KIO(layer), delta_KBO), h_KBI)

    backward(stack, x_KBI, outputs, memories, delta_KBC, step=step, through=look)
    return torch.stack(squares[::-1], 1).clamp_(min=0).sqrt_()
