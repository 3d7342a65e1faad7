"""The unsupervised phase of an arm: greedy denoising auto-encoders, a rate a layer and seed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.config.arms import Arm
from pipeline.config.params import Params, Pretrain
from pipeline.data.splits import examples
from pipeline.data.splits.per_seed import Data, read_for
from pipeline.data.splits.sparse_batch import Inputs
from pipeline.networks import population
from pipeline.networks.metrics import rows_on
from pipeline.networks.population import Population, Tensors
from pipeline.pretraining import autoencoder, layer_inputs
from pipeline.pretraining.denoising import Denoising
from pipeline.pretraining.layer_inputs import Below
from pipeline.pretraining.noise import Noise
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record
from pipeline.training.minibatches import (
    REFERENCE_IMAGES,
    Minibatches,
    minibatches,
    reference,
    seeds_of,
)
from pipeline.training.model_selection import choose, grid, kept
from pipeline.training.state import History, Trial
from pipeline.training.workers import Workers


@dataclass(frozen=True)
class Pretraining:
    """What a process needs to train layer `layer` (0 the lowest) of a stack.

    `start` holds one network a seed, in order, whose layers below are trained already.
    """

    dataset: str
    train: Path
    valid: Path
    reconstruction: str
    settings: Pretrain
    l1: float
    start: Path = Path()
    layer: int = 0

    def prepare(self, stack: list[Trial], device: torch.device) -> tuple[Denoising, Tensors]:
        """Read the inputs, and give each candidate its seed's codes and starting weights."""
        seeds, source_K = seeds_of(stack)
        start = population.load(self.start, seeds)
        train = read_for(self.train, seeds, unlabeled=True).to(device)
        valid = read_for(self.valid, seeds).to(device)
        below = Below(start.to(device), seeds, self.layer)
        most_S1I = self._most(below, train)
        auto = autoencoder.autoencoder(
            start.select(source_K),
            self.layer,
            reconstruction=self.reconstruction,
            tied=self.settings.tied,
            bounds=train.encoding.bounds,
            most_K1I=None if most_S1I is None else most_S1I.cpu()[source_K],
        )
        phase = f"pretrain-{self.layer + 1}"
        batches = minibatches(self.dataset, phase, self.settings, train)
        inputs = _inputs(batches, valid, below)
        noise, rebuilt = self._noise(train), self._rebuilt(train)
        like = replace(auto, tensors=population.moved(population.select(auto.tensors, [0]), device))
        task = Denoising(like, self.dataset, phase, noise, *inputs, rebuilt)
        return task, auto.tensors

    def _noise(self, train: Data) -> Noise:
        """Return the layer's noise. Raises Problem for salt on inputs that are no bits."""
        hide, salt = self.settings.corruption_of(self.layer), self.settings.salt
        if salt and not train.encoding.vocabulary:
            raise Problem(
                f"params.yaml: datasets.{self.dataset}.pretrain.salt = {salt} turns bits on, and "
                "these inputs are none: remove it"
            )
        return Noise(hide, 0.0 if self.layer else salt)

    def _rebuilt(self, train: Data) -> int | None:
        """Return how many terms are rebuilt at a step, None for all that the layer has as inputs.

        Raises Problem where they are to be sampled and cannot be.
        """
        share = self.settings.rebuilt
        if share == 1 or self.layer:
            return None
        if not (train.encoding.vocabulary and self.settings.tied):
            raise Problem(
                f"params.yaml: datasets.{self.dataset}.pretrain.rebuilt = {share} samples the terms"
                " of texts, for a tied decoder: set it to 1"
            )
        return max(2, round(share * train.encoding.inputs))

    def _most(self, below: Below, train: Data) -> Tensor | None:
        """Return the largest size of each code [S, 1, I], None where codes are not scaled."""
        if not (below.layers and self.reconstruction in autoencoder.SCALED):
            return None
        seen = reference(self.dataset, train, REFERENCE_IMAGES)
        return torch.stack([layer_inputs.most(below, seed, seen) for seed in below.seeds])


def _inputs(
    batches: Minibatches, valid: Data, below: Below
) -> tuple[Minibatches, Callable[[int], Iterable[Inputs]]]:
    """Return the mini-batches of a layer's inputs, and its validation inputs by seed."""
    if not below.layers:
        return batches, lambda seed: valid.of(seed).chunks(rows_on(valid.device))
    return layer_inputs.training(batches, below), layer_inputs.validation(valid, below)


