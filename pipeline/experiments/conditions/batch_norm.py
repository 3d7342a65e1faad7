"""Batch normalization of K networks with hand-written backprop (Ioffe and Szegedy, 2015).

A linear output z becomes gain (z - mean) / sqrt(variance + EPSILON) + shift. In training, mean and
variance are those of the mini-batch; a trained network uses their running averages, so that the
normalization is an affine map, which is folded into the layer below it.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its linear
outputs; a 1 broadcasts.
"""

from dataclasses import dataclass

from torch import Tensor

from pipeline.networks.arithmetic import numerics

EPSILON = 1e-5  # added to the variance, torch's default
NEWEST = 0.1  # weight of the newest mini-batch in the running averages, torch's default


@dataclass(frozen=True)
class BatchNorm:
    """Parameters and running averages of the normalization of one layer, each [K, 1, O]."""

    gain_K1O: Tensor
    shift_K1O: Tensor
    mean_K1O: Tensor
    variance_K1O: Tensor

    def forward_(self, z_KBO: Tensor) -> tuple[Tensor, "Normalized"]:
        """Return the outputs [K, B, O] in training, and what backward needs.

        Overwrites `z_KBO`, and updates the running averages; that of the variance is unbiased, so
        that B is 2 or more.
        """
        B = z_KBO.shape[1]
        mean_K1O = batch_mean(z_KBO)
        normalized_KBO = z_KBO.sub_(mean_K1O)
        variance_K1O = batch_mean(normalized_KBO.square())
        for average, newest in (
            (self.mean_K1O, mean_K1O),
            (self.variance_K1O, variance_K1O * (B / (B - 1))),
        ):
            average.mul_(1 - NEWEST).add_(newest.mul_(NEWEST))
        deviation_K1O = numerics.sqrt(variance_K1O.add_(EPSILON))
        normalized_KBO.div_(deviation_K1O)
        outputs_KBO = (normalized_KBO * self.gain_K1O).add_(self.shift_K1O)
        return outputs_KBO, Normalized(normalized_KBO, deviation_K1O)

    def backward(
        self, delta_KBO: Tensor, normalized: "Normalized"
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients at the linear outputs [K, B, O], the gain and the shift [K, 1, O].

        `delta_KBO` is the gradient at the outputs.
        """
        B, n_KBO = delta_KBO.shape[1], normalized.values_KBO
        shift_K1O, gain_K1O = batch_mean(delta_KBO), batch_mean(delta_KBO * n_KBO)
        below_KBO = (delta_KBO - shift_K1O).sub_(n_KBO * gain_K1O)
        below_KBO.mul_(self.gain_K1O).div_(normalized.deviation_K1O)
        return below_KBO, gain_K1O.mul_(B), shift_K1O.mul_(B)

    def folded(self, W_KIO: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights [K, I, O] and biases [K, 1, O] of the layer with its normalization.

        In double precision, then rounded: a factor may be some hundreds.
        """
        deviation_K1O = numerics.sqrt(self.variance_K1O.double() + EPSILON)
        factor_K1O = self.gain_K1O.double() / deviation_K1O
        bias_K1O = self.shift_K1O - self.mean_K1O * factor_K1O
        return (W_KIO * factor_K1O).to(W_KIO.dtype), bias_K1O.to(W_KIO.dtype)


@dataclass(frozen=True)
class Normalized:
    """Normalized linear outputs, with mean 0 and variance 1, and the deviations they had."""

    values_KBO: Tensor
    deviation_K1O: Tensor


def batch_mean(x_KBO: Tensor) -> Tensor:
    """Return the mean over the mini-batch [K, 1, O]."""
    return numerics.sums(x_KBO.mT.contiguous()).unsqueeze(1).div_(x_KBO.shape[1])
