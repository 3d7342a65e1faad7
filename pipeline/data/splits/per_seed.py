"""Examples of which every seed has its own: the folds of a cross-validation, draws of labels.

Legend of shape suffixes: S seeds, N examples of a split, B rows of a mini-batch, I inputs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.data.splits import sparse_batch
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Batch, Examples, read, read_form


@dataclass(frozen=True)
class PerSeed:
    """The examples of some seeds; all have as many, of one shape."""

    by_seed: dict[int, Examples]

    @property
    def _any(self) -> Examples:
        return next(iter(self.by_seed.values()))

    def __len__(self) -> int:
        """Return N, the same for every seed."""
        return len(self._any)

    @property
    def form(self) -> Encoding:
        """The form of one of them: the others differ from it in their terms at most."""
        return self._any.form

    @property
    def device(self) -> torch.device:
        """Where the examples are."""
        return self._any.device

    def of(self, seed: int) -> Examples:
        """Return the examples of a seed."""
        return self.by_seed[seed]

    def batch(self, seeds: list[int], rows_SB: Tensor) -> Batch:
        """Return the network inputs [S, B, I] and labels [S, B] of some rows for each seed."""
        pairs = zip(seeds, rows_SB, strict=True)
        parts = [self.of(seed).batch([seed], rows_B.unsqueeze(0)) for seed, rows_B in pairs]
        return sparse_batch.joined([x for x, _ in parts]), torch.cat([y for _, y in parts])

    def select(self, rows_B: Tensor) -> "PerSeed":
        """Return some of the examples of each seed, as stored."""
        return PerSeed({seed: each.select(rows_B) for seed, each in self.by_seed.items()})

    def to(self, device: torch.device) -> "PerSeed":
        """Return the examples on a device."""
        return PerSeed({seed: each.to(device) for seed, each in self.by_seed.items()})


Data = Examples | PerSeed


def read_for(path: Path, seeds: Iterable[int], *, unlabeled: bool = False) -> Data:
    """Read the split of each of some seeds, once where all have the same.

    Raises Problem as `examples.read` does.
    """
    if read_form(path).repeats == 1:
        return read(path, unlabeled=unlabeled)
    return PerSeed({seed: read(path, seed, unlabeled=unlabeled) for seed in seeds})
