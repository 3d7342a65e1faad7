"""K denoising auto-encoders: encoder, decoder, reconstruction costs, one SGD step.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of the layer, O its units, M
sampled inputs; a 1 broadcasts.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs, dense
from pipeline.networks import hidden_layer, linear
from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Units
from pipeline.networks.arithmetic import numerics, rows
from pipeline.networks.hidden_layer import ActivationBackward
from pipeline.networks.kernels import dispatch
from pipeline.networks.population import Population, Tensors, only
from pipeline.networks.step import Step
from pipeline.pretraining.reconstruction_sampling import Sample
from pipeline.runtime.errors import Problem


@dataclass(frozen=True)
class Autoencoder:
    """K auto-encoders of one shape.

    `tensors` holds the encoder `W` [K, I, O] and `b` [K, 1, O], the decoder's bias `c` [K, 1, I],
    `hardness` [K, 1, 1], and optionally: the weights `V` [K, I, O] of an untied decoder,
    transposed; the learned `slope` [K, 1, O]; the `scale` [K, 1, I] that divides the targets, each
    input's largest absolute value in training. `symmetric`: inputs x lie in [-1, 1] and their
    reconstruction target is (x + 1) / 2.

    Auto-encoders have no signs, although half of a layer's units may be negated (paper, section
    4.1): the decoder reads the outputs f(z), and the inputs are the layer below's f(z). Negated
    inputs and weights are both mirrored by `autoencoder` and `trained_layer`, so that signs change
    neither what a layer can reconstruct nor any cost.
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
        """Return auto-encoder k as a population of one that shares memory with this one."""
        return replace(self, tensors=only(self.tensors, k))

    def decoder_KOI(self) -> Tensor:
        """Return the decoder's weights: of its own, or the encoder's transposed if tied."""
        return self.decoder_rows_KIO.mT

    @property
    def decoder_rows_KIO(self) -> Tensor:
        """The decoder's weights, one contiguous row per input."""
        return self.tensors.get("V", self.tensors["W"])


Reconstruction = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _softplus_quadratic(z_KBI: Tensor, t_KBI: Tensor) -> tuple[Tensor, Tensor]:
    output_KBI = numerics.softplus(z_KBI)
    error_KBI = output_KBI - t_KBI
    slope_KBI = numerics.expm1(-output_KBI).neg_()  # logistic(z) = 1 - exp(-softplus(z))
    return slope_KBI.mul_(error_KBI).mul_(2), error_KBI.square()


def _linear_quadratic(z_KBI: Tensor, t_KBI: Tensor) -> tuple[Tensor, Tensor]:
    error_KBI = z_KBI - t_KBI
    return error_KBI.mul(2), error_KBI.square()


def _sigmoid_crossentropy(z_KBI: Tensor, t_KBI: Tensor) -> tuple[Tensor, Tensor]:
    cost_KBI = (1 - t_KBI) * z_KBI + numerics.softplus(-z_KBI)
    return numerics.logistic(z_KBI).sub_(t_KBI), cost_KBI


def _rectifier_quadratic(z_KBI: Tensor, t_KBI: Tensor) -> tuple[Tensor, Tensor]:
    output_KBI = z_KBI.relu()
    error_KBI = output_KBI - t_KBI
    return error_KBI.mul(2).mul_(output_KBI > 0), error_KBI.square()


# Functions from the decoder's linear outputs z and targets t to the gradient of the cost at z and
# the cost of each input (paper, section 3.2, strategies 1 to 4; section 4.1 for tanh).
RECONSTRUCTIONS: dict[str, Reconstruction] = {
    "softplus": _softplus_quadratic,
    "scaled": _sigmoid_crossentropy,
    "linear": _linear_quadratic,
    "rectifier": _rectifier_quadratic,
    "sigmoid": _sigmoid_crossentropy,
}
BOUNDED = {"sigmoid"}  # targets must lie in [0, 1]
ONE_SIDED = {name for name, low in functions.LOWER_BOUNDS.items() if low >= 0}
SCALED = {"scaled"}  # targets are divided by `scale`


def autoencoder(
    start: Population,
    layer: int,
    *,
    reconstruction: str,
    bounds: tuple[float, float],
    decoder_KIO: Tensor | None = None,
    scale_K1I: Tensor | None = None,
) -> Autoencoder:
    """Return auto-encoders whose encoders are layer `layer` of the starting networks.

    `bounds` are those of the dataset's inputs. Inputs in [-1, 1] have the targets (x + 1) / 2;
    unbounded inputs are reconstructed by linear units at the quadratic cost (paper, section 3.2,
    strategy 3), since no other unit can. `decoder_KIO` are the initial weights of an untied
    decoder, one row per input; without them the decoder is tied. `scale_K1I` divides the targets of
    the reconstruction `scaled`.

    Raises Problem for an unknown reconstruction, or one that cannot reach the layer's inputs.
    """
    _check(start.function, reconstruction)
    W_KIO = _mirrored(start, layer, start.W_KIO(layer))
    tensors = {
        "W": W_KIO,
        "b": start.b_K1O(layer).clone(),
        "c": W_KIO.new_zeros(len(start), 1, W_KIO.shape[1]),
        "hardness": start.hardness_K11.clone(),
    }
    others = {
        "V": decoder_KIO, "scale": scale_K1I, "slope": start.tensors.get(f"slope.{layer}"),
    }  # fmt: skip
    tensors |= {name: other.clone() for name, other in others.items() if other is not None}
    low = functions.LOWER_BOUNDS.get(start.function, -math.inf) if layer else bounds[0]
    reconstruction = "linear" if low < -1 else reconstruction
    symmetric = low == -1 and reconstruction != "linear"
    return Autoencoder(tensors, start.function, reconstruction, symmetric)


