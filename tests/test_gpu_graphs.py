"""CUDA graphs of steps: which steps are recorded, and the same bits on a GPU."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch

from pipeline.config.params import Activation
from pipeline.finetuning.supervised import SupervisedObjective
from pipeline.networks import population
from pipeline.networks.kernels.gpu import graphs
from pipeline.networks.kernels.gpu.graphs import RecordedSteps
from pipeline.networks.population import Population, Tensors
from pipeline.pretraining import autoencoder, layer_inputs
from pipeline.pretraining.denoising import DenoisingObjective, Noise
from pipeline.pretraining.layer_inputs import TrainedLayers
from pipeline.training.minibatches import GeneratedMinibatches, Minibatches, ShuffledMinibatches
from pipeline.training.state import Trial
from tests.test_minibatches import CHARACTERS, stored

UNIT = Activation(function="rectifier", l1=0.0, half_negated=True, reconstruction="softplus")
TRIALS = [Trial(seed, rate, 0.01) for seed in (0, 1) for rate in (0.1, 0.01)]
EPOCHS = [1, 2, 1, 5]  # each network's next one


def one_by_one(
    step: graphs.StepFunction, inputs: Iterable[graphs.StepInputs], *_: Any, **__: Any
) -> None:
    """Take all steps eagerly."""
    for given in inputs:
        step(*given)


def batches_of(kind: str) -> Minibatches:
    if kind == "generated":
        return GeneratedMinibatches("test", 10, 40, stored(CHARACTERS, 43))
    clean = stored(replace(CHARACTERS, pipeline=""), 43)
    return ShuffledMinibatches("test", "pretrain-2", 10, clean)


def starts() -> Population:
    return population.initialize("test", [256, 8, 7, 3], [0, 1], UNIT)


def copied(tensors: Tensors) -> Tensors:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def trained(objective: Any, tensors: Tensors) -> tuple[Tensors, torch.Tensor]:
    mine = copied(tensors)
    return mine, objective.train_epoch(mine, TRIALS, EPOCHS)


def supervised_objective(kind: str) -> tuple[SupervisedObjective, Tensors]:
    examples = stored(replace(CHARACTERS, pipeline=""), 43)
    objective = SupervisedObjective("rectifier", batches_of(kind), examples, examples)
    return objective, starts().select([0, 0, 1, 1]).tensors


def denoising_objective(kind: str, layer: int) -> tuple[DenoisingObjective, Tensors]:
    below, batches = TrainedLayers(starts(), [0, 1], layer), batches_of(kind)
    auto = autoencoder.autoencoder(
        starts().select([0, 0, 1, 1]),
        layer,
        reconstruction="softplus",
        bounds=(0, 1),
    )
    inputs = layer_inputs.training_batches(batches, below) if layer else batches
    objective = DenoisingObjective(auto, "test", "pretrain", Noise(0.25, 0.0), inputs, lambda _: [])
    return objective, auto.tensors


OBJECTIVES = {
    "networks, stored": lambda: supervised_objective("stored"),
    "networks, generated": lambda: supervised_objective("generated"),
    "auto-encoders, stored": lambda: denoising_objective("stored", 0),
    "auto-encoders, representations stored": lambda: denoising_objective("stored", 1),
    "auto-encoders, representations computed": lambda: denoising_objective("generated", 1),
}


def test_only_steady_steps_on_a_gpu_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, or with changing shapes, all steps are eager."""
    made: list[int] = []

    class Noted(RecordedSteps):
        def take(self, inputs: Iterable[graphs.StepInputs]) -> None:
            made.append(self.many)

    monkeypatch.setattr(graphs, "RecordedSteps", Noted)
    taken: list[float] = []
    for device, steady in (("cpu", True), ("cuda", False), ("cuda", True)):
        inputs = [(torch.ones(()),)]
        where = torch.device(device)
        graphs.run_steps(
            lambda x: taken.append(float(x)), inputs, where, steps=10_000, steady=steady
        )
    assert (taken, made) == ([1, 1], [10])


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["networks, stored", "auto-encoders, stored"])
def test_graphs_have_the_same_bits_on_a_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA graph gives the bits of eager steps."""
    cuda = torch.device("cuda")
    objective, tensors = OBJECTIVES[name]()
    objective = replace(
        objective, batches=replace(objective.batches, examples=objective.batches.examples.to(cuda))
    )
    if isinstance(objective, DenoisingObjective):
        like = replace(objective.like, tensors=population.to_device(objective.like.tensors, cuda))
        objective = replace(objective, like=like)
    tensors = population.to_device(tensors, cuda)
    mine, cost = trained(objective, tensors)
    monkeypatch.setattr(graphs, "run_steps", one_by_one)
    plain, other = trained(objective, tensors)
    assert torch.equal(cost, other)
    assert all(torch.equal(mine[name], plain[name]) for name in mine)
