"""Supervised training of a stack: the task of the fine-tuning phase.

Legend of shape suffixes: K networks, N examples, B rows of a mini-batch, I inputs, L layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.splits.examples import Batch
from pipeline.data.splits.per_seed import Data
from pipeline.data.splits.sparse_batch import of_networks
from pipeline.finetuning.backprop import gradient_norms, supervised_step_
from pipeline.networks import metrics
from pipeline.networks.kernels.gpu import graphs
from pipeline.networks.population import Population, Tensors
from pipeline.networks.step import Step
from pipeline.training.minibatches import Minibatches, seeds_of, turns_of
from pipeline.training.state import Trial, settings_K

CRITERIA = {False: ("valid_errors", "valid_costs"), True: ("valid_rmses", "valid_costs")}
PROBE = 50  # training examples on which the gradient norms are measured, the same for all


@dataclass(frozen=True)
class Supervised:
    """Lower -log P(class) + l1 * sum |h| on train; the best epoch is that of the lowest
    validation error, or where labels are ratings the lowest root mean squared error of the
    expected stars, then the lowest validation cost."""

    function: str
    batches: Minibatches
    valid: Data
    probe: Data  # its first PROBE training examples serve for the gradient norms
    follows: Data | None = None  # where units are followed: what they are alive or dead on

    @property
    def criteria(self) -> tuple[str, ...]:
        """The measures that decide which epoch is better: the lowest, in this order."""
        return CRITERIA[self.valid.encoding.stars_C is not None]

    def train_epoch(self, tensors: Tensors, stack: list[Trial], epochs: Sequence[int]) -> Tensor:
        """Train every network by its next epoch, in place; return its mean -log P(class) [K]."""
        networks = Population(tensors, self.function)
        rates_K, l1_K = settings_K(stack, networks.hardness_K11)
        step = Step.of(rates_K, l1_K, self.batches.size)
        turns, source_K = turns_of(stack, epochs)
        source_K = source_K.to(rates_K.device)
        look = self.batches.lookup([seed for seed, _ in turns])
        total_K = torch.zeros_like(rates_K)

        def learn_(*draw: Tensor) -> None:
            x_SBI, y_SB = look(*draw)
            x_KBI, y_KB = of_networks(x_SBI, source_K), y_SB.index_select(0, source_K)
            total_K.add_(supervised_step_(networks, x_KBI, y_KB, step))

        graphs.take(
            learn_,
            self.batches.draws(turns),
            rates_K.device,
            steps=self.batches.steps,
            steady=self.batches.steady,
        )
        return total_K / self.batches.steps

    def measure(self, tensors: Tensors, stack: list[Trial]) -> dict[str, Tensor]:
        """Return validation errors, costs and zeros, and the gradient norms on a training probe.

        Where units are followed, also which of them are alive [K, U], 0 or 1.
        """
        networks = Population(tensors, self.function)
        each = [candidate.seed for candidate in stack]
        found = metrics.classify(networks, self.valid, each)
        probe_KBI, probe_KB = self._probe(stack)
        _, l1_K = settings_K(stack, networks.hardness_K11)
        measured = {
            "valid_errors": found.errors_K,
            "valid_costs": found.costs_K,
            "zeros": found.zeros_KL,
            "gradient_norms": gradient_norms(networks, probe_KBI, probe_KB, l1_K),
        }
        if self.valid.encoding.stars_C is not None:
            measured["valid_rmses"] = found.rmses_K
        if self.follows is not None:
            measured["alive"] = metrics.alive_units(networks, self.follows, each).to(torch.uint8)
        return measured

    def _probe(self, stack: list[Trial]) -> Batch:
        seeds, source_K = seeds_of(stack)
        rows_B = torch.arange(min(PROBE, len(self.probe)), device=self.probe.device)
        x_SBI, y_SB = self.probe.batch(seeds, rows_B.expand(len(seeds), -1))
        source_K = source_K.to(self.probe.device)
        return of_networks(x_SBI, source_K), y_SB.index_select(0, source_K)