def trained_layer(start: Population, layer: int, tensors: Tensors) -> Tensors:
    """Return layer `layer` of the networks, trained as auto-encoders' `tensors`, by name."""
    trained = {f"{name}.{layer}": tensors[name] for name in ("b", "slope") if name in tensors}
    return {f"W.{layer}": _mirrored(start, layer, tensors["W"])} | trained


def _mirrored(start: Population, layer: int, W_KIO: Tensor) -> Tensor:
    """Return a layer's weights with the signs of its inputs moved into them; a copy."""
    signs_K1I = start.signs_K1O(layer - 1) if layer else None
    return W_KIO.clone() if signs_K1I is None else W_KIO * signs_K1I.mT


def _check(function: str, reconstruction: str) -> None:
    if reconstruction not in RECONSTRUCTIONS:
        known = ", ".join(RECONSTRUCTIONS)
        raise Problem(f"unknown reconstruction {reconstruction!r}: use one of {known}")
    if function in functions.MULTI_PIECE:
        raise Problem(
            f"{function} units cannot be pre-trained, since several pieces have no decoder: remove"
            " pretrained from run.initializations, or the unit from run.activations"
        )
    if reconstruction in BOUNDED and function not in functions.BOUNDED:
        raise Problem(
            f"reconstruction {reconstruction} cannot reconstruct the outputs of {function}, which"
            " are not bounded: use softplus"
        )
    if reconstruction != "linear" and function not in {*functions.BOUNDED, *ONE_SIDED}:
        raise Problem(
            f"reconstruction {reconstruction} cannot reconstruct outputs of {function} below 0: "
            "use linear"
        )


def encode(auto: Autoencoder, x_KBI: Inputs, *, saved: list[Tensor | None] | None = None) -> Tensor:
    """Return the layer's outputs [K, B, O] for inputs [K, B, I].

    Appends the tensor that backward needs beside the outputs to `saved`, if given.
    """
    W_KIO, b_K1O = auto.tensors["W"], auto.tensors["b"]
    return hidden_layer.outputs(x_KBI, W_KIO, b_K1O, auto.units, None, saved=saved)


