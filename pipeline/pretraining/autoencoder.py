"""Denoising auto-encoders, stacked side by side: corruption, reconstruction, one SGD step.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of the layer, O its units;
a 1 broadcasts. "Codes" are the layer's outputs h.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.data.splits.sparse_batch import Inputs, dense
from pipeline.networks import hidden_layer, linear
from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Units
from pipeline.networks.hidden_layer import Passage, descend_through_
from pipeline.networks.population import Population, Tensors, only
from pipeline.networks.step import Step
from pipeline.pretraining.reconstruction_sampling import Sample
from pipeline.runtime.errors import Problem


@dataclass(frozen=True)
class Autoencoder:
    """K auto-encoders of one shape.

    `tensors` holds the encoder `W` [K, I, O] and `b` [K, 1, O], the decoder's bias `c` [K, 1, I],
    and where the decoder has weights of its own (untied) `V` [K, O, I]; `signs` [K, 1, O] and
    `signs_below` [K, 1, I] where units of this layer and of the layer below are negated; `most`
    [K, 1, I] where targets are divided by the largest that training codes have; `hardness`
    [K, 1, 1]. `symmetric`: the inputs x lie in [-1, 1] and are rebuilt as (x + 1) / 2.
    """

    tensors: Tensors
    function: str
    reconstruction: str
    symmetric: bool

    @property
    def units(self) -> Units:
        """The units of the layer."""
        function = functions.function(self.function)
        return Units(function, self.tensors["hardness"], self.tensors.get("slope"))

    @property
    def inputs(self) -> int:
        """I, the number of inputs."""
        return self.tensors["W"].shape[1]

    def only(self, k: int) -> "Autoencoder":
        """Return auto-encoder k as a stack of one that shares its memory."""
        return replace(self, tensors=only(self.tensors, k))

    def decoder_KOI(self) -> Tensor:
        """Return the decoder's weights: its own, or the encoder's transposed (tied)."""
        return self.tensors["V"] if "V" in self.tensors else self.tensors["W"].mT


Reconstruction = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _softplus_quadratic(z_KBI: Tensor, t_KBI: Tensor) -> tuple[Tensor, Tensor]:
    rebuilt_KBI = functions.softplus(z_KBI)
    error_KBI = rebuilt_KBI - t_KBI
    cost_KBI = error_KBI.square()
    slope_KBI = rebuilt_KBI.neg_().expm1_().neg_()  # logistic(z) = 1 - exp(-softplus(z))
    return error_KBI.mul_(slope_KBI).mul_(2), cost_KBI


def _linear_quadratic(z_KBI: Tensor, t_KBI: Tensor) -> tuple[Tensor, Tensor]:
    error_KBI = z_KBI - t_KBI
    return error_KBI.mul(2), error_KBI.square()


def _sigmoid_crossentropy(z_KBI: Tensor, t_KBI: Tensor) -> tuple[Tensor, Tensor]:
    log_p_KBI = F.logsigmoid(z_KBI)
    cost_KBI = (1 - t_KBI) * z_KBI - log_p_KBI
    return log_p_KBI.exp_().sub_(t_KBI), cost_KBI


def _rectifier_quadratic(z_KBI: Tensor, t_KBI: Tensor) -> tuple[Tensor, Tensor]:
    rebuilt_KBI = z_KBI.relu()
    error_KBI = rebuilt_KBI - t_KBI
    return error_KBI.mul(2).mul_(rebuilt_KBI > 0), error_KBI.square()


# Linear outputs z and targets t to the gradient of the cost at z and the cost of each input (paper,
# section 3.2, strategies 1 to 4; 4.1 for tanh). An example costs the sum over its inputs.
RECONSTRUCTIONS: dict[str, Reconstruction] = {
    "softplus": _softplus_quadratic,
    "scaled": _sigmoid_crossentropy,
    "linear": _linear_quadratic,
    "rectifier": _rectifier_quadratic,
    "sigmoid": _sigmoid_crossentropy,
}
BOUNDED = {"sigmoid"}  # rebuild only what lies in [0, 1]
ONE_SIDED = {name for name, low in functions.LOWEST.items() if low >= 0}
SCALED = {"scaled"}  # rebuild codes divided by the largest of each unit


def autoencoder(
    start: Population,
    layer: int,
    *,
    reconstruction: str,
    tied: bool,
    bounds: tuple[float, float],
    most_K1I: Tensor | None = None,
) -> Autoencoder:
    """Return auto-encoders whose encoders are layer `layer` of the starting networks.

    `bounds` hold the dataset's inputs. Inputs in [-1, 1] are rebuilt as (x + 1) / 2; inputs without
    bounds, which no other unit can rebuild, by linear units at the quadratic cost (paper, section
    3.2, strategy 3). An untied decoder starts as the encoder transposed. `most_K1I` holds the
    largest size of each input in training, which the reconstruction `scaled` divides codes by.

    Raises Problem for an unknown reconstruction, and for a sigmoid one of codes that leave [-1, 1].
    """
    _check(start.function, reconstruction)
    W_KIO = start.W_KIO(layer)
    tensors = {
        "W": W_KIO.clone(),
        "b": start.b_K1O(layer).clone(),
        "c": W_KIO.new_zeros(len(start), 1, W_KIO.shape[1]),
        "hardness": start.hardness_K11.clone(),
    }
    if not tied:
        tensors["V"] = W_KIO.mT.clone(memory_format=torch.contiguous_format)
    others = {"signs": start.signs_K1O(layer), "slope": start.tensors.get(f"slope.{layer}")}
    others["signs_below"] = start.signs_K1O(layer - 1) if layer else None
    tensors |= {name: other.clone() for name, other in others.items() if other is not None}
    if most_K1I is not None:
        tensors["most"] = most_K1I
    low = functions.LOWEST.get(start.function, -math.inf) if layer else bounds[0]
    reconstruction = "linear" if low < -1 else reconstruction
    symmetric = low == -1 and reconstruction != "linear"
    return Autoencoder(tensors, start.function, reconstruction, symmetric)


def _check(function: str, reconstruction: str) -> None:
    if reconstruction not in RECONSTRUCTIONS:
        known = ", ".join(RECONSTRUCTIONS)
        raise Problem(f"unknown reconstruction {reconstruction!r}: use one of {known}")
    if function in functions.PARTED:
        raise Problem(
            f"{function} units cannot be pre-trained: a code of several pieces has no one decoder;"
            " leave pretrained out of run.initializations, or the unit out of run.activations"
        )
    if reconstruction in BOUNDED and function not in functions.BOUNDED:
        raise Problem(
            f"reconstruction {reconstruction} cannot rebuild the codes of {function}, which are not"
            " bounded: use softplus"
        )
    if reconstruction != "linear" and function not in {*functions.BOUNDED, *ONE_SIDED}:
        raise Problem(
            f"reconstruction {reconstruction} cannot rebuild the codes of {function} below 0: "
            "use linear"
        )


def encode(
    auto: Autoencoder, x_KBI: Inputs, *, memories: list[Tensor | None] | None = None
) -> Tensor:
    """Return the codes [K, B, O] of inputs [K, B, I].

    To `memories`, where given, is added what the way back needs beside the codes.
    """
    tensors = auto.tensors
    signs_K1O = tensors.get("signs")
    return hidden_layer.outputs(
        x_KBI, tensors["W"], tensors["b"], auto.units, signs_K1O, memories=memories
    )


def reconstruct(auto: Autoencoder, h_KBO: Tensor, x_KBI: Inputs) -> tuple[Tensor, Tensor]:
    """Return the gradient [K, B, I] at the decoder's linear outputs, and the cost [K]: of each
    example the sum over its inputs, of all the mean.

    Outputs of negated units of the layer below are rebuilt with their signs: a one-sided decoder
    cannot rebuild negative targets, so reconstruction and target are compared before the sign.
    """
    z_KBI = linear.forward(h_KBO, auto.decoder_KOI(), auto.tensors["c"])
    below_K1I = auto.tensors.get("signs_below")
    t_KBI = dense(x_KBI)
    if below_K1I is not None:
        t_KBI = t_KBI * below_K1I
    if auto.symmetric:
        t_KBI = (t_KBI + 1) / 2
    if "most" in auto.tensors:
        t_KBI = (t_KBI / auto.tensors["most"]).clamp_(max=1)
    delta_KBI, cost_KBI = RECONSTRUCTIONS[auto.reconstruction](z_KBI, t_KBI)
    return delta_KBI, cost_KBI.sum(2).mean(1)


def denoising_step_(
    auto: Autoencoder,
    x_KBI: Inputs,
    noisy_KBI: Inputs,
    step: Step,
    sample: Sample | None = None,
) -> Tensor:
    """Take one SGD step on reconstruction + l1 * sum |h|, in place; return the cost before it [K].

    `noisy_KBI` is what noise made of the inputs. With a `sample` only its inputs are rebuilt, and
    the cost is estimated from theirs.
    """
    tensors = auto.tensors
    memories: list[Tensor | None] = []
    h_KBO = encode(auto, noisy_KBI, memories=memories)
    codes = Passage(auto.units, tensors.get("signs"), memories[0], step)
    if sample is None:
        delta_KBI, cost_K = reconstruct(auto, h_KBO, x_KBI)
        delta_KBI.mul_(step.rate_K11)
        delta_KBO = descend_through_(h_KBO, auto.decoder_KOI(), tensors["c"], delta_KBI, codes)
    else:
        delta_KBO, cost_K = _rebuild_sample_(auto, h_KBO, x_KBI, step, sample=sample)
        codes.through_(delta_KBO, h_KBO)
    linear.descend_(noisy_KBI, tensors["W"], tensors["b"], delta_KBO, below=False)
    return cost_K


def _rebuild_sample_(
    auto: Autoencoder, h_KBO: Tensor, x_KBI: Inputs, step: Step, *, sample: Sample
) -> tuple[Tensor, Tensor]:
    """Rebuild some inputs by a tied decoder and let it take its step; return the gradient at the
    codes [K, B, O], and an estimate of the cost of all inputs [K]."""
    W_KIO, c_K1I = auto.tensors["W"], auto.tensors["c"]
    K, I, O = W_KIO.shape  # noqa: E741
    rows = sample.rows(I)
    some_KMO = W_KIO.view(-1, O).index_select(0, rows).view(K, -1, O)
    z_KBM = torch.baddbmm(sample.pick(c_K1I), h_KBO, some_KMO.mT)
    t_KBM = sample.pick(dense(x_KBI))
    delta_KBM, cost_KBM = RECONSTRUCTIONS[auto.reconstruction](z_KBM, t_KBM)
    weight_K1M = sample.weight_SM.unsqueeze(1)
    delta_KBM.mul_(weight_K1M).mul_(step.rate_K11)
    delta_KBO = torch.bmm(delta_KBM, some_KMO)
    W_KIO.view(-1, O).index_add_(0, rows, torch.bmm(delta_KBM.mT, h_KBO).view(-1, O))
    c_K1I.view(-1).index_add_(0, rows, delta_KBM.sum(1).view(-1))
    return delta_KBO, (cost_KBM * weight_K1M).sum(2).mean(1)
