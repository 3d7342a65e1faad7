"""Denoising of one layer's inputs by a stack: the task of the pre-training phase.

Legend of shape suffixes: K networks, S seeds, N examples, B rows of a mini-batch, T mini-batches,
I inputs of the layer, O its units.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline import autoencoders, networks
from pipeline.autoencoders import Autoencoder, denoising_step_
from pipeline.backprop import Step
from pipeline.minibatches import Minibatches, seeds_of
from pipeline.networks import Tensors
from pipeline.population import Candidate, settings_K
from pipeline.seeds import generator

NOISE_STEPS = 50  # mini-batches whose noise is drawn at once: bounds the memory it takes


@dataclass(frozen=True)
class Denoising:
    """Lower reconstruction + l1 * sum |h| on train; the best epoch is that of the lowest
    reconstruction error of the validation inputs, under noise that is drawn once a seed."""

    like: Autoencoder  # the shape of what is trained; its tensors are not used
    dataset: str
    phase: str  # names the noise
    corruption: float  # probability that an input is set to 0
    batches: Minibatches  # of the layer's inputs: the dataset's, or codes of the layers below
    valid: Callable[[int], Iterable[Tensor]]  # a seed to its validation inputs, [n, I] at a time
    criteria = ("valid_costs",)

    def train_epoch(self, tensors: Tensors, stack: list[Candidate], epoch: int) -> Tensor:
        """Train every auto-encoder by one epoch, in place; return its mean cost [K]."""
        auto = replace(self.like, tensors=tensors)
        rates_K, l1_K = settings_K(stack, tensors["W"])
        step = Step.of(rates_K, l1_K, self.batches.size)
        seeds, source_K = seeds_of(stack)
        source_K = source_K.to(rates_K.device)
        total_K = torch.zeros_like(rates_K)
        batches = self.batches.epoch(seeds, epoch)
        for (x_SBI, _), keep_SBI in zip(batches, self._noise(seeds, epoch), strict=True):
            x_KBI, keep_KBI = (part.index_select(0, source_K) for part in (x_SBI, keep_SBI))
            total_K += denoising_step_(auto, x_KBI, keep_KBI, step)
        return total_K / self.batches.steps

    def measure(self, tensors: Tensors, stack: list[Candidate]) -> dict[str, Tensor]:
        """Return the reconstruction error on the validation inputs: a sum over the inputs."""
        auto = replace(self.like, tensors=tensors)
        costs = [self._valid_cost(auto, k, candidate) for k, candidate in enumerate(stack)]
        return {"valid_costs": torch.tensor(costs, dtype=torch.float64)}

    def _valid_cost(self, auto: Autoencoder, k: int, candidate: Candidate) -> float:
        one = replace(auto, tensors=networks.only(auto.tensors, k))
        draws = self._draws(candidate.seed, "valid-corruption", 0)
        total, rows = 0.0, 0
        for x_NI in self.valid(candidate.seed):
            x_1NI = x_NI.unsqueeze(0)
            h_1NO = autoencoders.encode(one, x_1NI * self._keep(x_1NI.shape, draws))
            _, cost_1 = autoencoders.reconstruct(one, h_1NO, x_1NI)
            total += float(cost_1) * len(x_NI)
            rows += len(x_NI)
        return total / rows

    def _noise(self, seeds: list[int], epoch: int) -> Iterator[Tensor]:
        draws = [self._draws(seed, "corruption", epoch) for seed in seeds]
        shape = (self.batches.size, self.like.inputs)
        for first in range(0, self.batches.steps, NOISE_STEPS):
            steps = min(NOISE_STEPS, self.batches.steps - first)
            keep_TSBI = torch.stack([self._keep((steps, *shape), seed) for seed in draws], 1)
            yield from keep_TSBI

    def _keep(self, shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
        kept = torch.empty(shape, device=draws.device)
        return kept.bernoulli_(1 - self.corruption, generator=draws)

    def _draws(self, seed: int, use: str, epoch: int) -> torch.Generator:
        device = str(self.like.tensors["W"].device)
        return generator(self.dataset, seed, use, self.phase, epoch, device=device)
