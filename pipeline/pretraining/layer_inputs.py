"""The inputs of a layer above the first: what the trained layers below make of clean images.

Codes of a whole split are computed once and kept where they fit; where they do not (NORB's, or
those of images that never come again) they are computed as they are needed.

Legend of shape suffixes: S seeds, N examples, B rows of a mini-batch, I inputs, O units of a layer.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.splits.examples import Batch
from pipeline.data.splits.per_seed import Data
from pipeline.data.splits.sparse_batch import Inputs
from pipeline.networks import population
from pipeline.networks.metrics import rows_on
from pipeline.networks.population import Population
from pipeline.training.minibatches import Draw, Epochs, Minibatches, Shuffled, Turn

KEPT_BYTES = (
    1 << 28
)  # of one split's codes of one seed; it may not depend on the stack's other seeds


@dataclass(frozen=True)
class Below:
    """The trained layers below: of one network a seed, in the order of `seeds`."""

    stack: Population
    seeds: list[int]
    layers: int  # how many are trained; at least 1

    @property
    def width(self) -> int:
        """O, the units of the topmost trained layer."""
        return self.stack.W_KIO(self.layers - 1).shape[2]

    def of(self, seeds: list[int]) -> Population:
        """Return the networks of some seeds, in that order."""
        return self.stack.select([self.seeds.index(seed) for seed in seeds])

    def chunks(self, seed: int, examples: Data) -> Iterator[Tensor]:
        """Yield the codes [1, n, O] of a seed's split, some rows at a time."""
        network = self.of([seed])
        for x_1NI in examples.of(seed).chunks(rows_on(examples.device)):
            yield top(network, self.layers, x_1NI)

    def fits(self, examples: Data) -> bool:
        """Tell whether the codes of a split are few enough to be kept."""
        return len(examples) * self.width * torch.float32.itemsize <= KEPT_BYTES


def top(stack: Population, layers: int, x_SBI: Inputs) -> Tensor:
    """Return the outputs [S, B, O] of hidden layer `layers` (1 the lowest)."""
    return population.hidden_outputs(stack, x_SBI, layers)[-1]


@dataclass(frozen=True)
class Coded(Epochs):
    """Mini-batches of codes: as many, and as large, as those of the images that they are of."""

    batches: Minibatches

    @property
    def size(self) -> int:
        """B."""
        return self.batches.size

    @property
    def steps(self) -> int:
        """Mini-batches in an epoch."""
        return self.batches.steps

    def draws(self, turns: Sequence[Turn]) -> Iterator[Draw]:
        """Yield what an epoch's mini-batches are told by."""
        return self.batches.draws(turns)


@dataclass(frozen=True)
class Kept(Coded):
    """Mini-batches of codes that were computed once; `codes` holds [N, O] by seed."""

    batches: Shuffled
    codes: dict[int, Tensor]

    @property
    def steady(self) -> bool:
        """Whether all mini-batches are tensors of the same shapes."""
        return True

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return what looks codes up."""
        examples = self.batches.examples

        def look(rows_SB: Tensor) -> Batch:
            pairs = [*zip(seeds, rows_SB, strict=True)]
            h_SBO = torch.stack([self.codes[seed].index_select(0, rows) for seed, rows in pairs])
            return h_SBO, torch.stack([examples.of(seed).y_N[rows] for seed, rows in pairs])

        return look


@dataclass(frozen=True)
class Passed(Coded):
    """Mini-batches of codes, computed as they are needed."""

    below: Below

    @property
    def steady(self) -> bool:
        """Whether all mini-batches are tensors of the same shapes."""
        return self.batches.steady

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return what computes codes."""
        stack, look = self.below.of(seeds), self.batches.lookup(seeds)

        def code(*draw: Tensor) -> Batch:
            x_SBI, y_SB = look(*draw)
            return top(stack, self.below.layers, x_SBI), y_SB

        return code


def training(batches: Minibatches, below: Below) -> Minibatches:
    """Return the mini-batches of the layer above the trained ones."""
    if not (isinstance(batches, Shuffled) and below.fits(batches.examples)):
        return Passed(batches, below)
    examples = batches.examples
    codes = {}
    for seed in below.seeds:
        codes[seed] = torch.empty(len(examples), below.width, device=examples.device)
        for rows_NO, h_1NO in zip(
            codes[seed].split(rows_on(examples.device)), below.chunks(seed, examples), strict=True
        ):
            rows_NO.copy_(h_1NO[0])
    return Kept(batches, codes)


def validation(valid: Data, below: Below) -> Callable[[int], Iterable[Tensor]]:
    """Return what gives the codes of a seed's validation split, some rows [1, n, O] at a time."""
    if not below.fits(valid):
        return lambda seed: below.chunks(seed, valid)
    kept = {seed: list(below.chunks(seed, valid)) for seed in below.seeds}
    return kept.__getitem__


def most(below: Below, seed: int, examples: Data) -> Tensor:
    """Return the largest size [1, O] of each code of a split; 1 where all are 0."""
    most_O = torch.cat([h_1NO.abs().amax(1) for h_1NO in below.chunks(seed, examples)]).amax(0)
    return torch.where(most_O > 0, most_O, 1).unsqueeze(0)
