"""SGD steps on a fake CUDA device: recorded as graphs, with the same bits as eager steps."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmarks import engine, torch_peers
from benchmarks.task import Stepping, Task
from pipeline.config.params import Activation
from pipeline.data.splits.encoding import Encoding
from pipeline.finetuning.supervised import SupervisedObjective
from pipeline.networks import population
from pipeline.networks.kernels.gpu import graphs
from pipeline.networks.population import Tensors
from pipeline.pretraining import layer_inputs
from pipeline.pretraining.denoising import DenoisingObjective
from pipeline.training import minibatches
from pipeline.training.minibatches import Minibatches, ShuffledMinibatches
from pipeline.training.state import Trial
from tests import dry_gpu
from tests.same_bits import CPU, CUDA, assert_same
from tests.test_gpu_graphs import OBJECTIVES, trained
from tests.test_minibatches import stored

pytestmark = pytest.mark.usefixtures("by_torch_alone")


def on_cuda(batches: Any) -> Any:
    """Return mini-batches whose examples and representations are on the GPU."""
    if isinstance(batches, ShuffledMinibatches):
        return replace(batches, examples=batches.examples.to(CUDA))
    if isinstance(batches, layer_inputs.StoredRepresentations):
        stored = {seed: h_NO.to(CUDA) for seed, h_NO in batches.representations.items()}
        return replace(batches, batches=on_cuda(batches.batches), representations=stored)
    if isinstance(batches, layer_inputs.ComputedRepresentations):
        below = replace(batches.below, networks=batches.below.networks.to(CUDA))
        return replace(batches, batches=on_cuda(batches.batches), below=below)
    return replace(batches, characters=batches.characters.to(CUDA))


def epoch_on_cuda(objective: Any, tensors: Tensors) -> tuple[Tensors, torch.Tensor]:
    """Train an epoch on the GPU; return the tensors and the costs on the CPU."""
    batches: Minibatches = on_cuda(objective.batches)
    objective = replace(objective, batches=batches)
    if isinstance(objective, DenoisingObjective):
        like = replace(objective.like, tensors=population.to_device(objective.like.tensors, CUDA))
        objective = replace(objective, like=like)
    found, cost = trained(objective, population.to_device(tensors, CUDA))
    assert dry_gpu.on_cuda([cost, *found.values()])
    return population.to_device(found, CPU), cost.cpu()


@pytest.mark.parametrize(("many", "plays"), [(1, [3]), (2, [1]), (3, [1]), (4, [])])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_epoch_is_recorded_and_has_the_same_bits(
    name: str, many: int, plays: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step is eager, the others are replayed in groups without running their Python; an
    incomplete group is eager."""
    monkeypatch.setattr(graphs, "steps_per_graph", lambda steps: many)
    objective, tensors = OBJECTIVES[name]()
    plain, cost = trained(objective, tensors)
    with dry_gpu.gpu() as gpu:
        found, played = epoch_on_cuda(*OBJECTIVES[name]())
    assert [graph.plays for graph in gpu.graphs] == plays
    assert_same(plain | {"cost": cost}, found | {"cost": played})


@pytest.mark.parametrize("name", ["networks, stored", "auto-encoders, stored"])
def test_the_cpu_does_not_wait_for_a_step(name: str) -> None:
    """The number of synchronizations does not depend on the number of steps of an epoch."""
    waits = []
    for count in (43, 93):
        objective, tensors = OBJECTIVES[name]()
        longer = stored(replace(objective.batches.examples.encoding), count)
        objective = replace(objective, batches=replace(objective.batches, examples=longer))
        with dry_gpu.gpu() as gpu:
            epoch_on_cuda(objective, tensors)
        waits.append(sorted(gpu.waits))
    assert waits[0] == waits[1]


def test_generated_images_are_drawn_in_larger_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU draws ten times as many images at once as a CPU; the same images."""
    monkeypatch.setattr(minibatches, "DRAWN_STEPS", 1)
    batches = OBJECTIVES["networks, generated"]()[0].batches
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
    """Triton's kernels get tensors on the GPU, and graphs replay them (Triton's interpreter)."""
    pytest.importorskip("triton")
    if torch.cuda.is_available():
        pytest.skip("Triton compiles for the GPU that is here")
    form = Encoding((2, 3), ("a", "b"))
    train = replace(stored(form, 9), x_NI=torch.rand(9, 6))
    unit = Activation(function="rectifier", l1=0.0, half_negated=True, reconstruction="softplus")
    start = population.initialize("test", [6, 5, 2], [0, 1], unit).tensors
    batches = ShuffledMinibatches("test", "finetune", 3, train)
    objective = SupervisedObjective("rectifier", batches, train, train)
    trials = [Trial(0, 0.1, 0.01), Trial(1, 0.1, 0.0)]
    plain = {name: tensor.clone() for name, tensor in start.items()}
    cost = objective.train_epoch(plain, trials, [1, 2])
    with dry_gpu.gpu(fused=True) as gpu:
        objective = replace(objective, batches=on_cuda(objective.batches))
        found = {name: tensor.to(CUDA) for name, tensor in start.items()}
        other = objective.train_epoch(found, trials, [1, 2]).cpu()
        found = population.to_device(found, CPU)
    backward = ["backward_and_update", "backward_and_update"]
    assert gpu.kernels == 2 * ["forward", "forward", "softmax_delta", *backward]
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
