"""Mini-batches: examples and order are a function of dataset, phase, seed, epoch, share of labels.

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

# Mini-batches of generated images that are drawn at once on a CPU: bounds their memory. A GPU draws
# ten times as many, since it takes the same launches and synchronizations for any number.
DRAWN_STEPS = 50
REFERENCE_IMAGES = 10_000  # of a generated dataset, for metrics on training examples


SeedEpoch = tuple[int, int]  # a seed, and an epoch from 1 up
Draw = tuple[Tensor, ...]  # indices, or images, of a mini-batch; each [S, ...]


class Minibatches(Protocol):
    """The mini-batches of one dataset in one phase.

    Made in two steps, so that the second can be recorded as a CUDA graph: `draws` yields indices or
    images, `lookup` computes inputs and labels from them.
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

    def draws(self, seed_epochs: Sequence[SeedEpoch]) -> Iterator[Draw]:
        """Yield the indices, or images, of each mini-batch of an epoch, for all seeds at once."""
        ...

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return a function from a draw of these seeds to its mini-batch."""
        ...

    def epoch(self, seeds: list[int], epoch: int) -> Iterator[Batch]:
        """Yield an epoch's mini-batches [S, B, I], for all seeds at once."""
        ...


class Epochs:
    """Iteration over an epoch, shared by all kinds of mini-batches."""

    def epoch(self: Minibatches, seeds: list[int], epoch: int) -> Iterator[Batch]:
        """Yield an epoch's mini-batches [S, B, I], for all seeds at once."""
        look = self.lookup(seeds)
        for draw in self.draws([(seed, epoch) for seed in seeds]):
            yield look(*draw)


