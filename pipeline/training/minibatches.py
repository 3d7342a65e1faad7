"""Which examples a network sees, and in which order: a pure function of (dataset, seed, epoch).

Legend of shape suffixes: K networks, S seeds, N examples of an epoch, B rows of a mini-batch,
I inputs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from pipeline.config.params import Schedule
from pipeline.data.splits.distortions import pipelines
from pipeline.data.splits.encoding import decode
from pipeline.data.splits.examples import Batch, Examples
from pipeline.data.splits.per_seed import Data, PerSeed, labeled
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import generator
from pipeline.training.state import Trial

# Mini-batches of fresh images that are drawn at once on a CPU: bounds their memory. A GPU draws ten
# times as many, since it takes as many launches and waits for any number.
DRAWN_STEPS = 50
REFERENCE_IMAGES = 10_000  # of a generated dataset, for what is measured on the training split


Turn = tuple[int, int]  # of a network: a seed, and the epoch that is its next one, from 1 up
Draw = tuple[Tensor, ...]  # what tells a mini-batch from the others, each [S, ...]


class Minibatches(Protocol):
    """The mini-batches of one dataset in one phase.

    They come in two parts, so that what is the same for all can be recorded: `draws` are made or
    moved for each, `lookup` computes the inputs from them.
    """

    @property
    def size(self) -> int:
        """B."""
        ...

    @property
    def steps(self) -> int:
        """Mini-batches in an epoch."""
        ...

    @property
    def steady(self) -> bool:
        """Whether all mini-batches are tensors of the same shapes."""
        ...

    def draws(self, turns: Sequence[Turn]) -> Iterator[Draw]:
        """Yield what an epoch's mini-batches are told by, those of all turns together."""
        ...

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return what computes a mini-batch of these seeds from what it is told by."""
        ...

    def epoch(self, seeds: list[int], epoch: int) -> Iterator[Batch]:
        """Yield an epoch's mini-batches, those of all seeds together."""
        ...


class Epochs:
    """What all mini-batches can do."""

    def epoch(self: Minibatches, seeds: list[int], epoch: int) -> Iterator[Batch]:
        """Yield an epoch's mini-batches, those of all seeds together."""
        look = self.lookup(seeds)
        for draw in self.draws([(seed, epoch) for seed in seeds]):
            yield look(*draw)


