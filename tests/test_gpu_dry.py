"""The way through a GPU without one: the phases on tensors that say they are on cuda."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from benchmarks import engine, graphed, sequential
from benchmarks.stepping import Stepping
from benchmarks.task import Task
from pipeline import (
    codes,
    cpu,
    evaluation,
    finetuning,
    minibatches,
    networks,
    params,
    population,
    pretraining,
)
from pipeline.arms import Arm
from pipeline.datasets import examples
from pipeline.datasets.form import Form
from pipeline.datasets.repeats import read_for
from pipeline.datasets.splits import Split
from pipeline.denoising import Denoising
from pipeline.gpu import graphs
from pipeline.minibatches import Minibatches, Shuffled
from pipeline.modern import ModernTraining, Recipe
from pipeline.networks import Stack, Tensors
from pipeline.params import Activation, Finetune, Params
from pipeline.pool import Pool
from pipeline.records import Record
from pipeline.run import Candidate, Result
from pipeline.supervised import Supervised
from tests import dry_gpu, synthetic
from tests.test_gpu_graphs import TASKS, stored, trained
from tests.test_text_arms import settings as texts  # noqa: F401  a fixture

CPU, CUDA, SEEDS = torch.device("cpu"), torch.device("cuda"), 2


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the CPU compute as the stand-in for the GPU does: by torch alone."""
    monkeypatch.setattr(cpu.layers, "fits", lambda x, W: False)


# The harness refuses what a GPU would


def test_tensors_of_both_places_do_not_mix() -> None:
    """But for numbers, which are 0-dimensional tensors, and for what moves them."""
    there = torch.ones(2, 2)
    with dry_gpu.gpu() as gpu:
        here = torch.ones(2, 2, device=CUDA)
        assert here.device.type == here.relu().sum().device.type == "cuda"
        assert (here + torch.tensor(1.0)).is_cuda
        with pytest.raises(RuntimeError, match="tensors on cuda:0 and cpu"):
            torch.bmm(here[None], there[None])
        with pytest.raises(RuntimeError, match="generator of the other device"):
            torch.empty(2, device=CUDA).bernoulli_(0.5, generator=torch.Generator())
        with pytest.raises(TypeError, match="numpy"):
            here.numpy()
        assert not gpu.waits
        there[0] = here[0]
        assert not there.is_cuda
        assert not here.cpu().is_cuda
        assert len(gpu.waits) == 2