@dataclass(frozen=True)
class ShuffledMinibatches(Epochs):
    """Passes over a training split, each in a new order, without an incomplete last mini-batch.

    With a share of the labels an epoch makes several passes over fewer examples, so that it has as
    many mini-batches as with all labels.
    """

    dataset: str
    phase: str  # `finetune`, or `pretrain-1` and so on; each phase has its own orders
    size: int
    examples: Data
    labels: float = 1.0  # share of the labels that is used, in (0, 1]

    @property
    def steps(self) -> int:
        """Mini-batches in an epoch; the remaining examples of its order are not used."""
        return len(self.examples) // self.size

    @property
    def steady(self) -> bool:
        """Whether all mini-batches are tensors of the same shapes: not for sparse texts."""
        return self.examples.encoding.vocabulary is None

    def rows_SN(self, seed_epochs: Sequence[SeedEpoch]) -> Tensor:
        """Return the indices [S, steps * B] of an epoch's examples in order, on their device."""
        rows_SN = torch.stack([self._order(*seed_epoch) for seed_epoch in seed_epochs])
        return rows_SN.to(self.examples.device)

    def draws(self, seed_epochs: Sequence[SeedEpoch]) -> Iterator[Draw]:
        """Yield the indices [S, B] of the examples of each mini-batch of an epoch."""
        for rows_SB in self.rows_SN(seed_epochs).split(self.size, 1):
            yield (rows_SB,)

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return a function from indices [S, B] to a mini-batch."""
        return partial(self.examples.batch, seeds)

    def _order(self, seed: int, epoch: int) -> Tensor:
        draws = generator(self.dataset, seed, "order", self.phase, epoch)
        used_M = labeled(self.dataset, seed, self.examples.of(seed).y_N, self.labels)
        needed = self.steps * self.size
        passes = -(-needed // len(used_M))
        orders = [torch.randperm(len(used_M), generator=draws) for _ in range(passes)]
        return used_M[torch.cat(orders)[:needed]]


@dataclass(frozen=True)
class GeneratedMinibatches(Epochs):
    """New images in every epoch: image i of a seed is generated from (recipe, seed, i).

    Every phase sees the same images in the same order. A share of the labels is a share of the
    clean characters.
    """

    dataset: str
    size: int
    epoch_images: int
    characters: Examples  # undistorted; `encoding.pipeline` names the recipe
    labels: float = 1.0  # share of the labels that is used, in (0, 1]

    @property
    def steps(self) -> int:
        """Mini-batches in an epoch."""
        return self.epoch_images // self.size

    @property
    def steady(self) -> bool:
        """Whether all mini-batches are tensors of the same shapes."""
        return True

    def draws(self, seed_epochs: Sequence[SeedEpoch]) -> Iterator[Draw]:
        """Yield images [S, B, I], uint8, and labels [S, B] of each mini-batch of an epoch."""
        most = DRAWN_STEPS * (1 if self.characters.device.type == "cpu" else 10)
        for first in range(0, self.steps, most):
            steps = min(most, self.steps - first)
            drawn = [self._images(seed_epoch, first, steps) for seed_epoch in seed_epochs]
            x_STBI = torch.stack([x_NI.view(steps, self.size, -1) for x_NI, _ in drawn])
            y_STB = torch.stack([y_N.view(steps, self.size) for _, y_N in drawn])
            for step in range(steps):
                yield x_STBI[:, step], y_STB[:, step]

    def lookup(self, seeds: list[int]) -> Callable[..., Batch]:
        """Return a function from images and labels to a mini-batch."""
        return lambda x_SBI, y_SB: (decode(x_SBI, self.characters.encoding), y_SB)

    def _images(self, seed_epoch: SeedEpoch, first: int, steps: int) -> tuple[Tensor, Tensor]:
        seed, epoch = seed_epoch
        start = ((epoch - 1) * self.steps + first) * self.size
        i_N = torch.arange(start, start + steps * self.size)
        return generated_images(self._used(seed), (self.dataset, seed), i_N)

    def _used(self, seed: int) -> Examples:
        if self.labels == 1:
            return self.characters
        rows_M = labeled(self.dataset, seed, self.characters.y_N, self.labels)
        return self.characters.select(rows_M)


def generated_images(
    characters: Examples, names: tuple[str | int, ...], i_N: Tensor
) -> tuple[Tensor, Tensor]:
    """Return images `i_N` of the random stream `names`, uint8 [N, I], and their labels [N]."""
    encoding = characters.encoding
    sources = pipelines.Characters(characters.images, characters.y_N)
    return pipelines.draw(encoding.pipeline, sources, names, i_N.to(characters.y_N.device))


def minibatches(
    dataset: str, phase: str, schedule: Schedule, train: Data, labels: float = 1.0
) -> Minibatches:
    """Return the mini-batches of a training split: shuffled or, with a recipe, generated.

    `labels` is the share of the labels that is used, in (0, 1].

    Raises Problem if the schedule lacks the number of images of a generated dataset or has one for
    another dataset, and if an epoch does not fill one mini-batch.
    """
    if bool(train.encoding.pipeline) != bool(schedule.images):
        raise Problem(
            f"params.yaml: datasets.{dataset}.{phase.split('-')[0]}.images "
            + ("is missing: add the images that a network trains on" if train.encoding.pipeline else
               "is for generated datasets alone: remove it")
        )  # fmt: skip
    size = schedule.batch_size
    batches: ShuffledMinibatches | GeneratedMinibatches
    if schedule.epoch_images is None:
        batches = ShuffledMinibatches(dataset, phase, size, train, labels)
    else:
        assert isinstance(train, Examples)  # no generated dataset has a split per seed
        batches = GeneratedMinibatches(dataset, size, schedule.epoch_images, train, labels)
    if not batches.steps:
        raise Problem(
            f"params.yaml: an epoch of {dataset} does not fill one mini-batch of {size}: "
            "lower batch_size, or raise the number of images"
        )
    return batches


def reference(dataset: str, train: Data, images: int) -> Data:
    """Return training examples for metrics: a stored split as it is, or `images` generated ones.

    Generated reference images are the same for all networks, and no network trains on them.
    """
    if isinstance(train, PerSeed) or not train.encoding.pipeline:
        return train
    x_NI, y_N = generated_images(train, (dataset, "reference"), torch.arange(images))
    return Examples(x_NI, y_N, replace(train.encoding, pipeline=""))


def seed_epochs_of(trials: list[Trial], epochs: Sequence[int]) -> tuple[list[SeedEpoch], Tensor]:
    """Return the distinct (seed, epoch) pairs, sorted, and each trial's position among them [K]."""
    pairs = [(trial.seed, epoch) for trial, epoch in zip(trials, epochs, strict=True)]
    seed_epochs = sorted({*pairs})
    return seed_epochs, torch.tensor([seed_epochs.index(pair) for pair in pairs])


def seeds_of(trials: list[Trial]) -> tuple[list[int], Tensor]:
    """Return the distinct seeds, sorted, and each trial's position among them [K]."""
    seed_epochs, source_K = seed_epochs_of(trials, [1] * len(trials))
    return [seed for seed, _ in seed_epochs], source_K
