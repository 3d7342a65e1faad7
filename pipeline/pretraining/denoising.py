"""Pre-training objective: reconstruction of one layer's inputs from noisy inputs.

Legend of shape suffixes: K networks, S seeds, N examples, B rows of a mini-batch, T mini-batches,
I inputs of the layer, O its units, P non-zero inputs of all rows, Q inputs turned on by noise.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pipeline.data.splits.sparse_batch import Inputs, SparseBatch, SparseRows, dense, of_networks
from pipeline.networks.arithmetic import numerics
from pipeline.networks.kernels.gpu import graphs
from pipeline.networks.population import Tensors
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder, reconstruction_sampling
from pipeline.pretraining.autoencoder import Autoencoder
from pipeline.pretraining.denoising_steps import DenoisingSteps
from pipeline.pretraining.reconstruction_sampling import Sample
from pipeline.runtime.seeds import generator
from pipeline.training.minibatches import Minibatches, SeedEpoch, seed_epochs_of
from pipeline.training.state import Trial, rates_and_penalties_K

NOISE_STEPS = 50  # mini-batches whose noise is drawn at once: bounds its memory


@dataclass(frozen=True)
class Noise:
    """Corruption of a layer's inputs: masking noise, and on binary inputs salt-and-pepper noise.

    `hide` is the probability in [0, 1) that an input (of sparse rows: a one) is set to 0, `salt`
    the probability in [0, 1) that a zero of sparse rows is set to 1.
    """

    hide: float
    salt: float = 0.0

    def kept(self, shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
        """Return a mask, float32: 0 hides an input, 1 keeps it."""
        kept = torch.empty(shape, device=draws.device)
        return kept.bernoulli_(1 - self.hide, generator=draws)

    def bits(self, x_BI: SparseRows, draws: torch.Generator) -> SparseRows:
        """Return sparse rows under salt-and-pepper noise, drawn independently for each input."""
        places_P = x_BI.rows_P * x_BI.inputs + x_BI.ones_P
        stays_P = self.kept(places_P.shape, draws).bool()
        salted_Q = _hits(len(x_BI) * x_BI.inputs, self.salt, draws)
        salted_Q = salted_Q[~torch.isin(salted_Q, places_P, assume_unique=True)]
        places = torch.cat([places_P[stays_P], salted_Q]).sort().values
        rows = places // x_BI.inputs
        ends_B = torch.bincount(rows, minlength=len(x_BI)).cumsum(0)
        starts_M = torch.cat([ends_B.new_zeros(1), ends_B])
        return SparseRows(starts_M, (places % x_BI.inputs).int(), x_BI.inputs)


def _hits(trials: int, probability: float, draws: torch.Generator) -> Tensor:
    """Return the successes of independent trials, ascending, from their geometric gaps."""
    if not probability:
        return torch.empty(0, dtype=torch.int64, device=draws.device)
    last, parts = -1, []
    while last < trials - 1:
        more = 16 + int(1.2 * probability * (trials - last))
        gaps = torch.empty(more, dtype=torch.float64, device=draws.device)
        gaps.geometric_(probability, generator=draws)
        parts.append(last + gaps.long().cumsum(0))
        last = int(parts[-1][-1])
    hits = torch.cat(parts)
    return hits[hits < trials]


@dataclass(frozen=True)
class DenoisingObjective:
    """Minimizes reconstruction error + l1 * sum |h| on the training inputs.

    The best epoch has the lowest reconstruction error on the validation inputs, whose noise is
    drawn once per seed.
    """

    like: Autoencoder  # shape and device of the auto-encoders; its numbers are not used
    dataset: str
    phase: str  # part of the names of the noise's random streams
    noise: Noise
    batches: Minibatches  # of the layer's inputs
    valid: Callable[[int], Iterable[Inputs]]  # a seed's validation inputs, in chunks [1, n, I]
    rebuilt: int | None = None  # number of a text's terms reconstructed per step; None: all
    constants: dict[int, Tensor] = field(default_factory=dict)  # constant_cost, by seed
    criteria = ("valid_costs",)

    def train_epoch(self, tensors: Tensors, trials: list[Trial], epochs: Sequence[int]) -> Tensor:
        """Train every auto-encoder by one epoch, in place; return its mean cost [K]."""
        auto = replace(self.like, tensors=tensors)
        rates_K, l1_K = rates_and_penalties_K(trials, tensors["W"])
        steps = DenoisingSteps(auto, Step.of(rates_K, l1_K, self.batches.size))
        seed_epochs, source_K = seed_epochs_of(trials, epochs)
        source_K = source_K.to(rates_K.device)
        total_K = torch.zeros_like(rates_K)

        def learn_(x_SBI: Inputs, noisy_SBI: Inputs, sample: Sample | None = None) -> None:
            x_KBI, noisy_KBI = (of_networks(part, source_K) for part in (x_SBI, noisy_SBI))
            sample_K = None if sample is None else sample.of(source_K)
            total_K.add_(steps.take_(x_KBI, noisy_KBI, sample_K))

        if self.batches.steady:
            self._train_masked(seed_epochs, learn_)
        else:
            for corrupted in self._corrupted(seed_epochs):
                learn_(*corrupted)
        return total_K / self.batches.steps

    def _train_masked(
        self, seed_epochs: list[SeedEpoch], learn_: Callable[[Tensor, Tensor], None]
    ) -> None:
        """Take the steps of an epoch on inputs under masking noise."""
        look = self.batches.lookup([seed for seed, _ in seed_epochs])

        def learn_masked_(keep_SBI: Tensor, *draw: Tensor) -> None:
            x_SBI, _ = look(*draw)
            x_SBI = dense(x_SBI)
            learn_(x_SBI, x_SBI * keep_SBI)

        pairs = zip(self._masks(seed_epochs), self.batches.draws(seed_epochs), strict=True)
        graphs.run_steps(
            learn_masked_,
            ((keep_SBI, *draw) for keep_SBI, draw in pairs),
            self.like.tensors["W"].device,
            steps=self.batches.steps,
            steady=True,
        )

    def measure(self, tensors: Tensors, trials: list[Trial]) -> dict[str, Tensor]:
        """Return the reconstruction error on the validation inputs, summed over the inputs.

        `constant_costs` is the error of the best constant reconstruction.
        """
        auto = replace(self.like, tensors=tensors)
        costs = [self._valid_cost(auto, k, trial) for k, trial in enumerate(trials)]
        constants = [self._constant_cost(auto, k, trial.seed) for k, trial in enumerate(trials)]
        return {"valid_costs": torch.cat(costs), "constant_costs": torch.stack(constants)}

    def _constant_cost(self, auto: Autoencoder, k: int, seed: int) -> Tensor:
        if seed not in self.constants:
            self.constants[seed] = autoencoder.constant_cost(auto.only(k), self.valid(seed))
        return self.constants[seed]

    def _valid_cost(self, auto: Autoencoder, k: int, trial: Trial) -> Tensor:
        """Return the error of one network [1], float64.

        On dense inputs it does not synchronize with a GPU.
        """
        one = auto.only(k)
        draws = self._draws(trial.seed, "valid-corruption", 0)
        unscaled_111 = torch.ones_like(one.tensors["hardness"])
        total_1, rows = torch.zeros(1, dtype=torch.float64, device=auto.tensors["W"].device), 0
        for x_1NI in self.valid(trial.seed):
            if isinstance(x_1NI, SparseBatch):
                noisy_1NI: Inputs = SparseBatch(self.noise.bits(x_1NI.rows_QI, draws), 1)
            else:
                noisy_1NI = x_1NI * self.noise.kept(x_1NI.shape, draws)
            h_1NO = autoencoder.encode(one, noisy_1NI)
            _, cost_1N = autoencoder.reconstruct(one, h_1NO, x_1NI, unscaled_111)
            total_1 += numerics.total(cost_1N[0])
            rows += x_1NI.shape[1]
        return total_1 / rows

    def _corrupted(
        self, seed_epochs: list[SeedEpoch]
    ) -> Iterator[tuple[Inputs, Inputs, Sample | None]]:
        """Yield the inputs, corrupted inputs and reconstruction sample of each mini-batch.

        Noise of sparse batches is drawn for each mini-batch, masking noise for many at once.
        """
        draws = [self._draws(seed, "corruption", epoch) for seed, epoch in seed_epochs]
        sampled = [self._draws(seed, "rebuilt", epoch) for seed, epoch in seed_epochs]
        masks, look = (
            self._masks(seed_epochs),
            self.batches.lookup([seed for seed, _ in seed_epochs]),
        )
        for draw in self.batches.draws(seed_epochs):
            x_SBI, _ = look(*draw)
            if not isinstance(x_SBI, SparseBatch):
                yield x_SBI, x_SBI * next(masks), None
                continue
            pairs = zip(x_SBI.by_seed(), draws, strict=True)
            noisy_SBI = SparseBatch.joined([self.noise.bits(bits_BI, g) for bits_BI, g in pairs])
            sample = None
            if self.rebuilt:
                sample = reconstruction_sampling.draw(x_SBI, noisy_SBI, self.rebuilt, sampled)
            yield x_SBI, noisy_SBI, sample

    def _masks(self, seed_epochs: list[SeedEpoch]) -> Iterator[Tensor]:
        """Yield the mask [S, B, I] of each mini-batch of an epoch: 0 hides an input."""
        draws = [self._draws(seed, "corruption", epoch) for seed, epoch in seed_epochs]
        shape = (self.batches.size, self.like.inputs)
        for first in range(0, self.batches.steps, NOISE_STEPS):
            steps = min(NOISE_STEPS, self.batches.steps - first)
            yield from torch.stack([self.noise.kept((steps, *shape), g) for g in draws], 1)

    def _draws(self, seed: int, use: str, epoch: int) -> torch.Generator:
        device = str(self.like.tensors["W"].device)
        return generator(self.dataset, seed, use, self.phase, epoch, device=device)
