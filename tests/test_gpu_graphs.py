"""Recorded steps: on a CPU by a stand-in that plays what was recorded by doing it again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from pipeline import autoencoders, codes, denoising, networks, supervised
from pipeline.codes import Below
from pipeline.corruption import Noise
from pipeline.datasets.examples import Examples
from pipeline.datasets.form import Form
from pipeline.denoising import Denoising
from pipeline.gpu import graphs
from pipeline.gpu.graphs import Recorded
from pipeline.minibatches import Generated, Minibatches, Shuffled
from pipeline.networks import Stack, Tensors
from pipeline.params import Activation
from pipeline.run import Candidate
from pipeline.supervised import Supervised

UNIT = Activation(function="rectifier", l1=0.0, half_negated=True, reconstruction="softplus")
STACK = [Candidate(seed, rate, 0.01) for seed in (0, 1) for rate in (0.1, 0.01)]
EPOCHS = [1, 2, 1, 5]  # each network's next one
CHARACTERS = Form((16, 16), ("a", "b", "c"), scale=1 / 255, recipe="nistp")


@dataclass
class Again:
    """Does what was recorded once more, and counts."""

    act: Callable[[], None]
    plays: int = 0

    def replay(self) -> None:
        self.plays += 1
        self.act()


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[Again]:
    """Have every steady step recorded, by the stand-in."""
    made: list[Again] = []

    def record(act: Callable[[], None]) -> Again:
        made.append(Again(act))
        return made[-1]

    def recorded(step: graphs.Step, device: torch.device, *, steady: bool) -> graphs.Step:
        return Recorded(step, record) if steady else step

    for module in (supervised, denoising):
        monkeypatch.setattr(module, "recorded", recorded)
    return made


def stored(form: Form, count: int = 43) -> Examples:
    draws = torch.Generator().manual_seed(0)
    x = torch.randint(256, (count, form.inputs), generator=draws, dtype=torch.uint8)
    return Examples(x, torch.arange(count) % form.classes, form)


def batches_of(kind: str) -> Minibatches:
    if kind == "generated":
        return Generated("test", 10, 40, stored(CHARACTERS))
    return Shuffled("test", "pretrain-2", 10, stored(replace(CHARACTERS, recipe="")))


def starts() -> Stack:
    return networks.initialize("test", [256, 8, 7, 3], [0, 1], UNIT)


def copied(tensors: Tensors) -> Tensors:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def trained(task: Any, tensors: Tensors) -> tuple[Tensors, torch.Tensor]:
    mine = copied(tensors)
    return mine, task.train_epoch(mine, STACK, EPOCHS)


def supervised_task(kind: str) -> tuple[Supervised, Tensors]:
    examples = stored(replace(CHARACTERS, recipe=""))
    task = Supervised("rectifier", batches_of(kind), examples, examples)
    return task, starts().select([0, 0, 1, 1]).tensors


def denoising_task(kind: str, layer: int) -> tuple[Denoising, Tensors]:
    below, batches = Below(starts(), [0, 1], layer), batches_of(kind)
    auto = autoencoders.autoencoder(
        starts().select([0, 0, 1, 1]),
        layer,
        reconstruction="softplus",
        tied=True,
        bounds=(0, 1),
    )
    inputs = codes.training(batches, below) if layer else batches
    task = Denoising(auto, "test", "pretrain", Noise(0.25, 0.0), inputs, lambda _: [])
    return task, auto.tensors


TASKS = {
    "networks, stored": lambda: supervised_task("stored"),
    "networks, generated": lambda: supervised_task("generated"),
    "auto-encoders, stored": lambda: denoising_task("stored", 0),
    "auto-encoders, codes kept": lambda: denoising_task("stored", 1),
    "auto-encoders, codes passed": lambda: denoising_task("generated", 1),
}


@pytest.mark.parametrize("name", TASKS)
def test_recorded_epochs_have_the_same_bits(name: str, recordings: list[Again]) -> None:
    """The first step is taken as it is, the others played: the end is the same, bit for bit."""
    task, tensors = TASKS[name]()
    mine, cost = trained(task, tensors)
    assert [again.plays for again in recordings] == [3]
    with pytest.MonkeyPatch.context() as patch:
        for module in (supervised, denoising):
            patch.setattr(module, "recorded", lambda step, device, steady: step)
        plain, other = trained(task, tensors)
    assert torch.equal(cost, other)
    for tensor_name, tensor in mine.items():
        assert torch.equal(tensor, plain[tensor_name]), tensor_name
        assert tensor_name[0] != "W" or not torch.equal(tensor, tensors[tensor_name])


def test_played_steps_read_the_same_places(recordings: list[Again]) -> None:
    """Inputs are copied to where the recording reads them: the caller may use its own again."""
    seen: list[tuple[int, float]] = []
    take = Recorded(lambda x: seen.append((x.data_ptr(), float(x))), Again)
    given = torch.zeros(())
    for value in (1.0, 2.0, 3.0):
        take(given.fill_(value))
        given.fill_(9)
    assert [value for _, value in seen] == [1, 2, 3]
    assert len({place for place, _ in seen} - {given.data_ptr()}) == 1


def test_only_steady_steps_on_a_gpu_are_recorded() -> None:
    """On a CPU, or where shapes change, a step is taken as it is."""

    def step() -> None:
        raise AssertionError

    assert graphs.recorded(step, torch.device("cpu"), steady=True) is step
    assert graphs.recorded(step, torch.device("cuda"), steady=False) is step
    assert isinstance(graphs.recorded(step, torch.device("cuda"), steady=True), Recorded)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["networks, stored", "auto-encoders, stored"])
def test_graphs_have_the_same_bits_on_a_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA graph does what its steps do one by one."""
    cuda = torch.device("cuda")
    task, tensors = TASKS[name]()
    task = replace(task, batches=replace(task.batches, examples=task.batches.examples.to(cuda)))
    if isinstance(task, Denoising):
        like = replace(task.like, tensors=networks.moved(task.like.tensors, cuda))
        task = replace(task, like=like)
    tensors = networks.moved(tensors, cuda)
    mine, cost = trained(task, tensors)
    for module in (supervised, denoising):
        monkeypatch.setattr(module, "recorded", lambda step, device, steady: step)
    plain, other = trained(task, tensors)
    assert torch.equal(cost, other)
    assert all(torch.equal(mine[name], plain[name]) for name in mine)
