"""Inputs of a layer above the first: representations of clean inputs by the trained layers below.

Representations of a whole split are computed once if they fit in memory; otherwise (NORB's, or
those of generated images) they are computed for each mini-batch.

Legend of shape suffixes: S seeds, N examples, B rows of a mini-batch, I inputs, O units of a layer.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.splits.examples import Batch
from pipeline.data.splits.per_seed import Data
from pipeline.networks import population
from pipeline.networks.metrics import chunk_rows
from pipeline.networks.population import Population
from pipeline.training.minibatches import (
    Draw,
    Epochs,
    Minibatches,
    SeedEpoch,
    ShuffledMinibatches,
)

# Of one seed's representations of one split that are kept in memory. A limit on all seeds together
# would let the path of a network depend on the others of its population.
STORED_BYTES = 1 << 28


@dataclass(frozen=True)
class TrainedLayers:
    """The trained layers below: one network per seed, in the order of `seeds`."""

    networks: Population
    seeds: list[int]
    layers: int  # number of trained layers, at least 1

    @property
    def width(self) -> int:
        """O, the units of the topmost trained layer."""
        return self.networks.W_KIO(self.layers - 1).shape[2]

    def of(self, seeds: list[int]) -> Population:
        """Return the networks of some seeds, in the given order."""
        return self.networks.select([self.seeds.index(seed) for seed in seeds])

    def chunks(self, seed: int, examples: Data) -> Iterator[Tensor]:
        """Yield the representations [1, n, O] of a seed's split, some examples at a time."""
        network = self.of([seed])
        for x_1NI in examples.of(seed).chunks(chunk_rows(examples.device)):
            yield population.hidden_outputs(network, x_1NI, self.layers)[-1]

    def fits(self, examples: Data) -> bool:
        """Return whether the representations of a split fit in memory."""
        return len(examples) * self.width * torch.float32.itemsize <= STORED_BYTES


@dataclass(frozen=True)
class RepresentationMinibatches(Epochs):
    """Mini-batches of representations, one for each mini-batch of the dataset's inputs."""

    batches: Minibatches

    @property
    def size(self) -> int:
        """B."""
        return self.batches.size

    @property
    def steps(self) -> int:
        """Mini-batches in an epoch."""
        return self.batches.steps

    def draws(self, seed_epochs: Sequence[SeedEpoch]) -> Iterator[Draw]:
        """Yield the indices, or images, of each mini-batch of an epoch, for all seeds at once."""
        return self.batches.draws(seed_epochs)


@dataclass(frozen=True)
class StoredRepresentations(RepresentationMinibatches):
    """Mini-batches of stored representations [N, O], by seed."""

    batches: ShuffledMinibatches
    representations: dict[int, Tensor]

    @property
    def steady(self) -> bool:
        """Whether all mini-batches are tensors of the same shapes."""
        return True

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return a function from indices [S, B] to a mini-batch of representations."""
        examples = self.batches.examples

        def look(rows_SB: Tensor) -> Batch:
            pairs = [*zip(seeds, rows_SB, strict=True)]
            stored = [self.representations[seed].index_select(0, rows) for seed, rows in pairs]
            return torch.stack(stored), torch.stack([examples.of(s).y_N[rows] for s, rows in pairs])

        return look


@dataclass(frozen=True)
class ComputedRepresentations(RepresentationMinibatches):
    """Mini-batches of representations that are computed at each step."""

    below: TrainedLayers

    @property
    def steady(self) -> bool:
        """Whether all mini-batches are tensors of the same shapes."""
        return self.batches.steady

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return a function from a draw to a mini-batch of representations."""
        networks, look = self.below.of(seeds), self.batches.lookup(seeds)

        def compute(*draw: Tensor) -> Batch:
            x_SBI, y_SB = look(*draw)
            return population.hidden_outputs(networks, x_SBI, self.below.layers)[-1], y_SB

        return compute


def training_batches(batches: Minibatches, below: TrainedLayers) -> Minibatches:
    """Return the mini-batches of the layer above the trained ones."""
    if not (isinstance(batches, ShuffledMinibatches) and below.fits(batches.examples)):
        return ComputedRepresentations(batches, below)
    examples = batches.examples
    stored = {}
    for seed in below.seeds:
        stored[seed] = torch.empty(len(examples), below.width, device=examples.device)
        for rows_NO, h_1NO in zip(
            stored[seed].split(chunk_rows(examples.device)),
            below.chunks(seed, examples),
            strict=True,
        ):
            rows_NO.copy_(h_1NO[0])
    return StoredRepresentations(batches, stored)


def validation_inputs(valid: Data, below: TrainedLayers) -> Callable[[int], Iterable[Tensor]]:
    """Return a function from a seed to its validation representations, in chunks [1, n, O]."""
    if not below.fits(valid):
        return lambda seed: below.chunks(seed, valid)
    stored = {seed: list(below.chunks(seed, valid)) for seed in below.seeds}
    return stored.__getitem__


def largest_outputs(below: TrainedLayers, seed: int, examples: Data) -> Tensor:
    """Return each unit's largest absolute output on a split [1, O]; 1 for a dead unit."""
    largest_O = torch.cat([h_1NO.abs().amax(1) for h_1NO in below.chunks(seed, examples)]).amax(0)
    return torch.where(largest_O > 0, largest_O, 1).unsqueeze(0)
