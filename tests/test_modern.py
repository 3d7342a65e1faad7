"""Modern training recipe: equality with the engine without it, folded networks, resume."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config.params import Activation, Finetune
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split
from pipeline.experiments.conditions import modern_recipe
from pipeline.experiments.conditions.modern_recipe import ModernTraining, Recipe
from pipeline.finetuning import backprop
from pipeline.networks import population
from pipeline.networks.activations import functions
from pipeline.networks.step import Step
from pipeline.runtime.errors import Problem
from pipeline.training import loop
from pipeline.training.state import Trial

CPU = torch.device("cpu")
SETTINGS = Finetune(learning_rates=[0.05], batch_size=10, epochs=4, patience=4)
PLAIN = Recipe(he=False, adam=False, batch_norm=False, dropout=0.0)
TODAY = Recipe(he=True, adam=True, batch_norm=True, dropout=0.3)
HIDDEN = (9, 7)


def unit(function: str = "rectifier") -> Activation:
    return Activation(function=function, l1=0.0, half_negated=False, reconstruction="softplus")


@pytest.fixture
def setup(tmp_path: Path) -> ModernTraining:
    rng = np.random.default_rng(0)
    for name, count in (("train", 60), ("valid", 30)):
        y_N = np.arange(count) % 3
        x_NI = rng.uniform(0, 1, (count, 12)).astype(np.float32)
        examples.write(Split(x_NI, y_N, Encoding((12,), ("a", "b", "c"))), tmp_path / f"{name}.npz")
    files = tmp_path / "train.npz", tmp_path / "valid.npz"
    return ModernTraining("test", *files, HIDDEN, 2, unit(), PLAIN, SETTINGS)


def with_recipe(
    setup: ModernTraining, recipe: Recipe, function: str = "rectifier"
) -> ModernTraining:
    return replace(setup, recipe=recipe, unit=unit(function))


@pytest.mark.parametrize("l1", [0.0, 0.02])
@pytest.mark.parametrize("function", ["rectifier", "tanh"])
def test_without_a_recipe_it_is_the_engine(setup, function, l1) -> None:
    """Plain SGD from the project's start on the same mini-batches ends where the engine ends."""
    trial = [Trial(1, 0.05, l1)]
    objective, tensors = with_recipe(setup, PLAIN, function).prepare(trial, CPU)
    networks = population.initialize("test", [12, *HIDDEN, 3], [1], unit(function))
    step = Step.of(torch.tensor([0.05]), torch.tensor([l1]), 10)
    for epoch in (1, 2):
        cost = objective.train_epoch(tensors, trial, [epoch])
        costs = [
            backprop.supervised_step_(networks, x_1BI, y_1B, step)
            for x_1BI, y_1B in objective.batches.epoch([1], epoch)
        ]
        torch.testing.assert_close(cost, torch.stack(costs).mean(0), rtol=1e-5, atol=1e-6)
    ours = modern_recipe.folded(tensors, function)
    for name, tensor in networks.tensors.items():
        torch.testing.assert_close(ours.tensors[name], tensor, rtol=1e-5, atol=1e-6)


def module(tensors: population.Tensors, function: str) -> torch.nn.Sequential:
    """Return the first network of a training state in torch.nn, without dropout."""
    tensors, norms = {n: t[0] for n, t in tensors.items()}, "gain.0" in tensors
    layers: list[torch.nn.Module] = []
    for layer in range(len(HIDDEN) + 1):
        W_IO, hidden = tensors[f"W.{layer}"], layer < len(HIDDEN)
        linear = torch.nn.Linear(*W_IO.shape, bias=not (norms and hidden), dtype=W_IO.dtype)
        linear.weight.data.copy_(W_IO.T)
        layers.append(linear)
        if norms and hidden:
            norm = torch.nn.BatchNorm1d(W_IO.shape[1], dtype=W_IO.dtype)
            parts = {"weight": "gain", "bias": "b", "running_mean": "mean"}
            for ours, theirs in (parts | {"running_var": "variance"}).items():
                getattr(norm, ours).data.copy_(tensors[f"{theirs}.{layer}"][0])
            layers.append(norm)
        else:
            linear.bias.data.copy_(tensors[f"b.{layer}"][0])
        if hidden:
            layers.append(functions.function(function).module(1.0, 1, W_IO.shape[1]))
    return torch.nn.Sequential(*layers)