WAITS = {
    "item": lambda x: x.sum().item(),
    "truth": lambda x: bool((x > 0).any()),
    "tolist": lambda x: x.tolist(),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "to the CPU": lambda x: x.cpu(),
    "from the CPU": lambda x: x.new_tensor([1.0]),
    "moved": lambda x: torch.ones(2).to(x.device),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_recording_bears_no_wait(name: str) -> None:
    """Each is noted elsewhere, and ends a recording."""
    with dry_gpu.gpu() as gpu:
        x = torch.ones(2, device=CUDA)
        WAITS[name](x)
        assert len(gpu.waits) == 1
        with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
            graphs.record(lambda: WAITS[name](x))


def test_a_graph_launches_no_python_and_holds_no_memory() -> None:
    """It plays what was launched, at the addresses of then."""
    calls: list[int] = []
    with dry_gpu.gpu():
        total, given = torch.zeros(2, device=CUDA), [torch.ones(2, device=CUDA)]

        def act() -> None:
            calls.append(1)
            total.add_(given[0] * 2)

        graph = graphs.record(act)
        assert total.tolist() == [0, 0]  # recorded, not run
        graph.replay()
        given[0].fill_(3)
        graph.replay()
        assert (total.tolist(), calls) == ([8, 8], [1])
        given.clear()
        with pytest.raises(AssertionError, match="freed"):
            graph.replay()


def test_a_recording_that_fails_leaves_the_stream_that_was() -> None:
    """Else everything after it would run on the stream of recordings."""
    with dry_gpu.gpu() as gpu:
        before = torch.cuda.current_stream()
        gpu.fails_to_end = True
        with pytest.raises(torch.AcceleratorError, match="out of memory"):
            graphs.record(lambda: None)
        assert torch.cuda.current_stream() is before


# An epoch


def on_cuda(batches: Any) -> Any:
    """Return mini-batches whose examples, and codes, are on the GPU."""
    if isinstance(batches, Shuffled):
        return replace(batches, examples=batches.examples.to(CUDA))
    if isinstance(batches, codes.Kept):
        kept = {seed: code.to(CUDA) for seed, code in batches.codes.items()}
        return replace(batches, batches=on_cuda(batches.batches), codes=kept)
    if isinstance(batches, codes.Passed):
        below = replace(batches.below, stack=batches.below.stack.to(CUDA))
        return replace(batches, batches=on_cuda(batches.batches), below=below)
    return replace(batches, characters=batches.characters.to(CUDA))


def epoch_on_cuda(task: Any, tensors: Tensors) -> tuple[Tensors, torch.Tensor]:
    """Train an epoch on the GPU; return the tensors and the costs on the CPU."""
    batches: Minibatches = on_cuda(task.batches)
    task = replace(task, batches=batches)
    if isinstance(task, Denoising):
        like = replace(task.like, tensors=networks.moved(task.like.tensors, CUDA))
        task = replace(task, like=like)
    found, cost = trained(task, networks.moved(tensors, CUDA))
    assert dry_gpu.on_cuda([cost, *found.values()])
    return networks.moved(found, CPU), cost.cpu()


def assert_same(some: Tensors, others: Tensors) -> None:
    assert some.keys() == others.keys()
    for name, tensor in some.items():
        other = others[name]
        assert torch.equal(tensor.nan_to_num(7), other.nan_to_num(7)), name


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
        longer = stored(replace(task.batches.examples.form), count)
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


# The phases


UNITS: dict[str, dict[str, Any]] = {
    "rectifier": {"half_negated": True},
    "tanh": {"function": "tanh", "reconstruction": "sigmoid"},
    "softplus": {"function": "softplus", "reconstruction": "scaled"},
    "prelu": {"function": "prelu", "reconstruction": "linear"},
    "absolute": {"function": "absolute", "reconstruction": "rectifier"},
}
RATES = {"pretrain": [0.1, 0.01], "finetune": [0.3, 0.1, 1e30]}


def images(recipe: str = "") -> Params:
    """Return the params of small arms, and write their examples to data/ready/mine."""
    draws = np.random.default_rng(0)
    form = Form((16, 16), ("a", "b", "c"), scale=1 / 255)
    for name, count in (("train", 43), ("valid", 31), ("test", 37)):
        y_N = np.arange(count) % 3
        x_NI = draws.integers(0, 256, (count, 256)).astype(np.uint8)
        made = replace(form, recipe=recipe if name == "train" else "")
        examples.write(Split(x_NI, y_N, made), Path(f"data/ready/mine/{name}.npz"))
    content = synthetic.settings("mine", SEEDS).model_dump()
    usual = content["activations"]["rectifier"]
    content["activations"] = {name: usual | unit for name, unit in UNITS.items()}
    content["run"]["activations"] = list(UNITS)
    block = content["datasets"]["mine"]
    block["network"] = {"hidden": [8, 7]}
    for phase, rates in RATES.items():
        block[phase] = {"epochs": 3, "patience": 1, "learning_rates": rates}
        block[phase] |= {"images": 120} if recipe else {}
    return Params.model_validate(content)


def arm_on(
    where: torch.device, settings: Params, name: str, start: str, **more: Any
) -> tuple[Stack, list[Record]]:
    """Pre-train, train and score an arm as the stages do; return its networks and records."""
    arm, scratch = Arm("mine", name, start), Path(where.type, name, start)
    (scratch / "fine").mkdir(parents=True)
    arm.start.mkdir(parents=True, exist_ok=True)
    pool, work = Pool(where, scratch, "test"), pretraining.work_for(arm, settings)
    stack, pretrained = pretraining.starting_networks(arm, settings, work, pool)
    networks.save(stack, arm.start / "weights.safetensors")
    fine = replace(finetuning.work_for(arm, settings), **more)
    stack, lines = finetuning.finetune(fine, replace(pool, scratch=scratch / "fine"))
    test = read_for(arm.ready / "test.npz", range(SEEDS)).to(where)
    scores = evaluation.evaluate(arm, stack, test, trained=lines, pretrained=pretrained)
    return stack, [*pretrained, *lines, *scores]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in an empty folder, on one core."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)


def assert_arm_is_the_same(settings: Params, name: str, start: str, **more: Any) -> dry_gpu.Gpu:
    stack, lines = arm_on(CPU, settings, name, start, **more)
    with dry_gpu.gpu() as gpu:
        found, told = arm_on(CUDA, settings, name, start, **more)
    assert_same(stack.tensors, found.tensors)
    assert repr(lines) == repr(told)
    return gpu


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", UNITS)
def test_arms_on_images(name: str) -> None:
    """Pre-trained, tuned, scored: networks diverge, stop and leave the stack; the same bits."""
    gpu = assert_arm_is_the_same(images(), name, "pretrained")
    assert len(gpu.graphs) > 4
    assert all(graph.plays == 3 for graph in gpu.graphs)


@pytest.mark.usefixtures("alone")
def test_arms_on_images_without_end() -> None:
    """Those of a generator, of a share of the labels, with units that are followed."""
    assert_arm_is_the_same(images("nistp"), "softplus", "pretrained", labels=0.5, follow=True)


@pytest.mark.parametrize("name", ["linear", "rectifier-1", "rectifier"])
def test_arms_on_texts(texts: Params, name: str) -> None:  # noqa: F811
    """Terms instead of inputs, and folds: nothing of the lowest layer is recorded."""
    content = texts.model_dump()
    content["datasets"]["mine"]["finetune"] |= {"epochs": 2, "patience": 2}
    gpu = assert_arm_is_the_same(params.Params.model_validate(content), name, "pretrained")
    assert bool(gpu.graphs) == (name == "rectifier")  # its second layer has codes


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("today", [False, True])
def test_networks_of_todays_recipe(today: bool) -> None:
    """By autograd, one at a time."""
    images()
    recipe = Recipe(he=today, adam=today, batch_norm=today, dropout=0.3 * today)
    unit = Activation(function="rectifier", l1=0.0, half_negated=False, reconstruction="softplus")
    schedule = Finetune(learning_rates=[0.01], batch_size=10, epochs=2, patience=2)
    files = Path("data/ready/mine/train.npz"), Path("data/ready/mine/valid.npz")
    work = ModernTraining("mine", *files, (8, 7), SEEDS, unit, recipe, schedule)
    stack = [Candidate(0, 0.01, 0.02), Candidate(1, 0.1, 0.0)]
    found, _ = population_on(CPU, work, stack, epochs=2)
    with dry_gpu.gpu():
        other, _ = population_on(CUDA, work, stack, epochs=2)
    assert_same(found, other)


class Killed(BaseException):
    """Stands for a kill."""


def population_on(
    where: torch.device, work: Any, stack: list[Candidate], *, epochs: int, die_at: int = 0
) -> tuple[Tensors, list[Result]]:
    def report(epoch: int, live: int, done: int) -> None:
        if epoch == die_at:
            raise Killed

    task, tensors = work.prepare(stack, where)
    return population.train(
        task, tensors, stack, epochs=epochs, patience=2, checkpoint=Path(f"{where.type}.run"),
        report=report, device=where,
    )  # fmt: skip


@pytest.mark.usefixtures("alone")
def test_a_killed_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """From its checkpoint, with networks at different epochs, to the same bits."""
    monkeypatch.setattr(population, "CHECKPOINT_SECONDS", -1)
    settings = images()
    arm = Arm("mine", "rectifier", "random")
    stack, _ = pretraining.starting_networks(
        arm, settings, pretraining.work_for(arm, settings), Pool(CPU, Path(), "test")
    )
    arm.start.mkdir(parents=True)
    networks.save(stack, arm.start / "weights.safetensors")
    work = finetuning.work_for(arm, settings)
    candidates = work.population().candidates
    whole = population_on(CPU, work, candidates, epochs=6)
    with dry_gpu.gpu():
        with pytest.raises(Killed):
            population_on(CUDA, work, candidates, epochs=6, die_at=2)
        found = population_on(CUDA, work, candidates, epochs=6)
    assert_same(whole[0], found[0])
    assert repr(whole[1]) == repr(found[1])


@pytest.mark.usefixtures("alone")
def test_the_best_networks_go_to_pinned_memory() -> None:
    """Every network of every epoch may be copied there."""
    with dry_gpu.gpu() as gpu:
        arm_on(CUDA, images(), "tanh", "random")
    kept = [wait for wait in gpu.waits if "run.py" in wait and "__setitem__" in wait]
    assert len(kept) > 10
    assert all("pinned memory" in wait for wait in kept)


# Kernels, and the benchmark


def test_kernels_are_recorded_too() -> None:
    """By Triton's interpreter: what they are given is on the GPU, and the graph plays them."""
    pytest.importorskip("triton")
    if torch.cuda.is_available():
        pytest.skip("Triton compiles for the GPU that is here")
    form = Form((2, 3), ("a", "b"))
    train = replace(stored(form, 9), x_NI=torch.rand(9, 6))
    unit = Activation(function="rectifier", l1=0.0, half_negated=True, reconstruction="softplus")
    start = networks.initialize("test", [6, 5, 2], [0, 1], unit).tensors
    task = Supervised("rectifier", Shuffled("test", "finetune", 3, train), train, train)
    stack = [Candidate(0, 0.1, 0.01), Candidate(1, 0.1, 0.0)]
    plain = {name: tensor.clone() for name, tensor in start.items()}
    cost = task.train_epoch(plain, stack, [1, 2])
    with dry_gpu.gpu(fused=True) as gpu:
        task = replace(task, batches=on_cuda(task.batches))
        found = {name: tensor.to(CUDA) for name, tensor in start.items()}
        other = task.train_epoch(found, stack, [1, 2]).cpu()
        found = networks.moved(found, CPU)
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
        lambda: sequential.Sequential(task, 1),
    ]
    recorded = [lambda: engine.start(task), lambda: graphed.Graphed(plain[1]())]
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
