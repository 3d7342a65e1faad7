"""Which examples a network sees, and in which order: a pure function of (dataset, seed, epoch).

Legend of shape suffixes: K networks, S seeds, N examples of an epoch, B rows of a mini-batch,
I inputs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.population import Candidate
from pipeline.seeds import generator


@dataclass(frozen=True)
class Minibatches:
    """Mini-batches of one dataset in one phase (`finetune`, or `pretrain-1` and so on)."""

    dataset: str
    phase: str
    size: int  # B
    examples: int  # of the training split

    @property
    def steps(self) -> int:
        """Mini-batches in an epoch; examples left over wait for the next one."""
        return self.examples // self.size

    def orders_KN(self, stack: list[Candidate], epoch: int) -> Tensor:
        """Return the examples [K, steps * B] of an epoch in order; networks of a seed share it."""
        seeds, source_K = seeds_of(stack)
        orders_SN = torch.stack([self._order(seed, epoch) for seed in seeds])
        return orders_SN[source_K]

    def _order(self, seed: int, epoch: int) -> Tensor:
        draws = generator(self.dataset, seed, "order", self.phase, epoch)
        return torch.randperm(self.examples, generator=draws)[: self.steps * self.size]


def seeds_of(stack: list[Candidate]) -> tuple[list[int], Tensor]:
    """Return the seeds of a stack, once each, and for each network the position of its seed [K]."""
    seeds = sorted({candidate.seed for candidate in stack})
    return seeds, torch.tensor([seeds.index(candidate.seed) for candidate in stack])


def gather(x_NI: Tensor, rows_KB: Tensor) -> Tensor:
    """Return the examples [K, B, I] at `rows_KB`."""
    return x_NI.index_select(0, rows_KB.reshape(-1)).view(*rows_KB.shape, -1)
