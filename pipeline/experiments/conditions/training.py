"""Training of an experiment: starts that conditions share, then all networks in one queue."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pipeline.data.splits import examples
from pipeline.data.splits.per_seed import labeled, read_for
from pipeline.experiments.conditions.condition import Condition
from pipeline.experiments.conditions.modern_recipe import ModernTraining
from pipeline.finetuning import grid_search
from pipeline.finetuning.grid_search import FinetuningSetup
from pipeline.networks import metrics, population
from pipeline.networks.metrics import CHUNK_ROWS
from pipeline.networks.population import Population
from pipeline.pretraining.layerwise import PretrainingSetup, pretrain
from pipeline.runtime import storage
from pipeline.runtime.storage import Record
from pipeline.training.minibatches import reference
from pipeline.training.workers import Workers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Splits:
    """The files that training reads: never those of the test split."""

    dataset: str
    train: Path
    valid: Path


@dataclass(frozen=True)
class Start:
    """The starting networks of some conditions, one a seed, and what their making left behind."""

    file: Path
    zeros: list[float]  # of each network: mean over hidden layers and CHUNK_ROWS inputs
    records: list[Record]  # of pre-training


def train(
    conditions: Sequence[Condition], splits: Splits, workers: Workers
) -> Iterator[tuple[Condition, Population, list[Record]]]:
    """Yield each condition with the chosen network of each seed, and the records of all networks.

    Chosen as an arm's networks are: by validation alone. Conditions that start alike share their
    starting networks, pre-training included. All are fine-tuned before the first is yielded.

    Raises Problem, before anything is trained, where a share of the labels leaves a class empty.
    """
    y_N = read_for(splits.train, [0]).of(0).y_N
    for share in sorted({condition.labels for condition in conditions}):
        labeled(splits.dataset, 0, y_N, share)
    starts: dict[str, Start] = {}
    for condition in conditions:
        name = storage.fingerprint(condition.start)
        if name not in starts:
            place = replace(workers, scratch=workers.scratch / name)
            starts[name] = _start(condition, splits, place)
    found = [starts[storage.fingerprint(condition.start)] for condition in conditions]
    setups = [
        _learner(condition, splits, start)
        for condition, start in zip(conditions, found, strict=True)
    ]
    trained = grid_search.finetune_all(setups, workers)
    for condition, start, (networks, lines) in zip(conditions, found, trained, strict=True):
        _warn_of_the_dead(condition, lines)
        yield condition, networks, [_with_start(line, condition, start) for line in lines]


def _warn_of_the_dead(condition: Condition, lines: Sequence[Record]) -> None:
    dead = sum(line["dead_units"] == 1 for line in lines)
    if dead:
        log.warning(
            "warning: %s: every hidden unit of %d of %d networks is dead, so they give one class to"
            " all: they stay in the table; a lower learning rate or penalty would keep them alive",
            condition.name, dead, condition.seeds,
        )  # fmt: skip


def _learner(condition: Condition, splits: Splits, start: Start) -> grid_search.SupervisedSetup:
    if condition.recipe is not None:
        return ModernTraining(
            dataset=splits.dataset,
            train=splits.train,
            valid=splits.valid,
            hidden=condition.hidden,
            seeds=condition.seeds,
            unit=condition.unit,
            recipe=condition.recipe,
            settings=condition.finetune,
            l1=condition.l1,
        )
    return FinetuningSetup(
        dataset=splits.dataset,
        train=splits.train,
        valid=splits.valid,
        start=start.file,
        settings=condition.finetune,
        l1=condition.l1,
        labels=condition.labels,
        follow=condition.follow,
    )


def _start(condition: Condition, splits: Splits, workers: Workers) -> Start:
    """Make the starting networks of a condition, or find them where they were made before."""
    workers.scratch.mkdir(parents=True, exist_ok=True)
    file = workers.scratch / "start.safetensors"
    population.save(random_start(condition, splits), file)
    lines: list[Record] = []
    if condition.pretrain is not None:
        setup = PretrainingSetup(
            dataset=splits.dataset,
            train=splits.train,
            valid=splits.valid,
            reconstruction=condition.unit.reconstruction,
            settings=condition.pretrain,
            l1=condition.unit.l1,
            start=file,
        )
        title = f"{workers.title}: {condition.unit.function}"
        networks, lines = pretrain(setup, replace(workers, title=title), seeds=condition.seeds)
        file = workers.scratch / "pretrained.safetensors"
        population.save(networks, file)
    train = read_for(splits.train, range(condition.seeds))
    seen = reference(splits.dataset, train, CHUNK_ROWS)
    seen = seen.select(torch.arange(min(CHUNK_ROWS, len(seen)))).to(workers.device)
    zeros_KL = metrics.evaluate(population.load(file), seen).zeros_KL
    return Start(file, zeros_KL.mean(1).tolist(), lines)


def random_start(condition: Condition, splits: Splits) -> Population:
    """Return random starting networks, one a seed: the arms' own where a condition changes nothing.

    Its `bias` is added to that of every hidden unit; its `scale` is as `Condition` says.
    """
    form = examples.read_encoding(splits.train)
    widths = [form.inputs, *condition.hidden, form.classes]
    networks = population.initialize(splits.dataset, widths, range(condition.seeds), condition.unit)
    for layer in range(networks.depth):
        networks.b_K1O(layer).add_(condition.bias)
    networks.W_KIO(0).div_(condition.scale)
    networks.W_KIO(networks.depth).mul_(condition.scale)
    return networks


def _with_start(line: Record, condition: Condition, start: Start) -> Record:
    seed = line["seed"]
    l1 = condition.l1[seed if len(condition.l1) > 1 else 0]
    rates = [r["learning_rate"] for r in start.records if r["seed"] == seed and r["chosen"]]
    about = {"l1": l1, "pretrain_learning_rates": rates, "zeros_at_start": start.zeros[seed]}
    return {**condition.levels, **line, **about}
