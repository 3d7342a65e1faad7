"""Data that differ by seed: cross-validation folds, and random subsets of the labels.

Legend of shape suffixes: S seeds, N examples of a split, M of them with a label, B rows of a
mini-batch, I inputs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.data.splits import sparse_batch
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Batch, Examples, read, read_encoding
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import generator


@dataclass(frozen=True)
class PerSeed:
    """Examples of several seeds, the same number and shape for every seed."""

    by_seed: dict[int, Examples]

    @property
    def _any(self) -> Examples:
        return next(iter(self.by_seed.values()))

    def __len__(self) -> int:
        """Return N, the same for every seed."""
        return len(self._any)

    @property
    def encoding(self) -> Encoding:
        """Encoding of one seed; the encodings of other seeds differ in their vocabulary at most."""
        return self._any.encoding

    @property
    def device(self) -> torch.device:
        """Device of the examples."""
        return self._any.device

    def of(self, seed: int) -> Examples:
        """Return the examples of a seed."""
        return self.by_seed[seed]

    def batch(self, seeds: list[int], rows_SB: Tensor) -> Batch:
        """Return the network inputs [S, B, I] and labels [S, B] of the given rows of each seed."""
        pairs = zip(seeds, rows_SB, strict=True)
        parts = [self.of(seed).batch([seed], rows_B.unsqueeze(0)) for seed, rows_B in pairs]
        return sparse_batch.joined([x for x, _ in parts]), torch.cat([y for _, y in parts])

    def select(self, rows_B: Tensor) -> "PerSeed":
        """Return the examples at the given rows of every seed, as stored."""
        return PerSeed({seed: split.select(rows_B) for seed, split in self.by_seed.items()})

    def to(self, device: torch.device) -> "PerSeed":
        """Return the examples on a device."""
        return PerSeed({seed: split.to(device) for seed, split in self.by_seed.items()})


Data = Examples | PerSeed


def read_for(path: Path, seeds: Iterable[int], *, unlabeled: bool = False) -> Data:
    """Read the splits of the given seeds from a file, or its one split where all seeds share it.

    Raises Problem as `examples.read` does.
    """
    if read_encoding(path).repeats == 1:
        return read(path, unlabeled=unlabeled)
    return PerSeed({seed: read(path, seed, unlabeled=unlabeled) for seed in seeds})


def labeled(dataset: str, seed: int, y_N: Tensor, share: float) -> Tensor:
    """Return the rows [M], ascending, that keep their label when a share in (0, 1] is kept.

    Each class keeps the same share, rounded. The rows of a smaller share are a subset of the rows
    of a larger one, and a share of 1 keeps the whole split. Raises Problem where a class is left
    without an example.
    """
    if share == 1:
        return torch.arange(len(y_N))
    order_N = torch.randperm(len(y_N), generator=generator(dataset, seed, "labels"))
    kept = []
    for label in y_N.unique().tolist():
        rows = order_N[y_N.cpu()[order_N] == label]
        count = round(share * len(rows))
        if not count:
            raise Problem(
                f"params.yaml: {100 * share:g}% of the labels of {dataset} leave class {label} of "
                f"{len(rows)} training examples without one: raise that share"
            )
        kept.append(rows[:count])
    return torch.cat(kept).sort().values
