"""A hidden layer: from the layer below through its units, and the gradient's way back.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O outputs of a
layer; a 1 broadcasts.
"""

from dataclasses import dataclass

from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs
from pipeline.networks import linear
from pipeline.networks.activations.units import Gate, Units
from pipeline.networks.kernels import dispatch
from pipeline.networks.step import Step


def outputs(
    x_KBI: Inputs,
    W_KIO: Tensor,
    b_K1O: Tensor,
    units: Units,
    signs_K1O: Tensor | None,
    *,
    memories: list[Tensor | None] | None = None,
) -> Tensor:
    """Return a hidden layer's outputs f(b + x W) * signs [K, B, O] for inputs [K, B, I].

    To `memories`, where given, is added what the way back needs beside the outputs.
    """
    kernels = dispatch.kernels_for(x_KBI, W_KIO)
    if kernels and isinstance(x_KBI, Tensor):
        fused_KBO = kernels.forward(x_KBI, W_KIO, b_K1O, units, signs_K1O)
        if fused_KBO is not None:
            if memories is not None:
                memories.append(None)
            return fused_KBO
    z_KBO = linear.forward(x_KBI, W_KIO, b_K1O)
    if memories is not None:
        memories.append(units.remember(z_KBO))
    h_KBO = units.apply_(z_KBO)
    return h_KBO if signs_K1O is None else h_KBO.mul_(signs_K1O)


@dataclass(frozen=True)
class Passage:
    """The units of a hidden layer, as a gradient passes them on its way down in a step.

    `memory` is what they remembered on the way up.
    """

    units: Units
    signs_K1O: Tensor | None
    memory: Tensor | None
    step: Step

    @property
    def gate(self) -> Gate:
        """What kernels need of it."""
        return Gate(self.units, self.signs_K1O, self.step.l1_K11 if self.step.penalized else None)

    def through_(self, delta_KBO: Tensor, h_KBO: Tensor) -> Tensor:
        """Turn the gradient at the layer's outputs into that at its linear outputs, in place.

        The L1 penalty on the outputs joins here, and slopes that are learned take their step.
        Overwrites `h_KBO` too where units are negated.
        """
        if self.signs_K1O is not None:
            h_KBO.mul_(self.signs_K1O)  # f(z) itself: the slope is told from it
            delta_KBO.mul_(self.signs_K1O)
        if self.step.penalized:
            delta_KBO.addcmul_(h_KBO.sign(), self.step.l1_K11)
        units, told = self.units, h_KBO if self.memory is None else self.memory
        if units.slope_K1O is None or units.function.learn is None:
            return units.function.chain_(delta_KBO, told, units)
        slope_K1O = units.function.learn(delta_KBO, told)
        units.function.chain_(delta_KBO, told, units)
        if self.step.learns:
            units.slope_K1O.add_(slope_K1O)
        return delta_KBO


def descend_through_(
    h_KBI: Tensor, W_KIO: Tensor, b_K1O: Tensor, delta_KBO: Tensor, below: Passage
) -> Tensor:
    """Let a layer take its step, in place, as `linear.descend_` does.

    Returns the gradient [K, B, I] at the linear outputs of the layer `below`, whose outputs are
    this one's inputs `h_KBI`. They may be overwritten.
    """
    kernels = dispatch.kernels_for(h_KBI, W_KIO)
    if kernels:
        done, below_KBI = kernels.descend_(
            h_KBI, W_KIO, b_K1O, delta_KBO, below=True, gate=below.gate
        )
        if done:
            assert below_KBI is not None
            return below_KBI
    below_KBI = linear.descend_(h_KBI, W_KIO, b_K1O, delta_KBO)
    assert below_KBI is not None
    return below.through_(below_KBI, h_KBI)
