"""Denoising objective: noise, inputs, validation error."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from pipeline.config.params import Activation, Pretrain
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.data.splits.split import Split
from pipeline.evaluation.scoring import failed_rates
from pipeline.networks import population
from pipeline.networks.population import Population
from pipeline.pretraining import autoencoder, layer_inputs
from pipeline.pretraining.denoising import DenoisingObjective, Noise
from pipeline.pretraining.layer_inputs import TrainedLayers
from pipeline.pretraining.layerwise import PretrainingSetup, pretrain
from pipeline.runtime.storage import Record
from pipeline.training.minibatches import ShuffledMinibatches
from pipeline.training.state import CPU, Trial
from pipeline.training.workers import Workers

UNIT = Activation(function="rectifier", l1=0.0, half_negated=True, reconstruction="softplus")
PRETRAIN = Pretrain(
    learning_rates=[0.01, 0.001], batch_size=10, epochs=3, patience=3, corruption=0.25, tied=True
)
WIDTHS, SEEDS = [9, 8, 7, 3], [0, 1]
TRIALS = [Trial(seed, rate, 0.0) for seed in SEEDS for rate in (0.01, 0.001)]


def starts() -> Population:
    return population.initialize("test", WIDTHS, SEEDS, UNIT)


def inputs(rows: int = 30) -> torch.Tensor:
    return torch.rand(rows, WIDTHS[0], generator=torch.Generator().manual_seed(0))


def train() -> Examples:
    form = Encoding((3, 3), ("a", "b", "c"))
    return Examples(inputs(), torch.zeros(30, dtype=torch.long), form)


def make(layer: int, corruption: float = 0.25) -> DenoisingObjective:
    start = starts()
    noise = Noise(corruption)
    phase, below = f"pretrain-{layer + 1}", TrainedLayers(start, SEEDS, layer)
    auto = autoencoder.autoencoder(
        start.select([trial.seed for trial in TRIALS]),
        layer,
        reconstruction="softplus",
        bounds=(0, 1),
    )
    batches = ShuffledMinibatches("test", phase, 10, train())
    if not layer:
        return DenoisingObjective(
            auto, "test", phase, noise, batches, lambda _: train().chunks(1000)
        )
    above = (
        layer_inputs.training_batches(batches, below),
        layer_inputs.validation_inputs(train(), below),
    )
    return DenoisingObjective(auto, "test", phase, noise, *above)


def masks(objective: DenoisingObjective, epoch: int) -> list[torch.Tensor]:
    return [*objective._masks([(seed, epoch) for seed in SEEDS])]


def test_masks_hide_the_given_share() -> None:
    """Each input is kept with probability 1 - corruption; noise differs by seed and step."""
    objective = make(0)
    found = torch.stack([keep for epoch in range(200) for keep in masks(objective, epoch)])
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert abs(found.mean() - 0.75) < 0.01
    assert found.shape[1] == len(SEEDS)
    assert not torch.equal(found[:, 0], found[:, 1])
    assert not torch.equal(found[:3], found[3:6])


def test_each_seed_learns_from_its_own_representations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs above the first layer are the representations of the same seed's layers below."""
    expected = population.hidden_outputs(starts(), inputs().expand(2, -1, -1), 2)[-1]
    for stored_bytes in (layer_inputs.STORED_BYTES, 0):
        monkeypatch.setattr(layer_inputs, "STORED_BYTES", stored_bytes)
        objective = make(2)
        assert isinstance(
            objective.batches,
            layer_inputs.StoredRepresentations
            if stored_bytes
            else layer_inputs.ComputedRepresentations,
        )
        rows_SN = ShuffledMinibatches("test", "pretrain-3", 10, train()).rows_SN(
            [(seed, 1) for seed in SEEDS]
        )
        for (h_SBO, _), rows_SB in zip(
            objective.batches.epoch(SEEDS, 1), rows_SN.split(10, 1), strict=True
        ):
            for s in SEEDS:
                torch.testing.assert_close(h_SBO[s], expected[s][rows_SB[s]])
        torch.testing.assert_close(torch.cat([*objective.valid(1)], 1)[0], expected[1])


def test_training_lowers_the_validation_error() -> None:
    """Training lowers the reconstruction error on the validation inputs, in both layers."""
    for layer in (0, 1):
        objective = make(layer)
        tensors = {name: tensor.clone() for name, tensor in objective.like.tensors.items()}
        before = objective.measure(tensors, TRIALS)["valid_costs"]
        for epoch in range(1, 30):
            objective.train_epoch(tensors, TRIALS, [epoch] * len(TRIALS))
        after = objective.measure(tensors, TRIALS)["valid_costs"]
        assert (after < before).all()


def test_rates_are_compared_on_the_same_noise() -> None:
    """Validation noise is drawn once per seed: equal weights get equal errors."""
    objective = make(0)
    one = {name: tensor[:1].repeat(4, 1, 1) for name, tensor in objective.like.tensors.items()}
    costs = objective.measure(one, TRIALS)["valid_costs"]
    assert costs[0] == costs[1] == objective.measure(one, TRIALS)["valid_costs"][0]
    assert costs[0] != costs[2]


