"""Denoising of one layer's inputs by a stack: the task of the pre-training phase.

Legend of shape suffixes: K networks, S seeds, N examples, B rows of a mini-batch, T mini-batches,
I inputs of the layer, O its units.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline import autoencoders, networks
from pipeline.autoencoders import Autoencoder, denoising_step_
from pipeline.backprop import Step
from pipeline.measures import ROWS
from pipeline.minibatches import Minibatches, gather, seeds_of
from pipeline.networks import Stack, Tensors
from pipeline.population import Candidate, settings_K
from pipeline.seeds import generator

NOISE_STEPS = 50  # mini-batches whose noise is drawn at once: bounds the memory it takes


@dataclass(frozen=True)
class Denoising:
    """Lower reconstruction + l1 * sum |h| on train; the best epoch is that of the lowest
    reconstruction error of the validation inputs, under noise that is drawn once a seed."""

    like: Autoencoder  # the shape of what is trained; its tensors are not used
    batches: Minibatches
    corruption: float  # probability that an input is set to 0
    seeds: list[int]  # S: whose inputs there are, in order
    x_SNI: Tensor  # one slice for all seeds (the dataset) or one a seed (codes of the layer below)
    valid_x_SNI: Tensor
    criteria = ("valid_costs",)

    def train_epoch(self, tensors: Tensors, stack: list[Candidate], epoch: int) -> Tensor:
        """Train every auto-encoder by one epoch, in place; return its mean cost [K]."""
        auto = replace(self.like, tensors=tensors)
        rates_K, l1_K = settings_K(stack, self.x_SNI)
        step = Step.of(rates_K, l1_K, self.batches.size)
        orders_KN = self.batches.orders_KN(stack, epoch) + self._offsets_K1(stack)
        rows = orders_KN.to(self.x_SNI.device).split(self.batches.size, 1)
        x_NI = self.x_SNI.flatten(0, 1)
        total_K = torch.zeros_like(rates_K)
        for rows_KB, keep_KBI in zip(rows, self._noise(stack, epoch), strict=True):
            total_K += denoising_step_(auto, gather(x_NI, rows_KB), keep_KBI, step)
        return total_K / self.batches.steps

    def measure(self, tensors: Tensors, stack: list[Candidate]) -> dict[str, Tensor]:
        """Return the reconstruction error on the validation inputs: a sum over the inputs."""
        auto = replace(self.like, tensors=tensors)
        costs = [self._valid_cost(auto, k, candidate) for k, candidate in enumerate(stack)]
        return {"valid_costs": torch.tensor(costs, dtype=torch.float64)}

    def _valid_cost(self, auto: Autoencoder, k: int, candidate: Candidate) -> float:
        one = replace(auto, tensors=networks.only(auto.tensors, k))
        draws = self._draws(candidate.seed, "valid-corruption", 0)
        total = 0.0
        x_NI = self.valid_x_SNI[self._slice(candidate.seed)]
        for rows_NI in x_NI.split(ROWS):
            x_1NI = rows_NI.unsqueeze(0)
            h_1NO = autoencoders.encode(one, x_1NI * self._keep(x_1NI.shape, draws))
            _, cost_1 = autoencoders.reconstruct(one, h_1NO, x_1NI)
            total += float(cost_1) * len(rows_NI)
        return total / len(x_NI)

    def _noise(self, stack: list[Candidate], epoch: int) -> Iterator[Tensor]:
        seeds, source_K = seeds_of(stack)
        source_K = source_K.to(self.x_SNI.device)
        draws = [self._draws(seed, "corruption", epoch) for seed in seeds]
        size, inputs = self.batches.size, self.x_SNI.shape[2]
        for first in range(0, self.batches.steps, NOISE_STEPS):
            steps = min(NOISE_STEPS, self.batches.steps - first)
            keep_TSBI = torch.stack([self._keep((steps, size, inputs), seed) for seed in draws], 1)
            for keep_SBI in keep_TSBI:
                yield keep_SBI.index_select(0, source_K)

    def _keep(self, shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
        return self.x_SNI.new_empty(shape).bernoulli_(1 - self.corruption, generator=draws)

    def _draws(self, seed: int, use: str, epoch: int) -> torch.Generator:
        names = (self.batches.dataset, seed, use, self.batches.phase, epoch)
        return generator(*names, device=str(self.x_SNI.device))

    def _slice(self, seed: int) -> int:
        return self.seeds.index(seed) if len(self.x_SNI) > 1 else 0

    def _offsets_K1(self, stack: list[Candidate]) -> Tensor:
        slices = [self._slice(candidate.seed) for candidate in stack]
        return torch.tensor(slices).unsqueeze(1) * self.x_SNI.shape[1]


def codes(below: Stack, layers: int, x_NI: Tensor) -> Tensor:
    """Return the outputs [S, N, O] of hidden layer `layers` (1 the lowest) of S networks.

    No noise: each layer is trained on what the layers below make of clean inputs.
    """
    tops = [
        torch.cat([_top(below.only(s), layers, rows_NI) for rows_NI in x_NI.split(ROWS)], 1)
        for s in range(len(below))
    ]
    return torch.cat(tops)


def _top(network: Stack, layers: int, x_NI: Tensor) -> Tensor:
    return networks.hidden_outputs(network, x_NI.unsqueeze(0), layers)[-1]
