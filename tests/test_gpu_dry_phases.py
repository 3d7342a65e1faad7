"""The phases on a GPU that is none: arms and networks end with the bits of the CPU."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from pipeline.config import params
from pipeline.config.arms import Arm
from pipeline.config.params import Activation, Finetune, Params
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.per_seed import read_for
from pipeline.data.splits.split import Split
from pipeline.evaluation import test_scores
from pipeline.experiments.conditions.modern_recipe import ModernTraining, Recipe
from pipeline.finetuning import grid_search
from pipeline.networks import population
from pipeline.networks.population import Population, Tensors
from pipeline.pretraining import layerwise
from pipeline.runtime.storage import Record
from pipeline.training import loop
from pipeline.training.state import History, Trial
from pipeline.training.workers import Workers
from tests import dry_gpu, synthetic
from tests.same_bits import CPU, CUDA, assert_same
from tests.test_text_arms import settings as texts  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("by_torch_alone")
SEEDS = 2

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
    form = Encoding((16, 16), ("a", "b", "c"), scale=1 / 255)
    for name, count in (("train", 43), ("valid", 31), ("test", 37)):
        y_N = np.arange(count) % 3
        x_NI = draws.integers(0, 256, (count, 256)).astype(np.uint8)
        made = replace(form, pipeline=recipe if name == "train" else "")
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
) -> tuple[Population, list[Record]]:
    """Pre-train, train and score an arm as the stages do; return its networks and records."""
    arm, scratch = Arm("mine", name, start), Path(where.type, name, start)
    (scratch / "fine").mkdir(parents=True)
    arm.start.mkdir(parents=True, exist_ok=True)
    pool, work = Workers(where, scratch, "test"), layerwise.work_for(arm, settings)
    stack, pretrained = layerwise.starting_networks(arm, settings, work, pool)
    population.save(stack, arm.start / "weights.safetensors")
    fine = replace(grid_search.work_for(arm, settings), **more)
    stack, lines = grid_search.finetune(fine, replace(pool, scratch=scratch / "fine"))
    test = read_for(arm.ready / "test.npz", range(SEEDS)).to(where)
    scores = test_scores.evaluate(arm, stack, test, trained=lines, pretrained=pretrained)
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
    stack = [Trial(0, 0.01, 0.02), Trial(1, 0.1, 0.0)]
    found, _ = population_on(CPU, work, stack, epochs=2)
    with dry_gpu.gpu():
        other, _ = population_on(CUDA, work, stack, epochs=2)
    assert_same(found, other)


class Killed(BaseException):
    """Stands for a kill."""


def population_on(
    where: torch.device, work: Any, stack: list[Trial], *, epochs: int, die_at: int = 0
) -> tuple[Tensors, list[History]]:
    def report(epoch: int, live: int, done: int) -> None:
        if epoch == die_at:
            raise Killed

    task, tensors = work.prepare(stack, where)
    return loop.train(
        task, tensors, stack, epochs=epochs, patience=2, checkpoint=Path(f"{where.type}.run"),
        report=report, device=where,
    )  # fmt: skip


@pytest.mark.usefixtures("alone")
def test_a_killed_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """From its checkpoint, with networks at different epochs, to the same bits."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    settings = images()
    arm = Arm("mine", "rectifier", "random")
    stack, _ = layerwise.starting_networks(
        arm, settings, layerwise.work_for(arm, settings), Workers(CPU, Path(), "test")
    )
    arm.start.mkdir(parents=True)
    population.save(stack, arm.start / "weights.safetensors")
    work = grid_search.work_for(arm, settings)
    candidates = work.job().candidates
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
    kept = [wait for wait in gpu.waits if "state.py" in wait and "__setitem__" in wait]
    assert len(kept) > 10
    assert all("pinned memory" in wait for wait in kept)