def reconstruct(
    auto: Autoencoder, h_KBO: Tensor, x_KBI: Inputs, rate_K11: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradient [K, B, I] at the decoder's linear outputs, times a rate, and the costs.

    The cost of an example [K, B] is the sum over its inputs.
    """
    z_KBI = linear.forward(h_KBO, auto.decoder_KOI(), auto.tensors["c"])
    t_KBI = targets(auto, x_KBI)
    fused = rows.reconstruct(auto.reconstruction, z_KBI, t_KBI, rate_K11)
    if fused is not None:
        return fused
    delta_KBI, cost_KBI = RECONSTRUCTIONS[auto.reconstruction](z_KBI, t_KBI)
    return delta_KBI.mul_(rate_K11), cost_KBI.sum(2)


def targets(auto: Autoencoder, x_KBI: Inputs) -> Tensor:
    """Return the targets [K, B, I] of the reconstruction of inputs."""
    t_KBI = dense(x_KBI)
    if auto.symmetric:
        t_KBI = (t_KBI + 1) / 2
    if "scale" in auto.tensors:
        t_KBI = (t_KBI / auto.tensors["scale"]).clamp_(max=1)
    return t_KBI


def constant_cost(auto: Autoencoder, inputs: Iterable[Inputs]) -> Tensor:
    """Return the cost of the best constant reconstruction of inputs [1, n, I]: a scalar, float64.

    That is the cost of the mean targets, summed over the inputs: a mean over the examples, rounded
    to 4 decimal places. An auto-encoder of that cost or more has learned nothing.
    """
    examples, total_I, squares_I = 0, torch.zeros(()), torch.zeros(())
    for x_1NI in inputs:
        t_IN = targets(auto, x_1NI)[0].mT.contiguous()
        examples += t_IN.shape[1]
        total_I = total_I + numerics.sums(t_IN).double()
        squares_I = squares_I + numerics.sums(t_IN.square()).double()
    mean_I = total_I / examples
    if RECONSTRUCTIONS[auto.reconstruction] is _sigmoid_crossentropy:
        costs_I = -torch.xlogy(mean_I, mean_I) - torch.xlogy(1 - mean_I, 1 - mean_I)
    else:
        costs_I = squares_I / examples - mean_I.square()
    return costs_I.sum().round(decimals=4)


def denoising_step_(
    auto: Autoencoder,
    x_KBI: Inputs,
    noisy_KBI: Inputs,
    step: Step,
    sample: Sample | None = None,
) -> Tensor:
    """Take one SGD step on reconstruction + l1 * sum |h|, in place; return the cost before it [K].

    `noisy_KBI` are the corrupted inputs. With a `sample` only its inputs are reconstructed, and the
    cost is an estimate.
    """
    tensors = auto.tensors
    saved: list[Tensor | None] = []
    h_KBO = encode(auto, noisy_KBI, saved=saved)
    activation = ActivationBackward(auto.units, None, saved[0], step)
    if sample is None:
        delta_KBO, cost_KB = _step_on_all_(auto, h_KBO, x_KBI, activation)
    else:
        delta_KBO, cost_KB = _step_on_sample_(auto, h_KBO, x_KBI, activation, sample)
    linear.backward_and_update_(noisy_KBI, tensors["W"], tensors["b"], delta_KBO, below=False)
    return numerics.sums(cost_KB).div_(cost_KB.shape[1])


def _step_on_all_(
    auto: Autoencoder, h_KBO: Tensor, x_KBI: Inputs, activation: ActivationBackward
) -> tuple[Tensor, Tensor]:
    """Take the decoder's step on all inputs.

    Returns the gradient at the layer's linear outputs [K, B, O], and the costs [K, B].
    """
    c_K1I, rate_K11 = auto.tensors["c"], activation.step.rate_K11
    fused = dispatch.decoder_step_(
        h_KBO, auto.decoder_rows_KIO, c_K1I, targets(auto, x_KBI), rate_K11, activation.gradient,
        reconstruction=auto.reconstruction,
    )  # fmt: skip
    if fused is not None:
        return fused
    delta_KBI, cost_KB = reconstruct(auto, h_KBO, x_KBI, rate_K11)
    delta_KBO = hidden_layer.backward_and_update_(
        h_KBO, auto.decoder_KOI(), c_K1I, delta_KBI, activation
    )
    return delta_KBO, cost_KB


def _step_on_sample_(
    auto: Autoencoder, h_KBO: Tensor, x_KBI: Inputs, activation: ActivationBackward, sample: Sample
) -> tuple[Tensor, Tensor]:
    """Take the decoder's step on the sampled inputs alone.

    Returns the gradient at the layer's linear outputs [K, B, O], and the estimated costs [K, B].
    """
    V_KIO, c_K1I, rate_K11 = auto.decoder_rows_KIO, auto.tensors["c"], activation.step.rate_K11
    c_K1M, t_KBM = sample.pick(c_K1I), sample.pick(targets(auto, x_KBI))
    fused = dispatch.decoder_step_(
        h_KBO, V_KIO, c_K1M, t_KBM, rate_K11, activation.gradient,
        reconstruction=auto.reconstruction, sample=(sample.places_SM, sample.weight_SM),
    )  # fmt: skip
    delta_KBO, cost_KB = fused or _passes_on_sample_(auto, h_KBO, t_KBM, c_K1M, activation, sample)
    c_K1I.view(-1).index_copy_(0, sample.rows(V_KIO.shape[1]), c_K1M.view(-1))
    return delta_KBO, cost_KB


def _passes_on_sample_(
    auto: Autoencoder,
    h_KBO: Tensor,
    t_KBM: Tensor,
    c_K1M: Tensor,
    activation: ActivationBackward,
    sample: Sample,
) -> tuple[Tensor, Tensor]:
    """Take the decoder's step on a copy of the sampled rows, in place of one kernel.

    `t_KBM` are the targets of the sample, `c_K1M` its biases, which are updated.
    """
    V_KIO = auto.decoder_rows_KIO
    K, I, O = V_KIO.shape  # noqa: E741
    places = sample.rows(I)
    V_KMO = V_KIO.view(-1, O).index_select(0, places).view(K, -1, O)
    z_KBM = linear.forward(h_KBO, V_KMO.mT, c_K1M)
    delta_KBM, cost_KBM = RECONSTRUCTIONS[auto.reconstruction](z_KBM, t_KBM)
    weight_K1M = sample.weight_SM.unsqueeze(1)
    delta_KBM.mul_(weight_K1M).mul_(activation.step.rate_K11)
    delta_KBO = linear.backward_and_update_(h_KBO, V_KMO.mT, c_K1M, delta_KBM)
    assert delta_KBO is not None
    V_KIO.view(-1, O).index_copy_(0, places, V_KMO.view(-1, O))  # no row is sampled twice
    return activation.backward_(delta_KBO, h_KBO), numerics.sums(cost_KBM.mul_(weight_K1M))
