"""Reconstruction sampling: a step reconstructs a sample of a text's terms, with weights that make
the gradient unbiased (Dauphin, Glorot and Bengio, ICML 2011).

The sample holds the terms that occur in the mini-batch, before or after noise, filled up with other
terms drawn at random. The weight of a term is the inverse of its probability to be drawn.

Legend of shape suffixes: S seeds, K networks, B rows of a mini-batch, I inputs, M sampled inputs, O
units of the layer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import SparseBatch

OTHERS = 4  # at least 1 / OTHERS of the sample are terms that do not occur in the mini-batch


@dataclass(frozen=True)
class Sample:
    """Indices `places_SM` (int64) of the sampled inputs, and the weight `weight_SM` of each."""

    places_SM: Tensor
    weight_SM: Tensor

    def of(self, source_K: Tensor) -> "Sample":
        """Return the sample [K, M] of networks; network k has that of seed `source_K[k]`."""
        return Sample(self.places_SM[source_K], self.weight_SM[source_K])

    def pick(self, x_SBI: Tensor) -> Tensor:
        """Return the values [S, B, M] of inputs [S, B, I], or of a row [S, 1, I]."""
        places_SBM = self.places_SM.unsqueeze(1).expand(-1, x_SBI.shape[1], -1)
        return x_SBI.gather(2, places_SBM)

    def rows(self, inputs: int) -> Tensor:
        """Return the index [S * M] of each input among the weight rows [S * I] of all networks."""
        first_S1 = torch.arange(len(self.places_SM), device=self.places_SM.device).unsqueeze(1)
        return (self.places_SM + first_S1 * inputs).flatten()


def draw(
    x_SBI: SparseBatch, noisy_SBI: SparseBatch, size: int, draws: list[torch.Generator]
) -> Sample:
    """Return a sample of M = `size` < I inputs for each seed, drawn by its own generator."""
    seen_SI = _seen(x_SBI) | _seen(noisy_SBI)
    samples = [_draw(seen_I, size, g) for seen_I, g in zip(seen_SI, draws, strict=True)]
    places, weights = zip(*samples, strict=True)
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
    for terms, count in ((ones, taken), (others, size - taken)):
        order = torch.randperm(len(terms), generator=draws, device=draws.device)
        parts.append(terms[order[:count]])
        weights.append(torch.full((count,), len(terms) / max(1, count), device=seen_I.device))
    return torch.cat(parts), torch.cat(weights)
