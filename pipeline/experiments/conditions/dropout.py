"""Dropout for networks of torch.nn.

Legend of shape suffixes: B rows of a mini-batch, O outputs of a layer.
"""

import torch
from torch import Tensor


class Dropout(torch.nn.Module):
    """Inverted dropout whose masks come from a generator of its own: torch's has none."""

    def __init__(self, share: float) -> None:
        """Set up for a share in [0, 1); `draws` is to be set before training."""
        super().__init__()
        self.share = share
        self.draws: torch.Generator | None = None

    def forward(self, h_BO: Tensor) -> Tensor:
        """Return outputs with a share of them set to 0 and the others enlarged; all in training."""
        if not (self.training and self.share):
            return h_BO
        keep_BO = torch.empty_like(h_BO).bernoulli_(1 - self.share, generator=self.draws)
        return h_BO * keep_BO / (1 - self.share)
