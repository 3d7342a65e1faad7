"""Rows of zeros and ones in memory, by their ones: what is zero takes no room.

Legend of shape suffixes: N rows, M ends of rows (N + 1), B rows of a selection, P ones of all rows,
I inputs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SparseRows:
    """Rows [N, I]; those of row n are at `ones_P[starts_M[n] : starts_M[n + 1]]`, ascending.

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
        """Where the rows are."""
        return self.ones_P.device

    @property
    def counts_N(self) -> Tensor:
        """How many ones each row has [N], int64."""
        return self.starts_M.diff()

    @property
    def rows_P(self) -> Tensor:
        """The row that each one is in [P], int64, ascending."""
        rows_N = torch.arange(len(self), device=self.device)
        return rows_N.repeat_interleave(self.counts_N, output_size=len(self.ones_P))

    def to(self, device: torch.device) -> "SparseRows":
        """Return the rows on a device."""
        return SparseRows(self.starts_M.to(device), self.ones_P.to(device), self.inputs)

    def __getitem__(self, rows_B: Tensor | slice) -> "SparseRows":
        """Return some rows: those of a slice, or at the given places, in their order."""
        if isinstance(rows_B, slice):
            first, last, step = rows_B.indices(len(self))
            if step == 1:
                return self._stretch(first, max(first, last))
            rows_B = torch.arange(first, last, step)
        rows_B = rows_B.to(self.device)
        counts_B = self.counts_N[rows_B]
        ends_B = counts_B.cumsum(0)
        starts_M = torch.cat([ends_B.new_zeros(1), ends_B])
        # Each one's place here, moved by as much as its row was.
        moved_B = self.starts_M[:-1][rows_B] - starts_M[:-1]
        total = int(starts_M[-1])
        places_P = torch.arange(total, device=self.device)
        places_P += moved_B.repeat_interleave(counts_B, output_size=total)
        return SparseRows(starts_M, self.ones_P[places_P], self.inputs)

    def _stretch(self, first: int, last: int) -> "SparseRows":
        starts_M = self.starts_M[first : last + 1]
        ones_P = self.ones_P[int(starts_M[0]) : int(starts_M[-1])]
        return SparseRows(starts_M - starts_M[0], ones_P, self.inputs)

    def dense(self) -> Tensor:
        """Return the rows with their zeros [N, I], float32."""
        x_NI = torch.zeros(self.shape, device=self.device)
        x_NI[self.rows_P, self.ones_P.long()] = 1
        return x_NI

    def fault(self) -> str | None:
        """Say what is wrong within, None where nothing is."""
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