@dataclass(frozen=True)
class Shuffled(Epochs):
    """Passes over a training split, in a new order each; what fills no mini-batch waits.

    Of a share of the labels an epoch makes several passes, so that it has as many mini-batches.
    """

    dataset: str
    phase: str  # `finetune`, or `pretrain-1` and so on: each has orders of its own
    size: int
    examples: Data
    labels: float = 1.0  # the share that is used, in (0, 1]

    @property
    def steps(self) -> int:
        """Mini-batches in an epoch; examples left over wait for the next one."""
        return len(self.examples) // self.size

    @property
    def steady(self) -> bool:
        """Whether all mini-batches are tensors of the same shapes: those of texts are not."""
        return self.examples.encoding.vocabulary is None

    def rows_SN(self, turns: Sequence[Turn]) -> Tensor:
        """Return the examples [S, steps * B] of an epoch in order, on their device."""
        rows_SN = torch.stack([self._order(*turn) for turn in turns])
        return rows_SN.to(self.examples.device)

    def draws(self, turns: Sequence[Turn]) -> Iterator[Draw]:
        """Yield the examples [S, B] of an epoch's mini-batches."""
        for rows_SB in self.rows_SN(turns).split(self.size, 1):
            yield (rows_SB,)

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return what looks examples up."""
        return partial(self.examples.batch, seeds)

    def _order(self, seed: int, epoch: int) -> Tensor:
        draws = generator(self.dataset, seed, "order", self.phase, epoch)
        used_M = labeled(self.dataset, seed, self.examples.of(seed).y_N, self.labels)
        needed = self.steps * self.size
        passes = -(-needed // len(used_M))
        orders = [torch.randperm(len(used_M), generator=draws) for _ in range(passes)]
        return used_M[torch.cat(orders)[:needed]]


@dataclass(frozen=True)
class Generated(Epochs):
    """Images that nobody has seen before: image i of a seed is drawn from (recipe, seed, i).

    Every phase sees the same images in the same order, as passes over a stored set would. A share
    of the labels is one of the clean characters.
    """

    dataset: str
    size: int
    epoch_images: int
    characters: Examples  # the clean ones, whose form names the recipe
    labels: float = 1.0  # the share that is used, in (0, 1]

    @property
    def steps(self) -> int:
        """Mini-batches in an epoch."""
        return self.epoch_images // self.size

    @property
    def steady(self) -> bool:
        """Whether all mini-batches are tensors of the same shapes."""
        return True

    def draws(self, turns: Sequence[Turn]) -> Iterator[Draw]:
        """Yield the images [S, B, I] of an epoch's mini-batches, as stored, and their labels."""
        most = DRAWN_STEPS * (1 if self.characters.device.type == "cpu" else 10)
        for first in range(0, self.steps, most):
            steps = min(most, self.steps - first)
            drawn = [self._images(turn, first, steps) for turn in turns]
            x_STBI = torch.stack([x_NI.view(steps, self.size, -1) for x_NI, _ in drawn])
            y_STB = torch.stack([y_N.view(steps, self.size) for _, y_N in drawn])
            for step in range(steps):
                yield x_STBI[:, step], y_STB[:, step]

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return what makes inputs of images."""
        return lambda x_SBI, y_SB: (decode(x_SBI, self.characters.encoding), y_SB)

    def _images(self, turn: Turn, first: int, steps: int) -> tuple[Tensor, Tensor]:
        seed, epoch = turn
        start = ((epoch - 1) * self.steps + first) * self.size
        i_N = torch.arange(start, start + steps * self.size)
        return fresh(self._used(seed), (self.dataset, seed), i_N)

    def _used(self, seed: int) -> Examples:
        if self.labels == 1:
            return self.characters
        rows_M = labeled(self.dataset, seed, self.characters.y_N, self.labels)
        return self.characters.select(rows_M)


def fresh(characters: Examples, names: tuple[str | int, ...], i_N: Tensor) -> tuple[Tensor, Tensor]:
    """Return images i of the stream `names`, as stored: uint8 [N, I], and their labels [N]."""
    form = characters.encoding
    sources = pipelines.Characters(characters.images, characters.y_N)
    return pipelines.draw(form.pipeline, sources, names, i_N.to(characters.y_N.device))


def minibatches(
    dataset: str, phase: str, schedule: Schedule, train: Data, labels: float = 1.0
) -> Minibatches:
    """Return the mini-batches of a training split, as its form and the schedule have them.

    `labels` is the share of the labels that is used, in (0, 1].

    Raises Problem where the schedule has no number of images for a generated dataset, or has one
    for another.
    """
    if bool(train.encoding.pipeline) != bool(schedule.images):
        raise Problem(
            f"params.yaml: datasets.{dataset}.{phase.split('-')[0]}.images "
            + ("is missing: say how many a network trains on" if train.encoding.pipeline else
               "is for generated datasets alone: remove it")
        )  # fmt: skip
    if schedule.epoch_images is None:
        found: Shuffled | Generated = Shuffled(dataset, phase, schedule.batch_size, train, labels)
    else:
        assert isinstance(train, Examples)  # nothing generated has splits by seed
        found = Generated(dataset, schedule.batch_size, schedule.epoch_images, train, labels)
    if not found.steps:
        raise Problem(
            f"params.yaml: an epoch of {dataset} does not fill one mini-batch of {found.size}: "
            "lower batch_size, or raise the number of images"
        )
    return found


def reference(dataset: str, train: Data, images: int) -> Data:
    """Return training images to measure every network on: the first ones, or fixed fresh ones.

    Of a stored split there are as many as it has, of a generated dataset `images`.
    """
    if isinstance(train, PerSeed) or not train.encoding.pipeline:
        return train
    x_NI, y_N = fresh(train, (dataset, "reference"), torch.arange(images))
    return Examples(x_NI, y_N, replace(train.encoding, pipeline=""))


def turns_of(stack: list[Trial], epochs: Sequence[int]) -> tuple[list[Turn], Tensor]:
    """Return the turns of a stack, once each, and for each network the position of its turn [K].

    `epochs` are the networks' next ones.
    """
    mine = [(candidate.seed, epoch) for candidate, epoch in zip(stack, epochs, strict=True)]
    turns = sorted({*mine})
    return turns, torch.tensor([turns.index(turn) for turn in mine])


def seeds_of(stack: list[Trial]) -> tuple[list[int], Tensor]:
    """Return the seeds of a stack, once each, and for each network the position of its seed [K]."""
    turns, source_K = turns_of(stack, [1] * len(stack))
    return [seed for seed, _ in turns], source_K
