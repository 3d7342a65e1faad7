"""Pre-training and fine-tuning on a fake CUDA device end with the bits of the CPU."""

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
from pipeline.data.splits.split import Split
from pipeline.experiments.conditions.modern_recipe import ModernTraining, Recipe
from pipeline.finetuning import grid_search
from pipeline.networks import population
from pipeline.networks.population import Tensors
from pipeline.pretraining import layerwise
from pipeline.training import loop
from pipeline.training.state import History, Trial
from pipeline.training.workers import Workers
from tests import dry_gpu, synthetic
from tests.killed import Killed
from tests.same_bits import CPU, CUDA, assert_same
from tests.test_text_arms import settings as texts  # noqa: F401  a fixture
from tests.test_text_arms import trained_on

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
    """Return params of small arms, and write their examples to data/ready/mine."""
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


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to an empty folder, with one core."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)


def assert_arm_is_the_same(settings: Params, name: str, start: str, **more: Any) -> dry_gpu.Gpu:
    networks, *records = trained_on(CPU, settings, name, start, **more)
    with dry_gpu.gpu() as gpu:
        found, *others = trained_on(CUDA, settings, name, start, **more)
    assert_same(networks.tensors, found.tensors)
    assert repr(records) == repr(others)
    return gpu


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", UNITS)
def test_arms_on_images(name: str) -> None:
    """Networks diverge, stop and leave the population: the same bits as on the CPU."""
    gpu = assert_arm_is_the_same(images(), name, "pretrained")
    assert len(gpu.graphs) > 4
    assert all(graph.plays == 3 for graph in gpu.graphs)


@pytest.mark.usefixtures("alone")
def test_arms_on_generated_images() -> None:
    """Generated images, a share of the labels, recorded dead units."""
    assert_arm_is_the_same(images("nistp"), "softplus", "pretrained", labels=0.5, follow=True)


@pytest.mark.parametrize("name", ["linear", "rectifier-1", "rectifier"])
def test_arms_on_texts(texts: Params, name: str) -> None:  # noqa: F811
    """Sparse texts in folds: steps of the lowest layer are not recorded."""
    content = texts.model_dump()
    content["datasets"]["mine"]["finetune"] |= {"epochs": 2, "patience": 2}
    gpu = assert_arm_is_the_same(params.Params.model_validate(content), name, "pretrained")
    assert bool(gpu.graphs) == (name == "rectifier")  # its second layer has dense inputs


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("today", [False, True])
def test_networks_of_the_modern_recipe(today: bool) -> None:
    """Networks trained with hand-written backprop outside the kernels of the arms."""
    images()
    recipe = Recipe(he=today, adam=today, batch_norm=today, dropout=0.3 * today)
    unit = Activation(function="rectifier", l1=0.0, half_negated=False, reconstruction="softplus")
    schedule = Finetune(learning_rates=[0.01], batch_size=10, epochs=2, patience=2)
    files = Path("data/ready/mine/train.npz"), Path("data/ready/mine/valid.npz")
    setup = ModernTraining("mine", *files, (8, 7), SEEDS, unit, recipe, schedule)
    trials = [Trial(0, 0.01, 0.02), Trial(1, 0.1, 0.0)]
    found, _ = population_on(CPU, setup, trials, epochs=2)
    with dry_gpu.gpu():
        other, _ = population_on(CUDA, setup, trials, epochs=2)
    assert_same(found, other)


def population_on(
    where: torch.device, setup: Any, trials: list[Trial], *, epochs: int, die_at: int = 0
) -> tuple[Tensors, list[History]]:
    def report(epoch: int, live: int, done: int) -> None:
        if epoch == die_at:
            raise Killed

    objective, tensors = setup.prepare(trials, where)
    files = [Path(where.type, str(k)) for k in range(len(trials))]
    return loop.train(
        objective, tensors, trials, epochs=epochs, patience=2, files=files,
        report=report, device=where,
    )  # fmt: skip


@pytest.mark.usefixtures("alone")
def test_a_killed_training_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resumed from a checkpoint with networks at different epochs, to the same bits."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    settings = images()
    arm = Arm("mine", "rectifier", "random")
    networks, _ = layerwise.starting_networks(
        arm, settings, layerwise.setup_for(arm, settings), Workers(CPU, Path(), "test")
    )
    arm.start.mkdir(parents=True)
    population.save(networks, arm.start / "weights.safetensors")
    setup = grid_search.setup_for(arm, settings)
    trials = setup.job().trials
    whole = population_on(CPU, setup, trials, epochs=6)
    with dry_gpu.gpu():
        with pytest.raises(Killed):
            population_on(CUDA, setup, trials, epochs=6, die_at=2)
        found = population_on(CUDA, setup, trials, epochs=6)
    assert_same(whole[0], found[0])
    assert repr(whole[1]) == repr(found[1])


@pytest.mark.usefixtures("alone")
def test_best_networks_are_copied_to_pinned_memory() -> None:
    """Copies of networks at their best epochs use pinned memory."""
    with dry_gpu.gpu() as gpu:
        trained_on(CUDA, images(), "tanh", "random")
    kept = [wait for wait in gpu.waits if "state.py" in wait and "__setitem__" in wait]
    assert len(kept) > 10
    assert all("pinned memory" in wait for wait in kept)
