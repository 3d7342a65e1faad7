"""Recorded steps: on a CPU by a stand-in that plays what was recorded by doing it again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from pipeline.config.params import Activation
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.finetuning.supervised import Supervised
from pipeline.networks import population
from pipeline.networks.kernels.gpu import graphs
from pipeline.networks.kernels.gpu.graphs import Recorded
from pipeline.networks.population import Population, Tensors
from pipeline.pretraining import autoencoder, layer_inputs
from pipeline.pretraining.denoising import Denoising
from pipeline.pretraining.layer_inputs import Below
from pipeline.pretraining.noise import Noise
from pipeline.training.minibatches import Generated, Minibatches, Shuffled
from pipeline.training.state import Trial

UNIT = Activation(function="rectifier", l1=0.0, half_negated=True, reconstruction="softplus")
STACK = [Trial(seed, rate, 0.01) for seed in (0, 1) for rate in (0.1, 0.01)]
EPOCHS = [1, 2, 1, 5]  # each network's next one
CHARACTERS = Encoding((16, 16), ("a", "b", "c"), scale=1 / 255, pipeline="nistp")


@dataclass
class Again:
    """Does what was recorded once more, and counts."""

    act: Callable[[], None]
    plays: int = 0

    def replay(self) -> None:
        self.plays += 1
        self.act()


def one_by_one(step: graphs.Step, inputs: Iterable[graphs.Inputs], *_: Any, **__: Any) -> None:
    """Take steps as they are."""
    for given in inputs:
        step(*given)


def record_together(monkeypatch: pytest.MonkeyPatch, many: int) -> list[Again]:
    """Have every epoch recorded by the stand-in, so many steps together."""
    made: list[Again] = []

    def record(act: Callable[[], None]) -> Again:
        made.append(Again(act))
        return made[-1]

    def take(
        step: graphs.Step, inputs: Iterable[graphs.Inputs], device: Any, *, steps: int, steady: bool
    ) -> None:
        assert (steps, steady) == (4, True)
        Recorded(step, many, record).take(inputs)

    monkeypatch.setattr(graphs, "take", take)
    return made


def stored(form: Encoding, count: int = 43) -> Examples:
    draws = torch.Generator().manual_seed(0)
    x = torch.randint(256, (count, form.inputs), generator=draws, dtype=torch.uint8)
    return Examples(x, torch.arange(count) % form.classes, form)


def batches_of(kind: str) -> Minibatches:
    if kind == "generated":
        return Generated("test", 10, 40, stored(CHARACTERS))
    return Shuffled("test", "pretrain-2", 10, stored(replace(CHARACTERS, pipeline="")))


def starts() -> Population:
    return population.initialize("test", [256, 8, 7, 3], [0, 1], UNIT)


def copied(tensors: Tensors) -> Tensors:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def trained(task: Any, tensors: Tensors) -> tuple[Tensors, torch.Tensor]:
    mine = copied(tensors)
    return mine, task.train_epoch(mine, STACK, EPOCHS)


def supervised_task(kind: str) -> tuple[Supervised, Tensors]:
    examples = stored(replace(CHARACTERS, pipeline=""))
    task = Supervised("rectifier", batches_of(kind), examples, examples)
    return task, starts().select([0, 0, 1, 1]).tensors


def denoising_task(kind: str, layer: int) -> tuple[Denoising, Tensors]:
    below, batches = Below(starts(), [0, 1], layer), batches_of(kind)
    auto = autoencoder.autoencoder(
        starts().select([0, 0, 1, 1]),
        layer,
        reconstruction="softplus",
        tied=True,
        bounds=(0, 1),
    )
    inputs = layer_inputs.training(batches, below) if layer else batches
    task = Denoising(auto, "test", "pretrain", Noise(0.25, 0.0), inputs, lambda _: [])
    return task, auto.tensors


TASKS = {
    "networks, stored": lambda: supervised_task("stored"),
    "networks, generated": lambda: supervised_task("generated"),
    "auto-encoders, stored": lambda: denoising_task("stored", 0),
    "auto-encoders, codes kept": lambda: denoising_task("stored", 1),
    "auto-encoders, codes passed": lambda: denoising_task("generated", 1),
}


@pytest.mark.parametrize(("many", "plays"), [(1, [3]), (2, [1]), (3, [1]), (4, [])])
@pytest.mark.parametrize("name", TASKS)
def test_recorded_epochs_have_the_same_bits(
    name: str, many: int, plays: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of four steps is taken as it is, the others played in groups, what fills none as it
    is: the end is the same, bit for bit."""
    task, tensors = TASKS[name]()
    recordings = record_together(monkeypatch, many)
    mine, cost = trained(task, tensors)
    assert [again.plays for again in recordings] == plays
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "take", one_by_one)
        plain, other = trained(task, tensors)
    assert torch.equal(cost, other)
    for tensor_name, tensor in mine.items():
        assert torch.equal(tensor, plain[tensor_name]), tensor_name
        assert tensor_name[0] != "W" or not torch.equal(tensor, tensors[tensor_name])


def test_played_steps_read_the_same_places() -> None:
    """Inputs are copied to where the recording reads them, and a recording serves for good."""
    seen: list[tuple[int, float]] = []
    recorded = Recorded(lambda x: seen.append((x.data_ptr(), float(x))), 2, Again)
    given = torch.arange(7.0)
    recorded.take((x,) for x in given)
    recorded.take((x,) for x in given)
    assert [value for _, value in seen] == [*range(7), *range(7)]
    mine = {given.data_ptr() + 4 * n for n in range(7)}
    taken = [n for n, (place, _) in enumerate(seen) if place in mine]
    assert taken == [0, 13]  # the first of all, and the last of the second seven
    assert len({place for place, _ in seen} - mine) == 2


def test_only_steady_steps_on_a_gpu_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, or where shapes change, steps are taken as they are."""
    made: list[int] = []

    class Noted(Recorded):
        def take(self, inputs: Iterable[graphs.Inputs]) -> None:
            made.append(self.many)

    monkeypatch.setattr(graphs, "Recorded", Noted)
    taken: list[float] = []
    for device, steady in (("cpu", True), ("cuda", False), ("cuda", True)):
        inputs = [(torch.ones(()),)]
        where = torch.device(device)
        graphs.take(lambda x: taken.append(float(x)), inputs, where, steps=10_000, steady=steady)
    assert (taken, made) == ([1, 1], [10])


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["networks, stored", "auto-encoders, stored"])
def test_graphs_have_the_same_bits_on_a_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA graph does what its steps do one by one."""
    cuda = torch.device("cuda")
    task, tensors = TASKS[name]()
    task = replace(task, batches=replace(task.batches, examples=task.batches.examples.to(cuda)))
    if isinstance(task, Denoising):
        like = replace(task.like, tensors=population.moved(task.like.tensors, cuda))
        task = replace(task, like=like)
    tensors = population.moved(tensors, cuda)
    mine, cost = trained(task, tensors)
    monkeypatch.setattr(graphs, "take", one_by_one)
    plain, other = trained(task, tensors)
    assert torch.equal(cost, other)
    assert all(torch.equal(mine[name], plain[name]) for name in mine)
