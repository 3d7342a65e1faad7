"""The supervised phase of an arm: a grid of rates for every seed, one chosen on validation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from pipeline.config.arms import Arm
from pipeline.config.params import Finetune, Params
from pipeline.data.splits.per_seed import read_for
from pipeline.finetuning.supervised import PROBE, Supervised
from pipeline.networks import metrics, population
from pipeline.networks.population import Population, Tensors
from pipeline.runtime.storage import Record
from pipeline.training.minibatches import REFERENCE_IMAGES, minibatches, reference, seeds_of
from pipeline.training.model_selection import choose, grid, kept
from pipeline.training.state import History, Trial
from pipeline.training.workers import Job, Setup, TrainedJob, Workers


@dataclass(frozen=True)
class Finetuning:
    """What a process needs to train a stack: `start` holds one network a seed, in order.

    `l1` holds the seeds' penalties on the activations: one for all, or one each. `labels` is the
    share of the labels that is used, in (0, 1]. `follow` has the records tell after each epoch
    which units are dead.
    """

    dataset: str
    train: Path
    valid: Path
    start: Path
    settings: Finetune
    l1: tuple[float, ...]
    labels: float = 1.0
    follow: bool = False

    def prepare(self, stack: list[Trial], device: torch.device) -> tuple[Supervised, Tensors]:
        """Read the splits, and give each candidate a copy of its seed's starting network."""
        seeds, source_K = seeds_of(stack)
        train, valid = (read_for(path, seeds).to(device) for path in (self.train, self.valid))
        start = population.load(self.start, seeds)
        batches = minibatches(self.dataset, "finetune", self.settings, train, self.labels)
        probe = reference(self.dataset, train, PROBE)
        follows = reference(self.dataset, train, REFERENCE_IMAGES) if self.follow else None
        task = Supervised(start.function, batches, valid, probe, follows)
        return task, start.select(source_K).tensors

    def job(self) -> Job:
        """Return all networks: seeds x learning rates."""
        start = population.load(self.start)
        candidates = grid(len(start), self.settings.learning_rates, self.l1)
        size = sum(tensor[0].nbytes for tensor in start.tensors.values())
        return Job(self, candidates, self.settings, size)

    def stack(self, tensors: Tensors) -> Population:
        """Return trained tensors as networks."""
        return Population(tensors, population.load(self.start, [0]).function)


class SupervisedSetup(Setup, Protocol):
    """The supervised training of one network a seed, each from a grid of learning rates."""

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        ...

    @property
    def train(self) -> Path:
        """The file of the training split."""
        ...

    def job(self) -> Job:
        """Return all networks: seeds x learning rates, the seeds in order."""
        ...

    def stack(self, tensors: Tensors) -> Population:
        """Return trained tensors as networks."""
        ...


def work_for(arm: Arm, params: Params) -> Finetuning:
    """Return the fine-tuning of an arm, as params.yaml has it."""
    return Finetuning(
        dataset=arm.dataset,
        train=arm.ready / "train.npz",
        valid=arm.ready / "valid.npz",
        start=arm.start / "weights.safetensors",
        settings=params.finetune_for(arm.dataset),
        l1=(params.activation(arm.activation).l1,),
    )


def finetune(work: SupervisedSetup, pool: Workers) -> tuple[Population, list[Record]]:
    """Train seeds x learning rates; return the chosen network of each seed, and all records.

    Selection rule: the lowest validation error (where labels are ratings, that of the expected
    stars), then the lowest validation cost, then the order of the grid; of each network its best
    epoch by the same rule. A diverged network is not eligible.
    A seed without an eligible network keeps its start in the stack, and no record of it is chosen.
    """
    return next(finetune_all([work], pool))


def finetune_all(
    works: Sequence[SupervisedSetup], pool: Workers
) -> Iterator[tuple[Population, list[Record]]]:
    """Do what `finetune` does for each of several, in turn, after all were trained in one queue."""
    jobs = [work.job() for work in works]
    for work, job, trained in zip(works, jobs, pool.train_all(jobs), strict=True):
        yield _chosen(work, job.candidates, trained, pool.device)


def _chosen(
    work: SupervisedSetup, candidates: list[Trial], trained: TrainedJob, device: torch.device
) -> tuple[Population, list[Record]]:
    chosen = choose(candidates, trained.results)
    seeds = candidates[-1].seed + 1
    rows = kept(chosen, seeds, len(candidates) // seeds)
    stack = work.stack(trained.tensors(rows))
    train = reference(work.dataset, read_for(work.train, range(seeds)), REFERENCE_IMAGES)
    dead = metrics.dead_units(stack, train.to(device))
    lines = [_record(*pair) for pair in zip(candidates, trained.results, strict=True)]
    for seed, k in chosen.items():
        lines[k] |= {"chosen": True, "dead_units": dead[seed]}
    return stack, lines


def _record(candidate: Trial, result: History) -> Record:
    curves = result.curves or {}
    best = {name: values[result.best_epoch - 1] for name, values in curves.items() if result.best}
    record: Record = {
        "seed": candidate.seed,
        "learning_rate": candidate.learning_rate,
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "valid_error": best.get("valid_errors"),
        "valid_cost": best.get("valid_costs"),
        "dead_units": None,
        "diverged": result.diverged,
        "chosen": False,
        **{
            name: curves.get(name, [])
            for name in ("train_costs", "valid_errors", "zeros", "gradient_norms")
        },
    }
    if "valid_rmses" in curves:
        record |= {"valid_rmse": best.get("valid_rmses"), "valid_rmses": curves["valid_rmses"]}
    return record | (_lives(curves["alive"]) if "alive" in curves else {})


def _lives(alive: list[list[int]]) -> Record:
    """Return the shares of units that are dead after each epoch, and of those that came back."""
    alive_TU = torch.tensor(alive, dtype=torch.bool)
    came_back_U = (alive_TU[1:] & ~alive_TU[:-1]).any(0)
    return {
        "dead_by_epoch": (~alive_TU).double().mean(1).tolist(),
        "revived": float(came_back_U.double().mean()),
    }
