"""Today's recipe: the engine's networks without it, folded networks, resume."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import backprop, modern, networks, population
from pipeline.backprop import Step
from pipeline.datasets import examples
from pipeline.datasets.examples import Form, Split
from pipeline.modern import ModernTraining, Recipe
from pipeline.params import Activation, Finetune
from pipeline.population import Candidate

CPU = torch.device("cpu")
SETTINGS = Finetune(learning_rates=[0.05], batch_size=10, epochs=4, patience=4)
PLAIN = Recipe(he=False, adam=False, batch_norm=False, dropout=0.0)
TODAY = Recipe(he=True, adam=True, batch_norm=True, dropout=0.3)
HIDDEN = (9, 7)


def unit(function: str = "rectifier") -> Activation:
    return Activation(function=function, l1=0.0, half_negated=False, reconstruction="softplus")


@pytest.fixture
def work(tmp_path: Path) -> ModernTraining:
    rng = np.random.default_rng(0)
    for name, count in (("train", 60), ("valid", 30)):
        y_N = np.arange(count) % 3
        x_NI = rng.uniform(0, 1, (count, 12)).astype(np.float32)
        examples.write(Split(x_NI, y_N, Form((12,), ("a", "b", "c"))), tmp_path / f"{name}.npz")
    files = tmp_path / "train.npz", tmp_path / "valid.npz"
    return ModernTraining("test", *files, HIDDEN, 2, unit(), PLAIN, SETTINGS)


def with_recipe(
    work: ModernTraining, recipe: Recipe, function: str = "rectifier"
) -> ModernTraining:
    fields = {name: getattr(work, name) for name in work.__dataclass_fields__}
    return ModernTraining(**fields | {"recipe": recipe, "unit": unit(function)})


@pytest.mark.parametrize("l1", [0.0, 0.02])
@pytest.mark.parametrize("function", ["rectifier", "tanh"])
def test_without_a_recipe_it_is_the_engine(work, function, l1) -> None:  # type: ignore[no-untyped-def]
    """Plain SGD from our own start, on the same mini-batches, ends where the engine ends."""
    candidate = [Candidate(1, 0.05, l1)]
    task, tensors = with_recipe(work, PLAIN, function).prepare(candidate, CPU)
    stack = networks.initialize("test", [12, *HIDDEN, 3], [1], unit(function))
    step = Step.of(torch.tensor([0.05]), torch.tensor([l1]), 10)
    for epoch in (1, 2):
        cost = task.train_epoch(tensors, candidate, epoch)
        costs = [
            backprop.supervised_step_(stack, x_1BI, y_1B, step)
            for x_1BI, y_1B in task.batches.epoch([1], epoch)
        ]
        torch.testing.assert_close(cost, torch.stack(costs).mean(0), rtol=1e-5, atol=1e-6)
    ours = modern.folded(tensors, function)
    for name, tensor in stack.tensors.items():
        torch.testing.assert_close(ours.tensors[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", ["rectifier", "tanh"])
def test_folded_networks_are_the_modules_in_use(work, function) -> None:  # type: ignore[no-untyped-def]
    """Normalization folds into the layer below, dropout goes: the same outputs as torch's eval."""
    training = with_recipe(work, TODAY, function)
    candidate = [Candidate(0, 0.01, 0.0)]
    task, tensors = training.prepare(candidate, CPU)
    for epoch in (1, 2):
        task.train_epoch(tensors, candidate, epoch)
    net = modern.module(task.widths, task.unit, TODAY)
    net.load_state_dict({name: t[0] for name, t in tensors.items() if name[0] != "@"})
    stack = modern.folded(tensors, function)
    x_NI = torch.rand(40, 12, generator=torch.Generator().manual_seed(0))
    top = networks.hidden_outputs(stack, x_NI.unsqueeze(0))[-1]
    torch.testing.assert_close(
        networks.scores(stack, top)[0], net.eval()(x_NI).detach(), rtol=1e-5, atol=1e-5
    )
    assert float(tensors["1.running_var"].std()) > 0


@pytest.mark.parametrize("recipe", [TODAY, Recipe(False, True, False, 0.0), PLAIN])
def test_resumed_is_uninterrupted(work, tmp_path, monkeypatch, recipe) -> None:  # type: ignore[no-untyped-def]
    """Adam's state, running statistics and masks survive a kill: the same bits in the end."""
    training, candidate = with_recipe(work, recipe), [Candidate(0, 0.01, 0.001)]

    def run(checkpoint: str, stop_after: int = 100) -> population.Tensors:
        task, tensors = training.prepare(candidate, CPU)

        def report(epoch: int, live: int, done: int) -> None:
            if epoch == stop_after:
                raise KeyboardInterrupt

        options = {"epochs": 4, "patience": 4, "checkpoint": tmp_path / checkpoint}
        return population.train(task, tensors, candidate, report=report, **options)[0]

    monkeypatch.setattr(population, "CHECKPOINT_SECONDS", 0.0)
    whole = run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("killed", stop_after=2)
    again = run("killed")
    assert whole.keys() == again.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, again[name]), name


def test_he_start_has_its_variance(work) -> None:  # type: ignore[no-untyped-def]
    """Hidden weights have variance 2 / fan-in (He et al., 2015), and depend on the seed."""
    wide = ModernTraining("test", work.train, work.valid, (400, 400), 2, unit(), TODAY, SETTINGS)
    (_, first), (_, second) = (wide.prepare([Candidate(s, 0.1, 0.0)], CPU) for s in (0, 1))
    weight = first["4.weight"]
    assert float(weight.var()) == pytest.approx(2 / 400, rel=0.02)
    assert not torch.equal(weight, second["4.weight"])


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    """In training a share is 0 and the mean stays; in use nothing happens."""
    drop = modern.Dropout(0.3)
    drop.draws = torch.Generator().manual_seed(0)
    h = torch.ones(1000, 100)
    dropped = drop(h)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)
    assert torch.equal(drop.eval()(h), h)