def work_for(arm: Arm, params: Params) -> Pretraining:
    """Return the pre-training of an arm, as params.yaml has it."""
    unit = params.unit_for(arm.dataset, arm.activation)
    return Pretraining(
        dataset=arm.dataset,
        train=arm.ready / "train.npz",
        valid=arm.ready / "valid.npz",
        reconstruction=unit.reconstruction,
        settings=params.pretrain_for(arm.dataset),
        l1=unit.l1,
    )


def starting_networks(
    arm: Arm, params: Params, work: Pretraining, pool: Workers
) -> tuple[Population, list[Record]]:
    """Return an arm's starting networks, one a seed, and the records of their pre-training."""
    form = examples.read_encoding(work.train)
    widths = [form.inputs, *params.hidden_for(arm.dataset, arm.activation), form.classes]
    unit, seeds = params.activation(arm.activation), params.run.seeds
    stack = population.initialize(arm.dataset, widths, range(seeds), unit)
    if arm.initialization == "random":
        return stack, []
    start = pool.scratch / "start.safetensors"
    population.save(stack, start)
    del stack  # large networks of many seeds: their room is for training
    return pretrain(replace(work, start=start), pool, seeds=seeds)


def about(arm: Arm, params: Params) -> dict[str, Any]:
    """Return the settings that an arm's starting networks were made with, for its records."""
    pretrained = arm.initialization == "pretrained"
    return {
        "hidden": params.hidden_for(arm.dataset, arm.activation),
        "activation": params.unit_for(arm.dataset, arm.activation).model_dump(),
        "pretrain": params.pretrain_for(arm.dataset).model_dump() if pretrained else None,
    }


def pretrain(work: Pretraining, pool: Workers, *, seeds: int) -> tuple[Population, list[Record]]:
    """Pre-train every hidden layer, lowest first; return one network a seed, and all records.

    `work.start` holds the random networks of the seeds from 0 up.

    Selection rule: for each seed and layer the learning rate, and of each rate the epoch, of the
    lowest validation reconstruction error. Where every rate diverged the layer is not a number,
    so that nothing above it can look like a success. The softmax layer stays random.
    """
    rates = work.settings.learning_rates
    candidates = grid(seeds, rates, [work.l1])
    first, below = population.load(work.start, [0]), work.start
    lines = []
    for layer in range(first.depth):
        trained = replace(
            pool,
            scratch=pool.scratch / f"layer-{layer + 1}",
            title=f"{pool.title}, layer {layer + 1} of {first.depth}",
        ).train(
            replace(work, start=below, layer=layer),
            candidates,
            work.settings,
            network_bytes=first.W_KIO(layer).nbytes,
        )
        chosen = choose(candidates, trained.results)
        tensors = trained.tensors(kept(chosen, seeds, len(rates)))
        failed = {*range(seeds)} - {*chosen}
        stack = _with_layer(population.load(below), layer, tensors, failed=failed)
        below = pool.scratch / f"below-{layer + 2}.safetensors"
        population.save(stack, below)
        del stack
        for k, (candidate, result) in enumerate(zip(candidates, trained.results, strict=True)):
            is_chosen = chosen.get(candidate.seed) == k
            lines.append(_record(candidate, result, layer=layer, chosen=is_chosen))
    return population.load(below), lines


def _with_layer(stack: Population, layer: int, trained: Tensors, *, failed: set[int]) -> Population:
    """Return the stack with a layer of the trained auto-encoders, not a number where all failed."""
    for seed in failed:
        trained["W"][seed] = trained["b"][seed] = torch.nan
    new = {f"{name}.{layer}": trained[name] for name in ("W", "b", "slope") if name in trained}
    return Population(stack.tensors | new, stack.function)


def _record(candidate: Trial, result: History, *, layer: int, chosen: bool) -> dict[str, Any]:
    curves = result.curves or {}
    return {
        "seed": candidate.seed,
        "layer": layer + 1,
        "learning_rate": candidate.learning_rate,
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "valid_cost": (result.best or {}).get("valid_costs"),
        "diverged": result.diverged,
        "chosen": chosen,
        "train_costs": curves.get("train_costs", []),
        "valid_costs": curves.get("valid_costs", []),
    }
