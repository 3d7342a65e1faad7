"""Step sizes of one SGD step, one per network.

Legend of shape suffixes: K networks, B rows of a mini-batch; a 1 broadcasts.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Step:
    """Scale of each network's gradient: `rate_K11` = -rate / B, `l1_K11` = -rate * l1 / B."""

    rate_K11: Tensor
    l1_K11: Tensor
    penalized: bool  # some network has l1 > 0
    updates: bool = True  # False: gradients are computed, parameters stay as they are

    @classmethod
    def of(cls, rates_K: Tensor, l1_K: Tensor, batch: int) -> "Step":
        """Return the step of K networks from learning rates [K], L1 coefficients [K] and B."""
        rate_K11 = (-rates_K / batch).view(-1, 1, 1)
        return cls(rate_K11, rate_K11 * l1_K.view(-1, 1, 1), bool((l1_K > 0).any()))
