"""Steps on a GPU that is none: recorded, by the pipeline and the benchmark, with the same bits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmarks import engine, torch_peers
from benchmarks.task import Stepping, Task
from pipeline.config.params import Activation
from pipeline.data.splits.encoding import Encoding
from pipeline.finetuning.supervised import Supervised
from pipeline.networks import population
from pipeline.networks.kernels.gpu import graphs
from pipeline.networks.population import Tensors
from pipeline.pretraining import layer_inputs
from pipeline.pretraining.denoising import Denoising
from pipeline.training import minibatches
from pipeline.training.minibatches import Minibatches, Shuffled
from pipeline.training.state import Trial
from tests import dry_gpu
from tests.same_bits import CPU, CUDA, assert_same
from tests.test_gpu_graphs import TASKS, stored, trained

pytestmark = pytest.mark.usefixtures("by_torch_alone")


def on_cuda(batches: Any) -> Any:
    """Return mini-batches whose examples, and codes, are on the GPU."""
    if isinstance(batches, Shuffled):
        return replace(batches, examples=batches.examples.to(CUDA))
    if isinstance(batches, layer_inputs.Kept):
        kept = {seed: code.to(CUDA) for seed, code in batches.codes.items()}
        return replace(batches, batches=on_cuda(batches.batches), codes=kept)
    if isinstance(batches, layer_inputs.Passed):
        below = replace(batches.below, stack=batches.below.stack.to(CUDA))
        return replace(batches, batches=on_cuda(batches.batches), below=below)
    return replace(batches, characters=batches.characters.to(CUDA))


def epoch_on_cuda(task: Any, tensors: Tensors) -> tuple[Tensors, torch.Tensor]:
    """Train an epoch on the GPU; return the tensors and the costs on the CPU."""
    batches: Minibatches = on_cuda(task.batches)
    task = replace(task, batches=batches)
    if isinstance(task, Denoising):
        like = replace(task.like, tensors=population.moved(task.like.tensors, CUDA))
        task = replace(task, like=like)
    found, cost = trained(task, population.moved(tensors, CUDA))
    assert dry_gpu.on_cuda([cost, *found.values()])
    return population.moved(found, CPU), cost.cpu()


@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize("name", TASKS)
def test_an_epoch_is_recorded_and_has_the_same_bits(
    name: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four steps three are played, one by one or together, and no Python of theirs runs."""
    monkeypatch.setattr(graphs, "together", lambda steps: many)
    task, tensors = TASKS[name]()
    plain, cost = trained(task, tensors)
    with dry_gpu.gpu() as gpu:
        found, played = epoch_on_cuda(*TASKS[name]())
    assert [graph.plays for graph in gpu.graphs] == [3 // many]
    assert_same(plain | {"cost": cost}, found | {"cost": played})


@pytest.mark.parametrize("name", ["networks, stored", "auto-encoders, stored"])
def test_the_cpu_does_not_wait_for_a_step(name: str) -> None:
    """However many steps an epoch has, the CPU waits as often, and in the same lines."""
    waits = []
    for count in (43, 93):
        task, tensors = TASKS[name]()
        longer = stored(replace(task.batches.examples.encoding), count)
        task = replace(task, batches=replace(task.batches, examples=longer))
        with dry_gpu.gpu() as gpu:
            epoch_on_cuda(task, tensors)
        waits.append(sorted(gpu.waits))
    assert waits[0] == waits[1]


def test_fresh_images_come_in_larger_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as many at once as on a CPU, for as many waits; the same images."""
    monkeypatch.setattr(minibatches, "DRAWN_STEPS", 1)
    batches = TASKS["networks, generated"]()[0].batches
    plain = [*batches.draws([(0, 1)])]
    with dry_gpu.gpu() as gpu:
        here = on_cuda(batches)
        waits = []
        for _ in range(2):  # the first time fills caches
            gpu.waits.clear()
            found = [draw[0].cpu() for draw in here.draws([(0, 1)])]
            waits.append(sum("minibatches.py:" in wait for wait in gpu.waits))
    assert waits == [1, 1]
    assert all(torch.equal(one, other[0]) for one, other in zip(found, plain, strict=True))


def test_kernels_are_recorded_too() -> None:
    """By Triton's interpreter: what they are given is on the GPU, and the graph plays them."""
    pytest.importorskip("triton")
    if torch.cuda.is_available():
        pytest.skip("Triton compiles for the GPU that is here")
    form = Encoding((2, 3), ("a", "b"))
    train = replace(stored(form, 9), x_NI=torch.rand(9, 6))
    unit = Activation(function="rectifier", l1=0.0, half_negated=True, reconstruction="softplus")
    start = population.initialize("test", [6, 5, 2], [0, 1], unit).tensors
    task = Supervised("rectifier", Shuffled("test", "finetune", 3, train), train, train)
    stack = [Trial(0, 0.1, 0.01), Trial(1, 0.1, 0.0)]
    plain = {name: tensor.clone() for name, tensor in start.items()}
    cost = task.train_epoch(plain, stack, [1, 2])
    with dry_gpu.gpu(fused=True) as gpu:
        task = replace(task, batches=on_cuda(task.batches))
        found = {name: tensor.to(CUDA) for name, tensor in start.items()}
        other = task.train_epoch(found, stack, [1, 2]).cpu()
        found = population.moved(found, CPU)
    assert gpu.kernels == 2 * ["forward", "forward", "softmax_delta", "descend", "descend"]
    assert [graph.plays for graph in gpu.graphs] == [2]
    torch.testing.assert_close(other, cost)
    for name, tensor in plain.items():
        torch.testing.assert_close(found[name], tensor)


def test_the_benchmark_records_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine as the pipeline records it, and a peer, train the same as without a graph."""
    monkeypatch.setattr(engine, "EPOCH_STEPS", {6: 900})  # three together
    task = Task((6, 5, 4, 3), 2, "cuda")
    plain: list[Callable[[], Stepping]] = [
        lambda: engine.Resident(task),
        lambda: torch_peers.Sequential(task, 1),
    ]
    recorded = [lambda: engine.start(task), lambda: torch_peers.Graphed(plain[1]())]
    for starts, plays in zip(zip(plain, recorded, strict=True), ([3], [12]), strict=True):
        weights = []
        for start in starts:
            with dry_gpu.gpu() as gpu:
                trainer = start()
                for steps in (5, 7):
                    trainer.train(steps)
                weights.append(trainer.weights())
        assert [graph.plays for graph in gpu.graphs] == plays
        for k, mine in weights[0].items():
            torch.testing.assert_close(weights[1][k], mine)