def of_kind(net: torch.nn.Sequential, kind: type) -> list[torch.nn.Module]:
    return [layer for layer in net if isinstance(layer, kind)]


@pytest.mark.parametrize("function", ["rectifier", "tanh"])
def test_folded_networks_equal_modules_in_evaluation(setup, function) -> None:
    """A folded network has the outputs of torch's module in evaluation mode."""
    training = with_recipe(setup, TODAY, function)
    trial = [Trial(0, 0.01, 0.0)]
    objective, tensors = training.prepare(trial, CPU)
    for epoch in (1, 2):
        objective.train_epoch(tensors, trial, [epoch])
    networks = modern_recipe.folded(tensors, function)
    x_NI = torch.rand(40, 12, generator=torch.Generator().manual_seed(0))
    x_1NI = x_NI.unsqueeze(0)
    found = population.scores(networks, x_1NI, population.hidden_outputs(networks, x_1NI))[0]
    want = module(tensors, function).eval()(x_NI).detach()
    scale = float(want.abs().max())
    torch.testing.assert_close(found, want, rtol=0, atol=1e-6 * scale)
    assert float(tensors["variance.1"].std()) > 0


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("l1", [0.0, 0.02])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("function", ["rectifier", "tanh", "softplus"])
def test_gradients_equal_those_of_autograd(setup, function, batch_norm, l1, dropout) -> None:
    """Hand-written gradients and running averages equal torch's in double precision."""
    recipe = Recipe(he=True, adam=False, batch_norm=batch_norm, dropout=dropout)
    objective, start = with_recipe(setup, recipe, function).prepare([Trial(0, 1.0, l1)], CPU)
    draws = torch.Generator().manual_seed(0)
    tensors = {name: t.double() for name, t in start.items()}
    for name, t in tensors.items():  # gains and shifts other than 1 and 0
        if name[:2] in ("b.", "ga"):
            t.add_(torch.rand(t.shape, generator=draws, dtype=torch.double) / 3)
    networks, net = population.Population(tensors, function), module(tensors, function)
    x_BI = torch.rand(10, 12, generator=draws, dtype=torch.double)
    y_B = torch.randint(3, (10,), generator=draws)
    masks = [mask.double() for mask in next(objective._masks(networks, [(0, 1)]))]
    assert bool(masks) == (dropout > 0)
    l1_K = torch.tensor([l1], dtype=torch.double)
    found, cost_K = modern_recipe.gradients_of(networks, x_BI[None], y_B[None], l1_K, masks)

    h_BO, penalty, layer = x_BI, torch.zeros(()), 0
    for part in net:
        h_BO = part(h_BO)
        if not isinstance(part, torch.nn.Linear | torch.nn.BatchNorm1d):
            penalty = penalty + h_BO.abs().sum(1).mean()
            h_BO = h_BO * masks[layer][0] if masks else h_BO
            layer += 1
    cost = torch.nn.functional.cross_entropy(h_BO, y_B)
    (cost + l1 * penalty).backward()
    torch.testing.assert_close(cost_K[0], cost.detach(), rtol=1e-12, atol=0)
    close = {"rtol": 1e-9, "atol": 1e-13}
    for layer, linear in enumerate(of_kind(net, torch.nn.Linear)):
        torch.testing.assert_close(found[f"W.{layer}"][0], linear.weight.grad.T, **close)
        if linear.bias is not None:
            torch.testing.assert_close(found[f"b.{layer}"][0, 0], linear.bias.grad, **close)
    norms = of_kind(net, torch.nn.BatchNorm1d)
    assert len(norms) == batch_norm * len(HIDDEN)
    for layer, norm in enumerate(norms):
        torch.testing.assert_close(found[f"gain.{layer}"][0, 0], norm.weight.grad, **close)
        torch.testing.assert_close(found[f"b.{layer}"][0, 0], norm.bias.grad, **close)
        torch.testing.assert_close(tensors[f"mean.{layer}"][0, 0], norm.running_mean, **close)
        torch.testing.assert_close(tensors[f"variance.{layer}"][0, 0], norm.running_var, **close)


