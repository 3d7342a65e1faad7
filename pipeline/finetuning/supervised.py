"""Fine-tuning objective: supervised training on the labels.

Legend of shape suffixes: K networks, N examples, B rows of a mini-batch, I inputs, L layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.splits.examples import Batch
from pipeline.data.splits.per_seed import Data
from pipeline.data.splits.sparse_batch import of_networks
from pipeline.finetuning.backprop import gradient_norms
from pipeline.finetuning.supervised_steps import SupervisedSteps
from pipeline.networks import metrics
from pipeline.networks.kernels.gpu import graphs
from pipeline.networks.population import Population, Tensors
from pipeline.networks.step import Step
from pipeline.training.minibatches import Minibatches, seed_epochs_of, seeds_of
from pipeline.training.state import Trial, rates_and_penalties_K

CRITERIA = {False: ("valid_errors", "valid_costs"), True: ("valid_rmses", "valid_costs")}
PROBE = 50  # training examples of the gradient norms, the same for all networks


@dataclass(frozen=True)
class SupervisedObjective:
    """Minimizes -log P(class) + l1 * sum |h| on the training split.

    The best epoch has the lowest validation error, or if labels are ratings the lowest RMSE of the
    expected rating; ties are broken by the validation cost.
    """

    function: str
    batches: Minibatches
    valid: Data
    probe: Data  # its first PROBE examples are those of the gradient norms
    follows: Data | None = None  # if given, dead units on these examples are recorded

    @property
    def criteria(self) -> tuple[str, ...]:
        """Names of the metrics that rank epochs, lower is better, the most important first."""
        return CRITERIA[self.valid.encoding.stars_C is not None]

    def train_epoch(self, tensors: Tensors, trials: list[Trial], epochs: Sequence[int]) -> Tensor:
        """Train every network by one epoch, in place; return its mean -log P(class) [K]."""
        networks = Population(tensors, self.function)
        rates_K, l1_K = rates_and_penalties_K(trials, networks.hardness_K11)
        steps = SupervisedSteps(networks, Step.of(rates_K, l1_K, self.batches.size))
        seed_epochs, source_K = seed_epochs_of(trials, epochs)
        source_K = source_K.to(rates_K.device)
        look = self.batches.lookup([seed for seed, _ in seed_epochs])
        total_K = torch.zeros_like(rates_K)

        def learn_(*draw: Tensor) -> None:
            x_SBI, y_SB = look(*draw)
            x_KBI, y_KB = of_networks(x_SBI, source_K), y_SB.index_select(0, source_K)
            total_K.add_(steps.take_(x_KBI, y_KB))

        graphs.run_steps(
            learn_,
            self.batches.draws(seed_epochs),
            rates_K.device,
            steps=self.batches.steps,
            steady=self.batches.steady,
        )
        return total_K / self.batches.steps

    def measure(self, tensors: Tensors, trials: list[Trial]) -> dict[str, Tensor]:
        """Return validation errors, costs and zeros, and gradient norms on training examples.

        With `follows`, also 1 for each unit [K, U] that is not dead, else 0.
        """
        networks = Population(tensors, self.function)
        seeds = [trial.seed for trial in trials]
        valid = metrics.evaluate(networks, self.valid, seeds)
        probe_KBI, probe_KB = self._probe(trials)
        _, l1_K = rates_and_penalties_K(trials, networks.hardness_K11)
        measured = {
            "valid_errors": valid.errors_K,
            "valid_costs": valid.costs_K,
            "zeros": valid.zeros_KL,
            "gradient_norms": gradient_norms(networks, probe_KBI, probe_KB, l1_K),
        }
        if self.valid.encoding.stars_C is not None:
            measured["valid_rmses"] = valid.rmses_K
        if self.follows is not None:
            measured["alive"] = metrics.alive_units(networks, self.follows, seeds).to(torch.uint8)
        return measured

    def _probe(self, trials: list[Trial]) -> Batch:
        seeds, source_K = seeds_of(trials)
        rows_B = torch.arange(min(PROBE, len(self.probe)), device=self.probe.device)
        x_SBI, y_SB = self.probe.batch(seeds, rows_B.expand(len(seeds), -1))
        source_K = source_K.to(self.probe.device)
        return of_networks(x_SBI, source_K), y_SB.index_select(0, source_K)
