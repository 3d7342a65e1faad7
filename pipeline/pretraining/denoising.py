"""Denoising of one layer's inputs by a stack: the task of the pre-training phase.

Legend of shape suffixes: K networks, S seeds, N examples, B rows of a mini-batch, T mini-batches,
I inputs of the layer, O its units.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs, SparseBatch, dense, of_networks
from pipeline.networks.kernels.gpu import graphs
from pipeline.networks.population import Tensors
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder, reconstruction_sampling
from pipeline.pretraining.autoencoder import Autoencoder, denoising_step_
from pipeline.pretraining.noise import Noise
from pipeline.pretraining.reconstruction_sampling import Sample
from pipeline.runtime.seeds import generator
from pipeline.training.minibatches import Minibatches, Turn, turns_of
from pipeline.training.state import Trial, settings_K

NOISE_STEPS = 50  # mini-batches whose noise is drawn at once: bounds the memory it takes


@dataclass(frozen=True)
class Denoising:
    """Lower reconstruction + l1 * sum |h| on train; the best epoch is that of the lowest
    reconstruction error of the validation inputs, under noise that is drawn once a seed."""

    like: Autoencoder  # the shape and place of what is trained; its numbers are not used
    dataset: str
    phase: str  # names the noise
    noise: Noise
    batches: Minibatches  # of the layer's inputs: the dataset's, or codes of the layers below
    valid: Callable[[int], Iterable[Inputs]]  # a seed to its validation inputs, [1, n, I] at a time
    rebuilt: int | None = None  # of a text's terms, how many are rebuilt at a step; None: all
    criteria = ("valid_costs",)

    def train_epoch(self, tensors: Tensors, stack: list[Trial], epochs: Sequence[int]) -> Tensor:
        """Train every auto-encoder by its next epoch, in place; return its mean cost [K]."""
        auto = replace(self.like, tensors=tensors)
        rates_K, l1_K = settings_K(stack, tensors["W"])
        step = Step.of(rates_K, l1_K, self.batches.size)
        turns, source_K = turns_of(stack, epochs)
        source_K = source_K.to(rates_K.device)
        total_K = torch.zeros_like(rates_K)

        def learn_(x_SBI: Inputs, noisy_SBI: Inputs, sample: Sample | None = None) -> None:
            x_KBI, noisy_KBI = (of_networks(part, source_K) for part in (x_SBI, noisy_SBI))
            mine = None if sample is None else sample.of(source_K)
            total_K.add_(denoising_step_(auto, x_KBI, noisy_KBI, step, mine))

        if self.batches.steady:
            self._train_steadily(turns, learn_)
        else:
            for corrupted in self._corrupted(turns):
                learn_(*corrupted)
        return total_K / self.batches.steps

    def _train_steadily(self, turns: list[Turn], learn_: Callable[[Tensor, Tensor], None]) -> None:
        """Take the steps of an epoch on inputs that masks hide."""
        look = self.batches.lookup([seed for seed, _ in turns])

        def learn_masked_(keep_SBI: Tensor, *draw: Tensor) -> None:
            x_SBI, _ = look(*draw)
            x_SBI = dense(x_SBI)
            learn_(x_SBI, x_SBI * keep_SBI)

        pairs = zip(self._masks(turns), self.batches.draws(turns), strict=True)
        graphs.take(
            learn_masked_,
            ((keep_SBI, *draw) for keep_SBI, draw in pairs),
            self.like.tensors["W"].device,
            steps=self.batches.steps,
            steady=True,
        )

    def measure(self, tensors: Tensors, stack: list[Trial]) -> dict[str, Tensor]:
        """Return the reconstruction error on the validation inputs: a sum over the inputs."""
        auto = replace(self.like, tensors=tensors)
        costs = [self._valid_cost(auto, k, candidate) for k, candidate in enumerate(stack)]
        return {"valid_costs": torch.cat(costs)}

    def _valid_cost(self, auto: Autoencoder, k: int, candidate: Trial) -> Tensor:
        """Return the error of one network [1], float64. The CPU does not wait for it."""
        one = auto.only(k)
        draws = self._draws(candidate.seed, "valid-corruption", 0)
        total_1, rows = torch.zeros(1, dtype=torch.float64, device=auto.tensors["W"].device), 0
        for x_1NI in self.valid(candidate.seed):
            if isinstance(x_1NI, SparseBatch):
                noisy_1NI: Inputs = SparseBatch(self.noise.bits(x_1NI.rows_QI, draws), 1)
            else:
                noisy_1NI = x_1NI * self.noise.kept(x_1NI.shape, draws)
            h_1NO = autoencoder.encode(one, noisy_1NI)
            _, cost_1 = autoencoder.reconstruct(one, h_1NO, x_1NI)
            total_1 += cost_1.double() * x_1NI.shape[1]
            rows += x_1NI.shape[1]
        return total_1 / rows

    def _corrupted(self, turns: list[Turn]) -> Iterator[tuple[Inputs, Inputs, Sample | None]]:
        """Yield the inputs of an epoch's mini-batches, what noise makes of them, what is rebuilt.

        Noise of bits is drawn for each mini-batch, that of other inputs for many at once.
        """
        draws = [self._draws(seed, "corruption", epoch) for seed, epoch in turns]
        chosen = [self._draws(seed, "rebuilt", epoch) for seed, epoch in turns]
        masks, look = self._masks(turns), self.batches.lookup([seed for seed, _ in turns])
        for draw in self.batches.draws(turns):
            x_SBI, _ = look(*draw)
            if not isinstance(x_SBI, SparseBatch):
                yield x_SBI, x_SBI * next(masks), None
                continue
            each = zip(x_SBI.by_seed(), draws, strict=True)
            noisy_SBI = SparseBatch.joined([self.noise.bits(bits_BI, one) for bits_BI, one in each])
            rebuilt = self.rebuilt
            yield (
                x_SBI,
                noisy_SBI,
                reconstruction_sampling.draw(x_SBI, noisy_SBI, rebuilt, chosen)
                if rebuilt
                else None,
            )

    def _masks(self, turns: list[Turn]) -> Iterator[Tensor]:
        """Yield what masking noise keeps [S, B, I] in each mini-batch of an epoch."""
        draws = [self._draws(seed, "corruption", epoch) for seed, epoch in turns]
        shape = (self.batches.size, self.like.inputs)
        for first in range(0, self.batches.steps, NOISE_STEPS):
            steps = min(NOISE_STEPS, self.batches.steps - first)
            yield from torch.stack([self.noise.kept((steps, *shape), one) for one in draws], 1)

    def _draws(self, seed: int, use: str, epoch: int) -> torch.Generator:
        device = str(self.like.tensors["W"].device)
        return generator(self.dataset, seed, use, self.phase, epoch, device=device)