def test_two_networks_equal_two_alone(setup) -> None:
    """Networks trained and measured in one population, as on a GPU, equal those trained alone."""
    training = with_recipe(setup, TODAY)
    trials = [Trial(1, 0.01, 0.0), Trial(0, 0.003, 0.01)]

    def run(trials: list[Trial]) -> tuple[population.Tensors, dict[str, torch.Tensor]]:
        objective, tensors = training.prepare(trials, CPU)
        costs = [objective.train_epoch(tensors, trials, [epoch] * len(trials)) for epoch in (1, 2)]
        return tensors, {**objective.measure(tensors, trials), "costs": torch.stack(costs, 1)}

    together = run(trials)
    for k, trial in enumerate(trials):
        for found, alone in zip(together, run([trial]), strict=True):
            assert found.keys() == alone.keys()
            for name, value in alone.items():
                assert torch.equal(found[name][k], value[0]), name


def test_measurements_are_those_of_the_arms(setup) -> None:
    """Measurements have the arms' names; gradient norms have one value a layer."""
    trial = [Trial(0, 0.01, 0.0)]
    objective, tensors = with_recipe(setup, TODAY).prepare(trial, CPU)
    measured = objective.measure(tensors, trial)
    assert measured.keys() == {"valid_errors", "valid_costs", "zeros", "gradient_norms"}
    assert measured["gradient_norms"].shape == (1, 3)


def test_hardness_is_folded_too(setup) -> None:
    """A softplus of hardness 3 keeps its hardness."""
    soft = unit("softplus").model_copy(update={"hardness": 3.0})
    _, tensors = replace(setup, unit=soft).prepare([Trial(0, 0.01, 0.0)], CPU)
    assert modern_recipe.folded(tensors, "softplus").hardness_K11.item() == 3


