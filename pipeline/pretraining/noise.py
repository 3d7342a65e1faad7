"""What is done to a layer's inputs before a denoising auto-encoder sees them.

Masking hides inputs. Of texts, whose inputs are bits, salt-and-pepper noise also turns zeros on.

Legend of shape suffixes: B rows of a mini-batch, I inputs, P ones of all rows, Q salted places.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import SparseRows


@dataclass(frozen=True)
class Noise:
    """`hide` is the probability that an input (of bits: a one) is set to 0, in [0, 1); `salt` that
    a zero of bits is turned on, in [0, 1)."""

    hide: float
    salt: float = 0.0

    def kept(self, shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
        """Return 0 where masking noise hides an input and 1 elsewhere, float32."""
        kept = torch.empty(shape, device=draws.device)
        return kept.bernoulli_(1 - self.hide, generator=draws)

    def bits(self, x_BI: SparseRows, draws: torch.Generator) -> SparseRows:
        """Return rows of bits with salt-and-pepper noise: every input is drawn by itself."""
        places_P = x_BI.rows_P * x_BI.inputs + x_BI.ones_P
        stays_P = self.kept(places_P.shape, draws).bool()
        salted_Q = _hits(len(x_BI) * x_BI.inputs, self.salt, draws)
        salted_Q = salted_Q[~torch.isin(salted_Q, places_P, assume_unique=True)]
        places = torch.cat([places_P[stays_P], salted_Q]).sort().values
        rows = places // x_BI.inputs
        ends_B = torch.bincount(rows, minlength=len(x_BI)).cumsum(0)
        starts_M = torch.cat([ends_B.new_zeros(1), ends_B])
        return SparseRows(starts_M, (places % x_BI.inputs).int(), x_BI.inputs)


def _hits(trials: int, probability: float, draws: torch.Generator) -> Tensor:
    """Return, ascending, which of independent trials succeed: their gaps are geometric."""
    if not probability:
        return torch.empty(0, dtype=torch.int64, device=draws.device)
    last, parts = -1, []
    while last < trials - 1:
        more = 16 + int(1.2 * probability * (trials - last))
        gaps = torch.empty(more, dtype=torch.float64, device=draws.device)
        gaps.geometric_(probability, generator=draws)
        parts.append(last + gaps.long().cumsum(0))
        last = int(parts[-1][-1])
    hits = torch.cat(parts)
    return hits[hits < trials]
