"""The unsupervised phase of an arm: greedy denoising auto-encoders, a rate a layer and seed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline import autoencoders, denoising, networks
from pipeline.arms import Arm
from pipeline.datasets import examples
from pipeline.denoising import Denoising
from pipeline.minibatches import Minibatches, seeds_of
from pipeline.networks import Stack, Tensors
from pipeline.params import Params, Pretrain
from pipeline.pool import Pool
from pipeline.population import Candidate, Result
from pipeline.records import Record
from pipeline.selection import choose, grid


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

    def prepare(self, stack: list[Candidate], device: torch.device) -> tuple[Denoising, Tensors]:
        """Read the inputs, and give each candidate its seed's codes and starting weights."""
        start = networks.load(self.start)
        seeds, _ = seeds_of(stack)
        x_NI, valid_x_NI = (
            examples.read(path).x_NI.to(device) for path in (self.train, self.valid)
        )
        auto = autoencoders.autoencoder(
            start.select([candidate.seed for candidate in stack]).to(device),
            self.layer,
            reconstruction=self.reconstruction,
            tied=self.settings.tied,
            symmetric_inputs=bool((x_NI < 0).any()),
        )
        phase = f"pretrain-{self.layer + 1}"
        batches = Minibatches(self.dataset, phase, self.settings.batch_size, len(x_NI))
        below = start.select(seeds).to(device)
        inputs = (self._inputs(below, split_NI) for split_NI in (x_NI, valid_x_NI))
        return Denoising(auto, batches, self.settings.corruption, seeds, *inputs), auto.tensors

    def _inputs(self, below: Stack, x_NI: Tensor) -> Tensor:
        return denoising.codes(below, self.layer, x_NI) if self.layer else x_NI.unsqueeze(0)


def work_for(arm: Arm, params: Params) -> Pretraining:
    """Return the pre-training of an arm, as params.yaml has it."""
    unit = params.activation(arm.activation)
    return Pretraining(
        dataset=arm.dataset,
        train=arm.ready / "train.npz",
        valid=arm.ready / "valid.npz",
        reconstruction=unit.reconstruction,
        settings=params.pretrain_for(arm.dataset),
        l1=unit.l1,
    )


def starting_networks(
    arm: Arm, params: Params, work: Pretraining, pool: Pool
) -> tuple[Stack, list[Record]]:
    """Return an arm's starting networks, one a seed, and the records of their pre-training."""
    train = examples.read(work.train)
    hidden = params.dataset(arm.dataset).network.hidden
    widths = [train.x_NI.shape[1], *hidden, train.classes]
    unit = params.activation(arm.activation)
    stack = networks.initialize(arm.dataset, widths, range(params.run.seeds), unit)
    return pretrain(work, stack, pool) if arm.initialization == "pretrained" else (stack, [])


def about(arm: Arm, params: Params) -> dict[str, Any]:
    """Return the settings that an arm's starting networks were made with, for its records."""
    pretrained = arm.initialization == "pretrained"
    return {
        "hidden": params.dataset(arm.dataset).network.hidden,
        "activation": params.activation(arm.activation).model_dump(),
        "pretrain": params.pretrain_for(arm.dataset).model_dump() if pretrained else None,
    }


def pretrain(work: Pretraining, start: Stack, pool: Pool) -> tuple[Stack, list[Record]]:
    """Pre-train every hidden layer, lowest first; return one network a seed, and all records.

    Selection rule: for each seed and layer the learning rate, and of each rate the epoch, of the
    lowest validation reconstruction error. Where every rate diverged the layer is not a number,
    so that nothing above it can look like a success. The softmax layer stays random.
    """
    rates = work.settings.learning_rates
    candidates = grid(len(start), rates, work.l1)
    stack, lines = start, []
    for layer in range(start.depth):
        below = pool.scratch / f"below-{layer + 1}.safetensors"
        networks.save(stack, below)
        tensors, results = replace(
            pool,
            scratch=pool.scratch / f"layer-{layer + 1}",
            title=f"{pool.title}, layer {layer + 1} of {start.depth}",
        ).train(
            replace(work, start=below, layer=layer),
            candidates,
            work.settings,
            network_bytes=stack.W_KIO(layer)[0].nbytes,
        )
        chosen = choose(candidates, results)
        stack = _with_layer(stack, layer, tensors, [chosen.get(s) for s in range(len(start))])
        for k, (candidate, result) in enumerate(zip(candidates, results, strict=True)):
            is_chosen = chosen.get(candidate.seed) == k
            lines.append(_record(candidate, result, layer=layer, chosen=is_chosen))
    return stack, lines


def _with_layer(stack: Stack, layer: int, tensors: Tensors, chosen: list[int | None]) -> Stack:
    trained = {}
    for name in ("W", "b"):
        rows = [tensors[name][0] * torch.nan if k is None else tensors[name][k] for k in chosen]
        trained[f"{name}.{layer}"] = torch.stack(rows)
    return Stack(stack.tensors | trained, stack.function)


def _record(candidate: Candidate, result: Result, *, layer: int, chosen: bool) -> dict[str, Any]:
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
