"""SGD steps of pre-training, compiled into one call each where the CPU kernels support it.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of the layer, O its units.
"""

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs
from pipeline.networks.activations.units import ActivationGradient
from pipeline.networks.arithmetic import numerics
from pipeline.networks.arithmetic.running import Call
from pipeline.networks.arithmetic.sequence import KernelSequence
from pipeline.networks.kernels.cpu import layers as cpu
from pipeline.networks.step import Step
from pipeline.pretraining.autoencoder import Autoencoder, denoising_step_, targets
from pipeline.pretraining.reconstruction_sampling import Sample


class DenoisingSteps:
    """Steps of K auto-encoders, whose tensors keep their memory meanwhile.

    The results are those of `autoencoder.denoising_step_`, bit for bit.
    """

    def __init__(self, auto: Autoencoder, step: Step) -> None:
        """Remember the auto-encoders and their step sizes."""
        self._auto, self._step = auto, step
        self._cost_KB = torch.empty(0)
        floats = auto.tensors["W"][0].numel() + auto.decoder_rows_KIO[0].numel()
        self._compiled = KernelSequence(self._calls, floats)

    def take_(self, x_KBI: Inputs, noisy_KBI: Inputs, sample: Sample | None = None) -> Tensor:
        """Take one step on corrupted inputs, in place; return the cost before it [K].

        The first mini-batch decides which shapes the compiled steps have.
        """
        if (
            isinstance(x_KBI, Tensor)
            and self._compiled.supported
            and self._compiled.run(targets(self._auto, x_KBI), noisy_KBI)
        ):
            return numerics.sums(self._cost_KB).div_(self._cost_KB.shape[1])
        return denoising_step_(self._auto, x_KBI, noisy_KBI, self._step, sample)

    def _calls(self, t_KBI: Tensor, noisy_KBI: Tensor) -> list[Call]:
        """Return a step's kernel calls: encoder, decoder with its update, update of the encoder."""
        auto, step = self._auto, self._step
        W_KIO, b_K1O, c_K1I = (auto.tensors[name] for name in ("W", "b", "c"))
        V_KIO, units = auto.decoder_rows_KIO, auto.units
        B, O = noisy_KBI.shape[1], W_KIO.shape[2]  # noqa: E741
        if B > cpu.MAX_ROWS or not cpu.supports_units(units) or not c_K1I.is_contiguous():
            return []
        if not all(cpu.supports(x, M) for x, M in ((noisy_KBI, W_KIO), (t_KBI, V_KIO))):
            return []
        if not V_KIO.is_contiguous():
            return []
        h_1BO, below_1BO = (torch.empty(1, B, O) for _ in range(2))
        self._cost_KB = torch.empty(noisy_KBI.shape[:2])
        activation = ActivationGradient(units, None, step.l1_K11 if step.penalized else None)
        return [
            cpu.forward_call(noisy_KBI, W_KIO, b_K1O, h_1BO, units),
            cpu.decoder_call(
                h_1BO, V_KIO, c_K1I, t_KBI, step.rate_K11, activation,
                (torch.empty(1, *t_KBI.shape[1:]), below_1BO, self._cost_KB),
                reconstruction=auto.reconstruction,
            ),
            cpu.backward_and_update_call(noisy_KBI, W_KIO, b_K1O, below_1BO, None),
        ]  # fmt: skip
