"""The supervised phase of an arm: a grid of rates for every seed, one chosen on validation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipeline import measures, networks
from pipeline.arms import Arm
from pipeline.datasets import examples
from pipeline.minibatches import Minibatches
from pipeline.networks import Stack, Tensors, select
from pipeline.params import Finetune, Params
from pipeline.pool import Pool
from pipeline.population import Candidate, Result
from pipeline.records import Record
from pipeline.selection import choose, grid
from pipeline.supervised import Supervised


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
        train, valid = examples.read(self.train), examples.read(self.valid)
        start = networks.load(self.start)
        batches = Minibatches(self.dataset, "finetune", self.settings.batch_size, len(train.y_N))
        splits = (train.x_NI, train.y_N, valid.x_NI, valid.y_N)
        task = Supervised(start.function, batches, *(tensor.to(device) for tensor in splits))
        return task, start.select([candidate.seed for candidate in stack]).to(device).tensors


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
    candidates = grid(len(start), work.settings.learning_rates, work.l1)
    size = sum(tensor[0].nbytes for tensor in start.tensors.values())
    tensors, results = pool.train(work, candidates, work.settings, network_bytes=size)
    chosen = choose(candidates, results)
    kept = [
        chosen.get(seed, seed * len(work.settings.learning_rates)) for seed in range(len(start))
    ]
    stack = Stack(select(tensors, kept), start.function)
    dead = measures.dead_units(stack, examples.read(work.train).x_NI)
    lines = [_record(*pair) for pair in zip(candidates, results, strict=True)]
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
