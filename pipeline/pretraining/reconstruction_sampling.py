"""Reconstruction sampling: of a text's terms only some are rebuilt, and weighted so that the
gradient is right on average (Dauphin, Glorot and Bengio, ICML 2011).

The terms that a mini-batch has, before noise or after it, are rebuilt, and as many others drawn at
random as fill the sample; each stands for as many as there were to draw from.

Legend of shape suffixes: S seeds, K networks, B rows of a mini-batch, I inputs, M inputs that are
rebuilt, O units of the layer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import SparseBatch

OTHERS = 4  # at least one in so many of the sample is of the terms that no text has


@dataclass(frozen=True)
class Sample:
    """The inputs `places_SM`, int64, that are rebuilt, and the weight `weight_SM` of each."""

    places_SM: Tensor
    weight_SM: Tensor

    def of(self, source_K: Tensor) -> "Sample":
        """Return the sample [K, M] of networks, each that of the seed in place `source_K`."""
        return Sample(self.places_SM[source_K], self.weight_SM[source_K])

    def pick(self, x_SBI: Tensor) -> Tensor:
        """Return the values [S, B, M] of inputs [S, B, I], or of a row [S, 1, I]."""
        places_SBM = self.places_SM.unsqueeze(1).expand(-1, x_SBI.shape[1], -1)
        return x_SBI.gather(2, places_SBM)

    def rows(self, inputs: int) -> Tensor:
        """Return where each place [S * M] is in the rows of weights [S * I] of a stack."""
        first_S1 = torch.arange(len(self.places_SM), device=self.places_SM.device).unsqueeze(1)
        return (self.places_SM + first_S1 * inputs).flatten()


def draw(
    x_SBI: SparseBatch, noisy_SBI: SparseBatch, size: int, draws: list[torch.Generator]
) -> Sample:
    """Return M = `size` inputs for each seed, fewer than I, from a generator each."""
    seen_SI = _seen(x_SBI) | _seen(noisy_SBI)
    each = [_draw(seen_I, size, one) for seen_I, one in zip(seen_SI, draws, strict=True)]
    places, weights = zip(*each, strict=True)
    return Sample(torch.stack(places), torch.stack(weights))


def _seen(x_SBI: SparseBatch) -> Tensor:
    S, _, I = x_SBI.shape  # noqa: E741
    seen = torch.zeros(S * I, dtype=torch.bool, device=x_SBI.rows_QI.device)
    seen[x_SBI.places_P] = True
    return seen.view(S, I)


def _draw(seen_I: Tensor, size: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    ones, others = seen_I.nonzero()[:, 0], (~seen_I).nonzero()[:, 0]
    taken = min(len(ones), max(size - -(-size // OTHERS), size - len(others)))
    parts, weights = [], []
    for some, count in ((ones, taken), (others, size - taken)):
        order = torch.randperm(len(some), generator=draws, device=draws.device)
        parts.append(some[order[:count]])
        weights.append(torch.full((count,), len(some) / max(1, count), device=seen_I.device))
    return torch.cat(parts), torch.cat(weights)
