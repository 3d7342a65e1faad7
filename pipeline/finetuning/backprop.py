"""Hand-written backprop of K networks: no autograd, no gradient tensors of the weights.

Backprop is linear in the gradient at the softmax inputs, which is therefore scaled once by
-rate / B: all gradients below it are steps already, and `W += x' delta` is the whole update.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O outputs of a
layer, C classes, L layers; a 1 broadcasts.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs, dense
from pipeline.networks import hidden_layer, linear, population
from pipeline.networks.arithmetic import numerics
from pipeline.networks.hidden_layer import ActivationBackward
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


LayerBackward = Callable[[int, Inputs, Tensor, ActivationBackward | None], Tensor | None]


def backward(
    networks: Population,
    x_KBI: Inputs,
    outputs: list[Tensor],
    saved: list[Tensor | None],
    delta_KBC: Tensor,
    *,
    step: Step,
    through: LayerBackward,
) -> None:
    """Propagate the gradient at the softmax inputs down to the lowest layer.

    Calls `through(layer, inputs [K, B, I], gradient at its linear outputs [K, B, O], units below)`
    from the top layer down; it returns the gradient at the linear outputs of the layer below, if
    there is one. `outputs` and `saved` come from `population.hidden_outputs` and are overwritten.
    """
    delta_KBO: Tensor | None = delta_KBC
    for layer in reversed(range(networks.depth + 1)):
        assert delta_KBO is not None
        if not layer:
            through(0, x_KBI, delta_KBO, None)
            return
        units, signs_K1O = networks.units(layer - 1), networks.signs_K1O(layer - 1)
        below = ActivationBackward(units, signs_K1O, saved[layer - 1], step)
        delta_KBO = through(layer, outputs[layer - 1], delta_KBO, below)


def supervised_step_(networks: Population, x_KBI: Inputs, y_KB: Tensor, step: Step) -> Tensor:
    """Take one SGD step on -log P(y) + l1 * sum |h|, in place; return -log P(y) before it [K]."""
    saved: list[Tensor | None] = []
    outputs = population.hidden_outputs(networks, x_KBI, saved=saved)
    scores_KBC = population.scores(networks, x_KBI, outputs)
    delta_KBC, cost_K = softmax_delta(scores_KBC, y_KB, step.rate_K11)

    def backward_and_update_(
        layer: int, x_KBI: Inputs, delta_KBO: Tensor, below: ActivationBackward | None
    ) -> Tensor | None:
        W_KIO, b_K1O = networks.W_KIO(layer), networks.b_K1O(layer)
        if below is None:
            return linear.backward_and_update_(x_KBI, W_KIO, b_K1O, delta_KBO, below=False)
        return hidden_layer.backward_and_update_(dense(x_KBI), W_KIO, b_K1O, delta_KBO, below)

    backward(networks, x_KBI, outputs, saved, delta_KBC, step=step, through=backward_and_update_)
    return cost_K


def gradient_norms(networks: Population, x_KBI: Inputs, y_KB: Tensor, l1_K: Tensor) -> Tensor:
    """Return the Frobenius norm of each layer's weight gradient [K, L], lowest layer first.

    ||x' d||^2 = sum of (x x') * (d d') over the B x B pairs of rows: the gradient is never formed.
    """
    step = replace(Step.of(torch.ones_like(l1_K), l1_K, x_KBI.shape[1]), updates=False)
    saved: list[Tensor | None] = []
    outputs = population.hidden_outputs(networks, x_KBI, saved=saved)
    delta_KBC, _ = softmax_delta(population.scores(networks, x_KBI, outputs), y_KB, step.rate_K11)
    squares: list[Tensor] = []

    def add_norm(
        layer: int, x_KBI: Inputs, delta_KBO: Tensor, below: ActivationBackward | None
    ) -> Tensor | None:
        h_KBI = dense(x_KBI)
        pairs_KBB = linear.pairs(h_KBI) * linear.pairs(delta_KBO)
        squares.append(numerics.sums(pairs_KBB.flatten(1)))
        if below is None:
            return None
        return below.backward_(linear.backward(networks.W_KIO(layer), delta_KBO), h_KBI)

    backward(networks, x_KBI, outputs, saved, delta_KBC, step=step, through=add_norm)
    return numerics.sqrt(torch.stack(squares[::-1], 1).clamp_(min=0))
