"""Sparse network inputs of zeros and ones: rows in memory, and mini-batches of them.

Only the positions of the ones are stored, so that zeros take neither memory nor work.

Legend of shape suffixes: N rows, M row boundaries (N + 1), P ones of all rows, S seeds, K networks,
B rows of a mini-batch or a selection, I inputs, Q rows of all seeds (S * B).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class SparseRows:
    """Sparse rows [N, I] of zeros and ones, in compressed form.

    The ones of row n are in columns `ones_P[starts_M[n] : starts_M[n + 1]]`, ascending.
    starts_M [N + 1] is int64, ones_P int32 in [0, I).
    """

    starts_M: Tensor
    ones_P: Tensor
    inputs: int

    def __len__(self) -> int:
        """Return N."""
        return len(self.starts_M) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """N and I."""
        return len(self), self.inputs

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return self.ones_P.device

    @property
    def counts_N(self) -> Tensor:
        """Number of ones in each row [N], int64."""
        return self.starts_M.diff()

    @property
    def rows_P(self) -> Tensor:
        """Row of each one [P], int64, ascending."""
        rows_N = torch.arange(len(self), device=self.device)
        return rows_N.repeat_interleave(self.counts_N, output_size=len(self.ones_P))

    def to(self, device: torch.device) -> "SparseRows":
        """Return the rows on a device."""
        return SparseRows(self.starts_M.to(device), self.ones_P.to(device), self.inputs)

    def __getitem__(self, rows_B: Tensor | slice) -> "SparseRows":
        """Return the rows [B, I] of a slice, or the rows at the given indices in their order."""
        if isinstance(rows_B, slice):
            first, last, step = rows_B.indices(len(self))
            if step == 1:
                return self._contiguous(first, max(first, last))
            rows_B = torch.arange(first, last, step)
        rows_B = rows_B.to(self.device)
        counts_B = self.counts_N[rows_B]
        ends_B = counts_B.cumsum(0)
        starts_M = torch.cat([ends_B.new_zeros(1), ends_B])
        # The index of each one in the source: its index in the result, shifted as its row was.
        shift_B = self.starts_M[:-1][rows_B] - starts_M[:-1]
        total = int(starts_M[-1])
        source_P = torch.arange(total, device=self.device)
        source_P += shift_B.repeat_interleave(counts_B, output_size=total)
        return SparseRows(starts_M, self.ones_P[source_P], self.inputs)

    def _contiguous(self, first: int, last: int) -> "SparseRows":
        starts_M = self.starts_M[first : last + 1]
        ones_P = self.ones_P[int(starts_M[0]) : int(starts_M[-1])]
        return SparseRows(starts_M - starts_M[0], ones_P, self.inputs)

    def dense(self) -> Tensor:
        """Return the dense rows [N, I], float32."""
        x_NI = torch.zeros(self.shape, device=self.device)
        x_NI[self.rows_P, self.ones_P.long()] = 1
        return x_NI

    def fault(self) -> str | None:
        """Return a description of what is invalid in the stored tensors, None if nothing is."""
        starts_M, ones_P = self.starts_M, self.ones_P
        if starts_M.dtype != torch.int64 or ones_P.dtype != torch.int32:
            return f"rows are {starts_M.dtype} and {ones_P.dtype}, expected int64 and int32"
        if starts_M.ndim != 1 or ones_P.ndim != 1 or not len(starts_M):
            return "rows are not two lists of numbers"
        ends = int(starts_M[0]), int(starts_M[-1])
        if ends != (0, len(ones_P)) or bool((self.counts_N < 0).any()):
            return f"rows run from {ends[0]} to {ends[1]}, expected 0 to {len(ones_P)}"
        if len(ones_P) and not 0 <= int(ones_P.min()) <= int(ones_P.max()) < self.inputs:
            return (
                f"terms run from {ones_P.min()} to {ones_P.max()}, expected 0 to {self.inputs - 1}"
            )
        same_row = self.rows_P.diff() == 0
        if bool((same_row & (ones_P.diff() <= 0)).any()):
            return "terms of a row are not in ascending order"
        return None


@dataclass(frozen=True)
class SparseBatch:
    """Sparse network inputs [S, B, I] of a mini-batch.

    `rows_QI` [S * B, I] holds the B rows of each of the S `seeds`, one seed after the other.
    """

    rows_QI: SparseRows
    seeds: int  # S

    @property
    def shape(self) -> tuple[int, int, int]:
        """S, B and I."""
        rows, inputs = self.rows_QI.shape
        return self.seeds, rows // self.seeds, inputs

    @classmethod
    def joined(cls, rows: Sequence[SparseRows]) -> "SparseBatch":
        """Return the inputs [S, B, I] of S seeds from the rows [B, I] of each."""
        if len(rows) == 1:
            return cls(rows[0], 1)
        counts = torch.cat([rows_BI.counts_N for rows_BI in rows])
        starts_M = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        ones_P = torch.cat([rows_BI.ones_P for rows_BI in rows])
        return cls(SparseRows(starts_M, ones_P, rows[0].inputs), len(rows))

    def by_seed(self) -> list[SparseRows]:
        """Return the rows [B, I] of each seed."""
        B = self.shape[1]
        return [self.rows_QI[seed * B : (seed + 1) * B] for seed in range(self.seeds)]

    def dense(self) -> Tensor:
        """Return the dense inputs [S, B, I], float32."""
        return self.rows_QI.dense().view(self.shape)

    def of(self, source_K: Tensor) -> "SparseBatch":
        """Return the inputs [K, B, I] of K networks; network k has those of seed `source_K[k]`."""
        if len(source_K) == self.seeds and bool((source_K.diff() == 1).all()):
            return self
        B = self.shape[1]
        rows_KB = source_K[:, None] * B + torch.arange(B, device=source_K.device)
        return SparseBatch(self.rows_QI[rows_KB.flatten()], len(source_K))

    @cached_property
    def places_P(self) -> Tensor:
        """Row of the stacked weights [S * I] that each one selects [P], int64.

        Cached: forward and backward pass both read it.
        """
        S, B, I = self.shape  # noqa: E741
        first_Q = torch.arange(S, device=self.rows_QI.device).repeat_interleave(B) * I
        return self.rows_QI.ones_P + first_Q[self.rows_QI.rows_P]


Inputs = Tensor | SparseBatch  # [K, B, I]


def of_networks(x_SBI: Inputs, source_K: Tensor) -> Inputs:
    """Return the inputs [K, B, I] of K networks; network k has those of seed `source_K[k]`."""
    if isinstance(x_SBI, SparseBatch):
        return x_SBI.of(source_K)
    return x_SBI.index_select(0, source_K)


def dense(x_KBI: Inputs) -> Tensor:
    """Return inputs as a dense tensor [K, B, I]."""
    return x_KBI.dense() if isinstance(x_KBI, SparseBatch) else x_KBI


def joined(parts: Sequence[Inputs]) -> Inputs:
    """Return the inputs [S, B, I] of S seeds from the inputs [1, B, I] of each."""
    if isinstance(parts[0], SparseBatch):
        return SparseBatch.joined([part.rows_QI for part in parts if isinstance(part, SparseBatch)])
    return torch.cat([part for part in parts if isinstance(part, Tensor)])
