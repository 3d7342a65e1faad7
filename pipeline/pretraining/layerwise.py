"""Greedy layer-wise pre-training with denoising auto-encoders (paper, section 3.2)."""

from collections.abc import Callable, Iterable, Sequence
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
from pipeline.networks.metrics import chunk_rows
from pipeline.networks.population import Population, Tensors
from pipeline.pretraining import autoencoder, layer_inputs
from pipeline.pretraining.denoising import DenoisingObjective, Noise
from pipeline.pretraining.layer_inputs import TrainedLayers
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record
from pipeline.training.minibatches import (
    REFERENCE_IMAGES,
    Minibatches,
    minibatches,
    reference,
    seeds_of,
)
from pipeline.training.model_selection import choose, chosen_or_first, grid
from pipeline.training.state import History, Trial
from pipeline.training.trained_networks import setup_hash
from pipeline.training.workers import Job, Workers


@dataclass(frozen=True)
class PretrainingSetup:
    """Setup of the pre-training of layer `layer` (0 the lowest).

    `start` holds one network per seed, in order, whose layers below are trained already.
    """

    dataset: str
    train: Path
    valid: Path
    reconstruction: str
    settings: Pretrain
    l1: float
    start: Path = Path()
    layer: int = 0

    def prepare(
        self, trials: list[Trial], device: torch.device
    ) -> tuple[DenoisingObjective, Tensors]:
        """Read the inputs; return the objective and each trial's initial auto-encoder."""
        seeds, source_K = seeds_of(trials)
        start = population.load(self.start, seeds)
        train = read_for(self.train, seeds, unlabeled=True).to(device)
        valid = read_for(self.valid, seeds).to(device)
        below = TrainedLayers(start.without_signs(self.layer - 1).to(device), seeds, self.layer)
        scale_S1I = self._scale(below, train)
        auto = autoencoder.autoencoder(
            start.select(source_K),
            self.layer,
            reconstruction=self.reconstruction,
            bounds=train.encoding.bounds,
            decoder_KIO=None if self.settings.tied else self._decoder(start, seeds)[source_K],
            scale_K1I=None if scale_S1I is None else scale_S1I.cpu()[source_K],
        )
        phase = f"pretrain-{self.layer + 1}"
        batches = minibatches(self.dataset, phase, self.settings, train)
        inputs = _inputs(batches, valid, below)
        noise, rebuilt = self._noise(train), self._rebuilt(train)
        like = replace(
            auto, tensors=population.to_device(population.select(auto.tensors, [0]), device)
        )
        objective = DenoisingObjective(like, self.dataset, phase, noise, *inputs, rebuilt)
        return objective, auto.tensors

    def _decoder(self, start: Population, seeds: list[int]) -> Tensor:
        """Return the initial decoder weights of each seed [S, I, O], drawn as the encoder's are."""
        _, I, O = start.W_KIO(self.layer).shape  # noqa: E741
        names = ("decoder-weights", self.layer)
        drawn = [population.uniform_weights((self.dataset, s, *names), I, O) for s in seeds]
        return torch.stack(drawn)

    def identities(self, seeds: Sequence[int]) -> list[str]:
        """Return a hash per seed of data, settings, and network with its trained layers below."""
        shared = setup_hash("pretrain", self, self.reconstruction, self.layer)
        starts = population.digests(population.load(self.start, seeds))
        return [storage.fingerprint(shared, start) for start in starts]

    def _noise(self, train: Data) -> Noise:
        """Return the layer's noise. Raises Problem for salt on inputs that are not binary."""
        hide, salt = self.settings.corruption_of(self.layer), self.settings.salt
        if salt and not train.encoding.vocabulary:
            raise Problem(
                f"params.yaml: datasets.{self.dataset}.pretrain.salt = {salt} needs binary inputs, "
                "which these are not: remove it"
            )
        return Noise(hide, 0.0 if self.layer else salt)

    def _rebuilt(self, train: Data) -> int | None:
        """Return the number of terms reconstructed per step, None for all inputs of the layer.

        Raises Problem if reconstruction sampling is not possible.
        """
        share = self.settings.rebuilt
        if share == 1 or self.layer:
            return None
        if not train.encoding.vocabulary:
            raise Problem(
                f"params.yaml: datasets.{self.dataset}.pretrain.rebuilt = {share} samples the terms"
                " of texts, which these inputs are not: set it to 1"
            )
        return max(2, round(share * train.encoding.inputs))

    def _scale(self, below: TrainedLayers, train: Data) -> Tensor | None:
        """Return the largest absolute value of each input [S, 1, I], None without scaling."""
        if not (below.layers and self.reconstruction in autoencoder.SCALED):
            return None
        seen = reference(self.dataset, train, REFERENCE_IMAGES)
        return torch.stack(
            [layer_inputs.largest_outputs(below, seed, seen) for seed in below.seeds]
        )


