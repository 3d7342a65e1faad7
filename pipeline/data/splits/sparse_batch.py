"""A mini-batch of texts by the terms that are present: all else is 0 and takes no work.

Legend of shape suffixes: S seeds, K networks, B rows of a mini-batch, I inputs, P ones of all rows,
Q rows of all seeds, S * B.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pipeline.data.splits.sparse_rows import SparseRows


@dataclass(frozen=True)
class SparseBatch:
    """Network inputs [S, B, I] of zeros and ones, by their ones; `bits_QI` holds the rows of each
    seed after those of the one before."""

    bits_QI: SparseRows
    seeds: int  # S

    @property
    def shape(self) -> tuple[int, int, int]:
        """S, B and I."""
        rows, inputs = self.bits_QI.shape
        return self.seeds, rows // self.seeds, inputs

    @classmethod
    def joined(cls, rows: Sequence[SparseRows]) -> "SparseBatch":
        """Return the inputs of several seeds, each of as many rows, as those of all."""
        if len(rows) == 1:
            return cls(rows[0], 1)
        counts = torch.cat([each.counts_N for each in rows])
        starts_M = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        ones_P = torch.cat([each.ones_P for each in rows])
        return cls(SparseRows(starts_M, ones_P, rows[0].inputs), len(rows))

    def by_seed(self) -> list[SparseRows]:
        """Return the rows [B, I] of each seed."""
        B = self.shape[1]
        return [self.bits_QI[seed * B : (seed + 1) * B] for seed in range(self.seeds)]

    def dense(self) -> Tensor:
        """Return the inputs with their zeros [S, B, I], float32."""
        return self.bits_QI.dense().view(self.shape)

    def of(self, source_K: Tensor) -> "SparseBatch":
        """Return the inputs [K, B, I] of networks, each that of the seed in place `source_K`."""
        if len(source_K) == self.seeds and bool((source_K.diff() == 1).all()):
            return self
        B = self.shape[1]
        rows_KB = source_K[:, None] * B + torch.arange(B, device=source_K.device)
        return SparseBatch(self.bits_QI[rows_KB.flatten()], len(source_K))

    @cached_property
    def places_P(self) -> Tensor:
        """Where each one is in the rows of weights [S * I] of a stack, int64; asked for on the way
        up and on the way back."""
        S, B, I = self.shape  # noqa: E741
        first_Q = torch.arange(S, device=self.bits_QI.device).repeat_interleave(B) * I
        return self.bits_QI.ones_P + first_Q[self.bits_QI.rows_P]


Inputs = Tensor | SparseBatch  # [K, B, I]


def of_networks(x_SBI: Inputs, source_K: Tensor) -> Inputs:
    """Return the inputs [K, B, I] of networks, each that of the seed in place `source_K`."""
    if isinstance(x_SBI, SparseBatch):
        return x_SBI.of(source_K)
    return x_SBI.index_select(0, source_K)


def dense(x_KBI: Inputs) -> Tensor:
    """Return inputs with their zeros [K, B, I]."""
    return x_KBI.dense() if isinstance(x_KBI, SparseBatch) else x_KBI


def joined(parts: Sequence[Inputs]) -> Inputs:
    """Return the inputs [1, B, I] of several seeds as those of all [S, B, I]."""
    if isinstance(parts[0], SparseBatch):
        return SparseBatch.joined([part.bits_QI for part in parts if isinstance(part, SparseBatch)])
    return torch.cat([part for part in parts if isinstance(part, Tensor)])
