"""Supervised fine-tuning over a grid of learning rates, with selection on validation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from pipeline.config.arms import Arm
from pipeline.config.params import Finetune, Params
from pipeline.data.splits.per_seed import read_for
from pipeline.finetuning.supervised import PROBE, SupervisedObjective
from pipeline.networks import metrics, population
from pipeline.networks.population import Population, Tensors
from pipeline.runtime import storage
from pipeline.runtime.storage import Record
from pipeline.training.minibatches import REFERENCE_IMAGES, minibatches, reference, seeds_of
from pipeline.training.model_selection import choose, chosen_or_first, grid
from pipeline.training.state import History, Trial
from pipeline.training.task import Setup
from pipeline.training.trained_networks import setup_hash
from pipeline.training.workers import Job, TrainedJob, Workers


@dataclass(frozen=True)
class FinetuningSetup:
    """Setup of the fine-tuning of the networks in the file `start`, one per seed, in order.

    `l1` holds one penalty on the hidden outputs for all seeds, or one per seed. `labels` is the
    share of the labels that is used, in (0, 1]. `follow` records the dead units after each epoch.
    """

    dataset: str
    train: Path
    valid: Path
    start: Path
    settings: Finetune
    l1: tuple[float, ...]
    labels: float = 1.0
    follow: bool = False

    def prepare(
        self, trials: list[Trial], device: torch.device
    ) -> tuple[SupervisedObjective, Tensors]:
        """Read the splits; return the objective and a copy of its seed's network per trial."""
        seeds, source_K = seeds_of(trials)
        train, valid = (read_for(path, seeds).to(device) for path in (self.train, self.valid))
        start = population.load(self.start, seeds)
        batches = minibatches(self.dataset, "finetune", self.settings, train, self.labels)
        probe = reference(self.dataset, train, PROBE)
        follows = reference(self.dataset, train, REFERENCE_IMAGES) if self.follow else None
        objective = SupervisedObjective(start.function, batches, valid, probe, follows)
        return objective, start.select(source_K).tensors

    def identities(self, seeds: Sequence[int]) -> list[str]:
        """Return a hash per seed of data, settings and starting network."""
        shared = setup_hash("finetune", self, self.labels, self.follow)
        starts = population.digests(population.load(self.start, seeds))
        return [storage.fingerprint(shared, start) for start in starts]

    def job(self) -> Job:
        """Return the job of all trials: seeds x learning rates."""
        start = population.load(self.start)
        trials = grid(len(start), self.settings.learning_rates, self.l1)
        size = sum(tensor[0].nbytes for tensor in start.tensors.values())
        return Job(self, trials, self.settings, size)

    def population(self, tensors: Tensors) -> Population:
        """Return trained tensors as networks."""
        return Population(tensors, population.load(self.start, [0]).function)


class SupervisedSetup(Setup, Protocol):
    """Setup of a supervised training with a grid of learning rates per seed."""

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        ...

    @property
    def train(self) -> Path:
        """The file of the training split."""
        ...

    def job(self) -> Job:
        """Return the job of all trials: seeds x learning rates, ordered by seed."""
        ...

    def population(self, tensors: Tensors) -> Population:
        """Return trained tensors as networks."""
        ...


def setup_for(arm: Arm, params: Params) -> FinetuningSetup:
    """Return the fine-tuning of an arm, with the settings of params.yaml."""
    return FinetuningSetup(
        dataset=arm.dataset,
        train=arm.ready / "train.npz",
        valid=arm.ready / "valid.npz",
        start=arm.start / "weights.safetensors",
        settings=params.finetune_for(arm.dataset),
        l1=(params.activation(arm.activation).l1,),
    )


def finetune(setup: SupervisedSetup, workers: Workers) -> tuple[Population, list[Record]]:
    """Train seeds x learning rates; return the chosen network of each seed, and all records.

    Selection rule: the lowest validation error (if labels are ratings, the RMSE of the expected
    rating), then the lowest validation cost, then the order of the grid; the best epoch of each
    network by the same rule. Diverged networks are not eligible. For a seed without an eligible
    network, returns that of its first learning rate at its best epoch before divergence; none of
    its records is chosen.
    """
    return next(finetune_all([setup], workers))


def finetune_all(
    setups: Sequence[SupervisedSetup], workers: Workers
) -> Iterator[tuple[Population, list[Record]]]:
    """Train all setups in one queue; then yield what `finetune` returns, for each of them."""
    jobs = [setup.job() for setup in setups]
    for setup, job, trained in zip(setups, jobs, workers.train_all(jobs), strict=True):
        yield _chosen(setup, job.trials, trained, workers.device)


def _chosen(
    setup: SupervisedSetup, trials: list[Trial], trained: TrainedJob, device: torch.device
) -> tuple[Population, list[Record]]:
    chosen = choose(trials, trained.histories)
    seeds = trials[-1].seed + 1
    rows = chosen_or_first(chosen, seeds, len(trials) // seeds)
    networks = setup.population(trained.tensors(rows))
    train = reference(setup.dataset, read_for(setup.train, range(seeds)), REFERENCE_IMAGES)
    dead = metrics.dead_units(networks, train.to(device))
    records = [_record(*pair) for pair in zip(trials, trained.histories, strict=True)]
    for seed, k in chosen.items():
        records[k] |= {"chosen": True, "dead_units": dead[seed]}
    return networks, records


def _record(trial: Trial, history: History) -> Record:
    curves = history.curves or {}
    best = {name: values[history.best_epoch - 1] for name, values in curves.items() if history.best}
    record: Record = {
        "seed": trial.seed,
        "learning_rate": trial.learning_rate,
        "best_epoch": history.best_epoch,
        "epochs": history.epochs,
        "valid_error": best.get("valid_errors"),
        "valid_cost": best.get("valid_costs"),
        "dead_units": None,
        "diverged": history.diverged,
        "chosen": False,
        **{
            name: curves.get(name, [])
            for name in ("train_costs", "valid_errors", "zeros", "gradient_norms")
        },
    }
    if "valid_rmses" in curves:
        record |= {"valid_rmse": best.get("valid_rmses"), "valid_rmses": curves["valid_rmses"]}
    return record | (_dead_and_revived(curves["alive"]) if "alive" in curves else {})


def _dead_and_revived(alive: list[list[int]]) -> Record:
    """Return the share of dead units after each epoch, and of units that were dead and revived."""
    alive_TU = torch.tensor(alive, dtype=torch.bool)
    revived_U = (alive_TU[1:] & ~alive_TU[:-1]).any(0)
    return {
        "dead_by_epoch": (~alive_TU).double().mean(1).tolist(),
        "revived": float(revived_U.double().mean()),
    }