def _inputs(
    batches: Minibatches, valid: Data, below: TrainedLayers
) -> tuple[Minibatches, Callable[[int], Iterable[Inputs]]]:
    """Return the mini-batches of a layer's inputs, and a seed's validation inputs."""
    if not below.layers:
        return batches, lambda seed: valid.of(seed).chunks(chunk_rows(valid.device))
    return layer_inputs.training_batches(batches, below), layer_inputs.validation_inputs(
        valid, below
    )


def setup_for(arm: Arm, params: Params) -> PretrainingSetup:
    """Return the pre-training of an arm, with the settings of params.yaml."""
    unit = params.unit_for(arm.dataset, arm.activation)
    return PretrainingSetup(
        dataset=arm.dataset,
        train=arm.ready / "train.npz",
        valid=arm.ready / "valid.npz",
        reconstruction=unit.reconstruction,
        settings=params.pretrain_for(arm.dataset),
        l1=unit.l1,
    )


def starting_networks(
    arm: Arm, params: Params, setup: PretrainingSetup, workers: Workers
) -> tuple[Population, list[Record]]:
    """Return an arm's starting networks, one per seed, and the records of their pre-training."""
    encoding = examples.read_encoding(setup.train)
    widths = [encoding.inputs, *params.hidden_for(arm.dataset, arm.activation), encoding.classes]
    unit, seeds = params.activation(arm.activation), params.run.seeds
    networks = population.initialize(arm.dataset, widths, range(seeds), unit)
    if arm.initialization == "random":
        return networks, []
    start = workers.scratch / "start.safetensors"
    population.save(networks, start)
    del networks  # large networks of many seeds: frees memory for training
    return pretrain(replace(setup, start=start), workers, seeds=seeds)


def about(arm: Arm, params: Params) -> dict[str, Any]:
    """Return the settings of an arm's starting networks, for its records."""
    pretrained = arm.initialization == "pretrained"
    return {
        "hidden": params.hidden_for(arm.dataset, arm.activation),
        "activation": params.unit_for(arm.dataset, arm.activation).model_dump(),
        "pretrain": params.pretrain_for(arm.dataset).model_dump() if pretrained else None,
    }


def pretrain(
    setup: PretrainingSetup, workers: Workers, *, seeds: int
) -> tuple[Population, list[Record]]:
    """Pre-train every hidden layer, lowest first; return one network per seed, and all records.

    `setup.start` holds the random networks of the seeds from 0 up.

    Selection rule: for each seed and layer, the learning rate and epoch of the lowest validation
    reconstruction error. If every rate diverged, the layer is set to NaN, so that the seed is
    lost and cannot be mistaken for a success. The softmax layer stays random.
    """
    rates = setup.settings.learning_rates
    trials = grid(seeds, rates, [setup.l1])
    first, below = population.load(setup.start, [0]), setup.start
    records = []
    for layer in range(first.depth):
        trained = replace(
            workers,
            scratch=workers.scratch / f"layer-{layer + 1}",
            title=f"{workers.title}, layer {layer + 1} of {first.depth}",
        ).train(
            Job(
                replace(setup, start=below, layer=layer),
                trials,
                setup.settings,
                network_bytes=first.W_KIO(layer).nbytes * (1 if setup.settings.tied else 2),
            )
        )
        chosen = choose(trials, trained.histories)
        tensors = trained.tensors(chosen_or_first(chosen, seeds, len(rates)))
        failed = {*range(seeds)} - {*chosen}
        networks = _with_layer(population.load(below), layer, tensors, failed=failed)
        below = workers.scratch / f"below-{layer + 2}.safetensors"
        population.save(networks, below)
        del networks
        for k, (trial, history) in enumerate(zip(trials, trained.histories, strict=True)):
            is_chosen = chosen.get(trial.seed) == k
            records.append(_record(trial, history, layer=layer, chosen=is_chosen))
    return population.load(below), records


def _with_layer(
    networks: Population, layer: int, trained: Tensors, *, failed: set[int]
) -> Population:
    """Return the networks with a layer of trained encoders, NaN for the seeds in `failed`."""
    for seed in failed:
        trained["W"][seed] = trained["b"][seed] = torch.nan
    new = autoencoder.trained_layer(networks, layer, trained)
    return Population(networks.tensors | new, networks.function)


def _record(trial: Trial, history: History, *, layer: int, chosen: bool) -> dict[str, Any]:
    curves = history.curves or {}
    return {
        "seed": trial.seed,
        "layer": layer + 1,
        "learning_rate": trial.learning_rate,
        "best_epoch": history.best_epoch,
        "epochs": history.epochs,
        "valid_cost": (history.best or {}).get("valid_costs"),
        "constant_cost": next(iter(curves.get("constant_costs", [])), None),
        "diverged": history.diverged,
        "chosen": chosen,
        "train_costs": curves.get("train_costs", []),
        "valid_costs": curves.get("valid_costs", []),
    }
