"""Hidden layer: forward, and backward through the hidden units.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O outputs of a
layer; a 1 broadcasts.
"""

from dataclasses import dataclass

from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs
from pipeline.networks import linear
from pipeline.networks.activations.units import ActivationGradient, Units
from pipeline.networks.kernels import dispatch
from pipeline.networks.step import Step


def outputs(
    x_KBI: Inputs,
    W_KIO: Tensor,
    b_K1O: Tensor,
    units: Units,
    signs_K1O: Tensor | None,
    *,
    saved: list[Tensor | None] | None = None,
) -> Tensor:
    """Return a hidden layer's outputs f(b + x W) * signs [K, B, O] for inputs [K, B, I].

    Appends the tensor that backward needs beside the outputs to `saved`, if given.
    """
    kernels = dispatch.kernels_for(x_KBI, W_KIO)
    if kernels and isinstance(x_KBI, Tensor):
        fused_KBO = kernels.forward(x_KBI, W_KIO, b_K1O, units, signs_K1O)
        if fused_KBO is not None:
            if saved is not None:
                saved.append(None)
            return fused_KBO
    z_KBO = linear.forward(x_KBI, W_KIO, b_K1O)
    if saved is not None:
        saved.append(units.save(z_KBO))
    h_KBO = units.apply_(z_KBO)
    return h_KBO if signs_K1O is None else h_KBO.mul_(signs_K1O)


@dataclass(frozen=True)
class ActivationBackward:
    """Backward pass through the units of a hidden layer, in one SGD step.

    `saved` is the tensor that `outputs` appended for this layer.
    """

    units: Units
    signs_K1O: Tensor | None
    saved: Tensor | None
    step: Step

    @property
    def gradient(self) -> ActivationGradient:
        """The arguments of a fused kernel."""
        l1_K11 = self.step.l1_K11 if self.step.penalized else None
        return ActivationGradient(self.units, self.signs_K1O, l1_K11)

    def backward_(self, delta_KBO: Tensor, h_KBO: Tensor) -> Tensor:
        """Turn the gradient at the layer's outputs into the gradient at its linear outputs.

        In place. Adds the gradient of the L1 penalty on the outputs, and updates learned slopes.
        Overwrites `h_KBO` too where units are negated.
        """
        if self.signs_K1O is not None:
            h_KBO.mul_(self.signs_K1O)  # f(z) without its sign: f'(z) is computed from f(z)
            delta_KBO.mul_(self.signs_K1O)
        if self.step.penalized:
            delta_KBO.addcmul_(h_KBO.sign(), self.step.l1_K11)
        units, saved = self.units, h_KBO if self.saved is None else self.saved
        if units.slope_K1O is None or units.function.slope_gradient is None:
            return units.function.backward_(delta_KBO, saved, units)
        slope_K1O = units.function.slope_gradient(delta_KBO, saved)
        units.function.backward_(delta_KBO, saved, units)
        if self.step.updates:
            units.slope_K1O.add_(slope_K1O)
        return delta_KBO


def backward_and_update_(
    h_KBI: Tensor, W_KIO: Tensor, b_K1O: Tensor, delta_KBO: Tensor, below: ActivationBackward
) -> Tensor:
    """Take a layer's SGD step, in place, as `linear.backward_and_update_` does.

    Returns the gradient [K, B, I] at the linear outputs of the layer below, whose outputs are the
    inputs `h_KBI` of this layer. May overwrite `h_KBI`.
    """
    kernels = dispatch.kernels_for(h_KBI, W_KIO)
    if kernels:
        done, below_KBI = kernels.backward_and_update_(
            h_KBI, W_KIO, b_K1O, delta_KBO, below=True, activation=below.gradient
        )
        if done:
            assert below_KBI is not None
            return below_KBI
    below_KBI = linear.backward_and_update_(h_KBI, W_KIO, b_K1O, delta_KBO)
    assert below_KBI is not None
    return below.backward_(below_KBI, h_KBI)
