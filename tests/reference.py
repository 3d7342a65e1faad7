"""Reference trainer of one network at a time, by autograd."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.networks.activations.functions import FUNCTIONS


def unit(name: str, z: Tensor, hardness: float, *, slope: Tensor | None, outputs: int) -> Tensor:
    """Return f(z) [B, O] by the torch module of the activation function."""
    pieces = z.shape[1] // outputs
    if slope is not None:
        return torch.where(z > 0, z, slope * z)
    return FUNCTIONS[name].module(hardness, pieces, outputs)(z)  # type: ignore[no-any-return]


@dataclass
class Network:
    """One network: W[l] [I, O], b[l] [O], signs[l] [O], and of PReLU slopes[l] [O]."""

    W: list[Tensor]
    b: list[Tensor]
    signs: list[Tensor]
    function: str
    hardness: float = 1.0
    slopes: list[Tensor] = field(default_factory=list)

    @property
    def parameters(self) -> list[Tensor]:
        """The trained tensors, weights first."""
        return [*self.W, *self.b, *self.slopes]

    def cost(self, x: Tensor, y: Tensor, l1: float) -> tuple[Tensor, Tensor]:
        """Return the penalized cost, and -log P(y) alone; means over the batch."""
        penalty = torch.zeros((), dtype=x.dtype)
        slopes = self.slopes or [None] * len(self.signs)
        for W, b, sign, slope in zip(self.W[:-1], self.b[:-1], self.signs, slopes, strict=True):
            z = x @ W + b
            x = unit(self.function, z, self.hardness, slope=slope, outputs=len(sign)) * sign
            penalty = penalty + x.abs().sum(1).mean()
        nll = F.cross_entropy(x @ self.W[-1] + self.b[-1], y)
        return nll + l1 * penalty, nll

    def gradients(self, x: Tensor, y: Tensor, l1: float) -> list[Tensor]:
        """Return the gradients of the penalized cost, weights first."""
        parameters = [tensor.requires_grad_() for tensor in self.parameters]
        return list(torch.autograd.grad(self.cost(x, y, l1)[0], parameters))

    def step(self, x: Tensor, y: Tensor, *, rate: float, l1: float) -> None:
        """Take one SGD step."""
        gradients = self.gradients(x, y, l1)
        with torch.no_grad():
            for tensor, gradient in zip(self.parameters, gradients, strict=True):
                tensor -= rate * gradient


@dataclass
class Autoencoder:
    """One denoising auto-encoder of a layer, in terms of the network's weights and signed outputs.

    The decoder's weights D [O, I] carry the signs of the outputs that they read. `V` [I, O] holds
    them without these signs, transposed; if it is None they are tied: the encoder's without signs.
    """

    W: Tensor
    b: Tensor
    c: Tensor
    V: Tensor | None
    signs: Tensor
    signs_below: Tensor
    function: str
    reconstruction: str
    symmetric: bool
    hardness: float = 1.0
    scale: Tensor | None = None  # divides the targets
    slope: Tensor | None = None  # of PReLU

    def cost(self, x: Tensor, keep: Tensor, l1: float) -> tuple[Tensor, Tensor]:
        """Return the penalized cost, and the reconstruction error alone; means over the batch."""
        z = (x * keep) @ self.W + self.b
        width = len(self.signs)
        h = unit(self.function, z, self.hardness, slope=self.slope, outputs=width) * self.signs
        D = self.W.T * self.signs_below if self.V is None else self.V.T
        z = h @ (D * self.signs[:, None]) + self.c
        target = x * self.signs_below
        target = (target + 1) / 2 if self.symmetric else target
        target = target if self.scale is None else (target / self.scale).clamp(max=1)
        if self.reconstruction in ("sigmoid", "scaled"):
            error = F.binary_cross_entropy_with_logits(z, target, reduction="none").sum(1).mean()
        else:
            rebuild = {"softplus": F.softplus, "rectifier": torch.relu}
            rebuilt = rebuild.get(self.reconstruction, torch.nn.Identity())(z)
            error = (rebuilt - target).square().sum(1).mean()
        return error + l1 * h.abs().sum(1).mean(), error

    def parameters(self) -> list[Tensor]:
        """Return the trained tensors."""
        others = [other for other in (self.V, self.slope) if other is not None]
        return [self.W, self.b, self.c, *others]

    def step(self, x: Tensor, keep: Tensor, *, rate: float, l1: float) -> None:
        """Take one SGD step."""
        parameters = [tensor.requires_grad_() for tensor in self.parameters()]
        gradients = torch.autograd.grad(self.cost(x, keep, l1)[0], parameters)
        with torch.no_grad():
            for tensor, gradient in zip(parameters, gradients, strict=True):
                tensor -= rate * gradient