def test_without_corruption_nothing_is_hidden() -> None:
    """Corruption 0 trains a plain auto-encoder."""
    assert all(keep.all() for keep in masks(make(0, corruption=0.0), 1))


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PretrainingSetup:
    """Return a setup whose splits are in an empty folder, with one core."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    split = Split(inputs().numpy(), np.arange(30) % 3, train().encoding)
    for name in ("train", "valid"):
        examples.write(split, Path(f"{name}.npz"))
    files = Path("train.npz"), Path("valid.npz")
    return PretrainingSetup("test", *files, "softplus", PRETRAIN, 0.01)


def pretrained(
    setup: PretrainingSetup, name: str, start: Population, **settings: Any
) -> tuple[Population, list[Record]]:
    """Pre-train in the folder `name`, with changed settings."""
    Path(name).mkdir()
    population.save(start, Path(name, "start"))
    settings = setup.settings.model_copy(update=settings)
    setup = replace(setup, start=Path(name, "start"), settings=settings)
    return pretrain(setup, Workers(CPU, Path(name), ""), seeds=len(start))


@pytest.mark.parametrize("reconstruction", ["softplus", "scaled", "linear"])
@pytest.mark.parametrize("tied", [True, False])
def test_signs_change_no_cost_of_pretraining(
    setup: PretrainingSetup, tied: bool, reconstruction: str
) -> None:
    """Networks with negated units, and the same functions by mirrored weights without signs, have
    the same costs and the same trained weights up to mirroring, bit for bit."""
    setup = replace(setup, reconstruction=reconstruction)
    negated, records = pretrained(setup, "negated", starts(), tied=tied)
    plain, expected = pretrained(setup, "plain", mirrored(starts()), tied=tied)
    assert repr(records) == repr(expected)
    assert not any(record["diverged"] for record in records)
    for name, tensor in mirrored(negated).tensors.items():
        assert torch.equal(tensor, plain.tensors[name]), name
    assert not torch.equal(plain.W_KIO(1), mirrored(starts()).W_KIO(1))


def mirrored(networks: Population) -> Population:
    """Return the networks without signs, the signs of each layer moved into the weights above."""
    tensors = dict(networks.tensors)
    for layer in range(networks.depth):
        tensors[f"W.{layer + 1}"] = tensors[f"W.{layer + 1}"] * tensors.pop(f"signs.{layer}").mT
    return Population(tensors, networks.function)


def test_a_seed_is_lost_only_where_all_rates_diverge(setup: PretrainingSetup) -> None:
    """Records name the layers and rates that diverged; another rate of the layer keeps the seed."""
    setup = replace(setup, reconstruction="linear")
    networks, records = pretrained(setup, "one", starts(), learning_rates=[1e30, 0.01])
    assert [record["diverged"] for record in records] == [True, False] * 4
    assert [record["chosen"] for record in records] == [False, True] * 4
    assert all(tensor.isfinite().all() for tensor in networks.tensors.values())
    of_seed = [record | {"constant_cost": None} for record in records if record["seed"] == 1]
    assert failed_rates(of_seed) == ["1:1e+30", "2:1e+30"]
    networks, records = pretrained(setup, "all", starts(), learning_rates=[1e30, 1e29])
    assert networks.W_KIO(0).isnan().all()
    assert not any(record["chosen"] for record in records)
    of_seed = [record for record in records if record["seed"] == 1]
    assert failed_rates(of_seed) == ["1:1e+30", "1:1e+29"]  # not those of layer 2, above it


def test_rates_that_are_too_high_to_learn_have_failed(setup: PretrainingSetup) -> None:
    """A finite cost above that of the best constant fails, unless a lower rate is no better."""
    _, records = pretrained(setup, "high", starts(), learning_rates=[1e-20, 0.5])
    assert not any(record["diverged"] for record in records)
    first = [record for record in records if record["layer"] == 1 and record["seed"] == 1]
    still, learned = first
    assert still["valid_cost"] > still["constant_cost"] > learned["valid_cost"]
    assert failed_rates(first) == []  # the rate was too low
    high = still | {"learning_rate": 30.0}
    assert failed_rates([high, learned]) == ["1:30"]
    assert failed_rates([high, learned | {"valid_cost": high["valid_cost"]}]) == []


@pytest.mark.parametrize("function", ["rectifier", "tanh"])
def test_decoders_of_all_arms_start_alike(setup: PretrainingSetup, function: str) -> None:
    """Decoder weights are uniform in the encoder's range, and depend on seed and layer alone."""
    unit = UNIT.model_copy(update={"function": function, "half_negated": function != "tanh"})
    population.save(population.initialize("test", WIDTHS, SEEDS, unit), Path("start"))
    settings = PRETRAIN.model_copy(update={"tied": False})
    setup = replace(setup, settings=settings, start=Path("start"), layer=1)
    _, tensors = setup.prepare(TRIALS, CPU)
    V_KIO = tensors["V"]
    assert V_KIO.shape == tensors["W"].shape
    assert torch.equal(V_KIO[0], V_KIO[1])  # rates of one seed
    assert not torch.equal(V_KIO[0], V_KIO[2])
    assert not torch.equal(V_KIO, tensors["W"])
    bound = (6 / (WIDTHS[1] + WIDTHS[2])) ** 0.5
    assert 0.9 * bound < V_KIO.abs().max() <= bound
    expected = population.uniform_weights(("test", 1, "decoder-weights", 1), *WIDTHS[1:3])
    assert torch.equal(V_KIO[3], expected)
