"""SGD steps of fine-tuning, compiled into one call each where the CPU kernels support it.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs.
"""

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs
from pipeline.finetuning.backprop import supervised_step_
from pipeline.networks.activations.units import ActivationGradient
from pipeline.networks.arithmetic import rows
from pipeline.networks.arithmetic.running import Call
from pipeline.networks.arithmetic.sequence import KernelSequence
from pipeline.networks.kernels.cpu import layers as cpu
from pipeline.networks.population import Population
from pipeline.networks.step import Step


class SupervisedSteps:
    """Steps of one population, whose tensors keep their memory meanwhile.

    The results are those of `backprop.supervised_step_`, bit for bit.
    """

    def __init__(self, networks: Population, step: Step) -> None:
        """Remember the networks and their step sizes."""
        self._networks, self._step = networks, step
        self._cost_K = torch.empty(len(networks))
        weights = [networks.W_KIO(layer)[0].numel() for layer in range(networks.depth + 1)]
        self._compiled = KernelSequence(self._calls, sum(weights))

    def take_(self, x_KBI: Inputs, y_KB: Tensor) -> Tensor:
        """Take one step in place; return -log P(y) before it [K], which the next step overwrites.

        The first mini-batch decides which shapes the compiled steps have.
        """
        if self._compiled.run(x_KBI, y_KB):
            return self._cost_K
        return supervised_step_(self._networks, x_KBI, y_KB, self._step)

    def _calls(self, x_KBI: Tensor, y_KB: Tensor) -> list[Call]:
        """Return a step's kernel calls: forward, softmax, backward with the updates."""
        networks, step = self._networks, self._step
        layers, B = range(networks.depth + 1), x_KBI.shape[1]
        weights = [networks.W_KIO(layer) for layer in layers]
        units = [networks.units(layer) for layer in layers[:-1]]
        if B > cpu.MAX_ROWS or y_KB.dtype != torch.int64 or not all(map(cpu.supports_units, units)):
            return []
        if not all(cpu.supports(x_KBI, W_KIO) for W_KIO in weights):
            return []
        outputs, deltas = ([torch.empty(1, B, W.shape[2]) for W in weights] for _ in range(2))
        inputs = [x_KBI, *outputs[:-1]]
        l1_K11 = step.l1_K11 if step.penalized else None
        forward = [
            cpu.forward_call(
                inputs[layer], weights[layer], networks.b_K1O(layer), outputs[layer],
                *((units[layer], networks.signs_K1O(layer)) if layer < networks.depth else ()),
            )
            for layer in layers
        ]  # fmt: skip
        softmax = rows.softmax_delta_call(
            outputs[-1], y_KB, step.rate_K11, deltas[-1], self._cost_K
        )
        backward = [
            cpu.backward_and_update_call(
                inputs[layer], weights[layer], networks.b_K1O(layer), deltas[layer],
                deltas[layer - 1] if layer else None,
                ActivationGradient(units[layer - 1], networks.signs_K1O(layer - 1), l1_K11)
                if layer else None,
            )
            for layer in reversed(layers)
        ]  # fmt: skip
        return [*forward, softmax, *backward]
