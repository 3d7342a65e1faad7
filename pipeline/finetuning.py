"""The supervised phase of an arm: a grid of rates for every seed, one chosen on validation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipeline import measures, networks
from pipeline.arms import Arm
from pipeline.datasets import examples
from pipeline.minibatches import REFERENCE_IMAGES, minibatches, reference, seeds_of
from pipeline.networks import Stack, Tensors
from pipeline.params import Finetune, Params
from pipeline.pool import Pool
from pipeline.population import Candidate, Result
from pipeline.records import Record
from pipeline.selection import choose, grid, kept
from pipeline.supervised import PROBE, Supervised


@dataclass(frozen=True)
class Finetuning:
    """What a process needs to train a stack: `start` holds one network a seed, in order."""

    dataset: str
    train: Path
    valid: Path
    start: Path
    settings: Finetune
    l1: float

    def prepare(self, stack: list[Candidate], device: torch.device) -> tuple[Supervised, Tensors]:
        """Read the splits, and give each candidate a copy of its seed's starting network."""
        train, valid = (examples.read(path).to(device) for path in (self.train, self.valid))
        seeds, source_K = seeds_of(stack)
        start = networks.load(self.start, seeds)
        batches = minibatches(self.dataset, "finetune", self.settings, train)
        probe = reference(self.dataset, train, PROBE)
        task = Supervised(start.function, batches, valid, probe)
        return task, start.select(source_K).to(device).tensors


def work_for(arm: Arm, params: Params) -> Finetuning:
    """Return the fine-tuning of an arm, as params.yaml has it."""
    return Finetuning(
        dataset=arm.dataset,
        train=arm.ready / "train.npz",
        valid=arm.ready / "valid.npz",
        start=arm.start / "weights.safetensors",
        settings=params.finetune_for(arm.dataset),
        l1=params.activation(arm.activation).l1,
    )


def finetune(work: Finetuning, pool: Pool) -> tuple[Stack, list[Record]]:
    """Train seeds x learning rates; return the chosen network of each seed, and all records.

    Selection rule: the lowest validation error, then the lowest validation cost, then the order of
    the grid; of each network its best epoch by the same rule. A diverged network is not eligible.
    A seed without an eligible network keeps its start in the stack, and no record of it is chosen.
    """
    start = networks.load(work.start)
    seeds, function = len(start), start.function
    size = sum(tensor[0].nbytes for tensor in start.tensors.values())
    del start  # large networks of many seeds: their room is for training
    rates = work.settings.learning_rates
    candidates = grid(seeds, rates, work.l1)
    trained = pool.train(work, candidates, work.settings, network_bytes=size)
    chosen = choose(candidates, trained.results)
    stack = Stack(trained.tensors(kept(chosen, seeds, len(rates))), function)
    train = reference(work.dataset, examples.read(work.train), REFERENCE_IMAGES)
    dead = measures.dead_units(stack, train)
    lines = [_record(*pair) for pair in zip(candidates, trained.results, strict=True)]
    for seed, k in chosen.items():
        lines[k] |= {"chosen": True, "dead_units": dead[seed]}
    return stack, lines


def _record(candidate: Candidate, result: Result) -> dict[str, Any]:
    best = result.best or {}
    curves = result.curves or {}
    return {
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
