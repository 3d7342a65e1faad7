"""Training of an experiment: shared starting networks, then all networks in one queue."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pipeline.data.splits import examples
from pipeline.data.splits.per_seed import Data, labeled, read_for
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
from pipeline.training.minibatches import REFERENCE_IMAGES, reference
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
    """Starting networks that conditions share, one a seed, with the records of pre-training."""

    file: Path
    zeros: list[float]  # of each network: mean over hidden layers and CHUNK_ROWS inputs
    records: list[Record]  # of pre-training


def train(
    conditions: Sequence[Condition], splits: Splits, workers: Workers
) -> Iterator[tuple[Condition, Population, list[Record]]]:
    """Yield each condition with the chosen network of each seed, and the records of all networks.

    Validation alone selects, as for the arms. Conditions with equal `Condition.start` share their
    starting networks, pre-training included. All are fine-tuned before the first is yielded.

    Raises Problem, before any training, where a share of the labels leaves a class without labels.
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
    pairs = [(each, starts[storage.fingerprint(each.start)]) for each in conditions]
    setups = [_setup(condition, splits, start) for condition, start in pairs]
    trained = grid_search.finetune_all(setups, workers)
    for (condition, start), (networks, lines) in zip(pairs, trained, strict=True):
        _warn_of_dead_networks(condition, lines)
        if condition.by_half:
            seen = _seen(condition, splits, REFERENCE_IMAGES).to(workers.device)
            halves = dead_by_half(networks, seen)
            lines = [line | halves[line["seed"]] for line in lines]
        yield condition, networks, [_with_start(line, condition, start) for line in lines]


def _warn_of_dead_networks(condition: Condition, lines: Sequence[Record]) -> None:
    dead = sum(line["dead_units"] == 1 for line in lines)
    if dead:
        log.warning(
            "warning: %s: every hidden unit of %d of %d networks is dead, so they predict one class"
            " for all (they stay in the table); use a lower learning rate or penalty",
            condition.name, dead, condition.seeds,
        )  # fmt: skip


def _setup(condition: Condition, splits: Splits, start: Start) -> grid_search.SupervisedSetup:
    """Return the supervised training of a condition."""
    files = splits.dataset, splits.train, splits.valid
    if condition.recipe is not None:
        return ModernTraining(
            *files,
            hidden=condition.hidden,
            seeds=condition.seeds,
            unit=condition.unit,
            recipe=condition.recipe,
            settings=condition.finetune,
            l1=condition.l1,
        )
    return FinetuningSetup(
        *files,
        start=start.file,
        settings=condition.finetune,
        l1=condition.l1,
        labels=condition.labels,
        follow=condition.follow,
    )


def _start(condition: Condition, splits: Splits, workers: Workers) -> Start:
    """Make the starting networks of a condition, continuing earlier pre-training in the folder."""
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
    seen = _seen(condition, splits, CHUNK_ROWS)
    seen = seen.select(torch.arange(min(CHUNK_ROWS, len(seen)))).to(workers.device)
    zeros_KL = metrics.evaluate(population.load(file), seen).zeros_KL
    return Start(file, zeros_KL.mean(1).tolist(), lines)


def _seen(condition: Condition, splits: Splits, images: int) -> Data:
    """Return training examples as the networks of a condition see them."""
    return reference(splits.dataset, read_for(splits.train, range(condition.seeds)), images)


def dead_by_half(networks: Population, examples: Data) -> list[Record]:
    """Return the share of dead units in each half of each hidden layer, one record a network.

    `dead_positive` and `dead_negated` hold one share in [0, 1] a layer, the lowest first;
    `dead_negated` is empty for networks without negated units. A dead unit is 0 for every example.
    """
    widths = [networks.b_K1O(layer).shape[2] for layer in range(networks.depth)]
    dead_KU = ~metrics.alive_units(networks, examples)
    halves: list[Record] = [{"dead_positive": [], "dead_negated": []} for _ in range(len(networks))]
    for layer, dead_KO in enumerate(dead_KU.split(widths, dim=1)):
        signs_K1O = networks.signs_K1O(layer)
        for k, record in enumerate(halves):
            if signs_K1O is None:
                record["dead_positive"].append(float(dead_KO[k].double().mean()))
                continue
            negated_O = signs_K1O[k, 0].cpu() < 0
            record["dead_positive"].append(float(dead_KO[k, ~negated_O].double().mean()))
            record["dead_negated"].append(float(dead_KO[k, negated_O].double().mean()))
    return halves


def random_start(condition: Condition, splits: Splits) -> Population:
    """Return random starting networks, one a seed; without bias and scale those of the arms.

    `bias` and `scale` of the condition change them as documented in `Condition`.
    """
    encoding = examples.read_encoding(splits.train)
    widths = [encoding.inputs, *condition.hidden, encoding.classes]
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
    # A recipe draws a start of its own.
    zeros = None if condition.recipe else start.zeros[seed]
    about = {"l1": l1, "pretrain_learning_rates": rates, "zeros_at_start": zeros}
    return {**condition.levels, **line, **about}