@pytest.mark.parametrize(
    ("recipe", "changes", "batch_size", "says"),
    [
        (Recipe(True, True, True, 1.0), {}, 10, "dropout = 1.0"),
        (TODAY, {"half_negated": True}, 10, "trains no negated"),
        (TODAY, {"function": "prelu"}, 10, "trains no negated"),
        (TODAY, {"function": "maxout", "pieces": 2}, 10, "trains no negated"),
        (TODAY, {}, 1, "batch_size of 2"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(
    setup, recipe, changes, batch_size, says
) -> None:
    """The problem is raised before training, not by torch in the middle of it."""
    settings = SETTINGS.model_copy(update={"batch_size": batch_size})
    changed = replace(
        setup, recipe=recipe, settings=settings, unit=unit().model_copy(update=changes)
    )
    with pytest.raises(Problem, match=says):
        changed.prepare([Trial(0, 0.1, 0.0)], CPU)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_adam_continues_from_epoch_to_epoch(setup, batch_norm) -> None:
    """Two epochs equal those of a single optimizer of torch."""
    trial, recipe = [Trial(0, 0.01, 0.0)], Recipe(True, True, batch_norm, 0.0)
    objective, tensors = with_recipe(setup, recipe).prepare(trial, CPU)
    net = module(tensors, "rectifier")
    descent = torch.optim.Adam(net.parameters(), lr=0.01)
    for epoch in (1, 2):
        objective.train_epoch(tensors, trial, [epoch])
        for x_1BI, y_1B in objective.batches.epoch([0], epoch):
            descent.zero_grad()
            torch.nn.functional.cross_entropy(net(x_1BI[0]), y_1B[0]).backward()
            descent.step()
    for found, want in zip(
        module(tensors, "rectifier").state_dict().items(), net.state_dict().items(), strict=True
    ):
        if "num_batches" not in found[0]:
            torch.testing.assert_close(found[1], want[1], rtol=1e-4, atol=1e-5)


@dataclass(frozen=True)
class Same:
    """One mini-batch again and again, whatever the seed and the epoch."""

    size: int = 10
    steps: int = 3

    def draws(self, seed_epochs: list[tuple[int, int]]) -> list[tuple[int]]:
        return [(len(seed_epochs),)] * self.steps

    def lookup(self, seeds: list[int]):
        x_SBI = torch.linspace(0, 1, 120).view(1, 10, 12)
        return lambda count: (x_SBI.expand(count, -1, -1), torch.arange(10).expand(count, -1) % 3)


def test_masks_depend_on_seed_and_epoch_alone(setup) -> None:
    """Another epoch or seed draws other masks; torch's global generator has no effect."""
    objective, start = with_recipe(setup, TODAY).prepare([Trial(0, 0.01, 0.0)], CPU)
    objective = replace(objective, batches=Same())

    def cost(seed: int, epoch: int, ambient: int) -> float:
        torch.manual_seed(ambient)
        tensors = {name: t.clone() for name, t in start.items()}
        return float(objective.train_epoch(tensors, [Trial(seed, 0.01, 0.0)], [epoch]))

    assert cost(0, 1, 0) == cost(0, 1, 1)
    assert len({cost(0, 1, 0), cost(0, 2, 0), cost(1, 1, 0)}) == 3


@pytest.mark.parametrize("recipe", [TODAY, Recipe(False, True, False, 0.0), PLAIN])
def test_resumed_is_uninterrupted(setup, tmp_path, monkeypatch, recipe) -> None:
    """Adam's state, running statistics and masks survive a kill: the same bits in the end."""
    training, trial = with_recipe(setup, recipe), [Trial(0, 0.01, 0.001)]

    def run(checkpoint: str, stop_after: int = 100) -> loop.Tensors:
        objective, tensors = training.prepare(trial, CPU)

        def report(epoch: int, live: int, done: int) -> None:
            if epoch == stop_after:
                raise KeyboardInterrupt

        options = {"epochs": 4, "patience": 4, "files": [tmp_path / checkpoint]}
        return loop.train(objective, tensors, trial, report=report, **options)[0]

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    whole = run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("killed", stop_after=2)
    again = run("killed")
    assert whole.keys() == again.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, again[name]), name


def test_he_start_has_its_variance(setup) -> None:
    """Hidden weights have variance 2 / fan-in (He et al., 2015), and depend on the seed."""
    wide = ModernTraining("test", setup.train, setup.valid, (400, 400), 2, unit(), TODAY, SETTINGS)
    (_, first), (_, second) = (wide.prepare([Trial(s, 0.1, 0.0)], CPU) for s in (0, 1))
    weight = first["W.1"]
    assert float(weight.var()) == pytest.approx(2 / 400, rel=0.02)
    assert not torch.equal(weight, second["W.1"])


def test_dropout_drops_its_share_and_keeps_the_mean(setup) -> None:
    """A share of the outputs is 0, and the others are enlarged so that the mean is kept."""
    training = replace(with_recipe(setup, TODAY), hidden=(4000, 4000))
    objective, tensors = training.prepare([Trial(0, 0.1, 0.0)], CPU)
    networks = population.Population(tensors, "rectifier")
    for mask_SBO in next(objective._masks(networks, [(0, 1), (1, 1)])):
        assert mask_SBO.shape == (2, 10, 4000)
        assert float((mask_SBO == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
        assert float(mask_SBO.mean()) == pytest.approx(1, abs=0.01)
        assert not torch.equal(*mask_SBO)
