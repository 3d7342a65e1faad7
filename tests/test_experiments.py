"""Experiments: conditions from params.yaml, and networks equal to those of the arms."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from pipeline.config import params
from pipeline.config.params import Params
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split
from pipeline.experiments.conditions import catalogue, scoring, training
from pipeline.experiments.conditions.condition import Condition, Setting
from pipeline.experiments.units import equal_parameters
from pipeline.finetuning import grid_search
from pipeline.finetuning.grid_search import FinetuningSetup
from pipeline.networks import population
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.training.workers import Workers
from tests import committed, synthetic

CPU = torch.device("cpu")
OURS = params.load(committed.params())
FORM = Encoding((20,), ("a", "b", "c"))


def small(**experiments: object) -> Params:
    """Return params of small networks that learn fast."""
    content = synthetic.settings().model_dump()
    content["datasets"]["digits"]["network"]["hidden"] = [8, 6]
    schedule = {"learning_rates": [0.1, 0.01], "epochs": 3, "patience": 3}
    content["finetune"] |= schedule
    content["pretrain"] |= schedule
    content["sweep"] = {"seeds": 3, "learning_rates": [0.3, 0.03]}
    content["experiments"] = experiments
    return Params.model_validate(content)


def separable(count: int, draw: int) -> Split:
    """Return examples with separable classes."""
    rng = np.random.default_rng(draw)
    y_N = np.arange(count) % 3
    x_NI = rng.uniform(0, 0.5, (count, 20)) + 0.5 * (np.arange(20) % 3 == y_N[:, None])
    return Split(x_NI.astype(np.float32), y_N, FORM)


@pytest.fixture
def splits(tmp_path: Path) -> training.Splits:
    """Return the files of a small dataset."""
    for name, count in (("train", 120), ("valid", 60), ("test", 90)):
        examples.write(separable(count, count), tmp_path / f"{name}.npz")
    return training.Splits("digits", tmp_path / "train.npz", tmp_path / "valid.npz")


@pytest.fixture
def setting() -> Setting:
    """Return the setting of small networks."""
    return Setting.of(small(), "digits", FORM)


def conditions_of(name: str, **options: object) -> list[Condition]:
    """Return the conditions of an experiment with these options, of small networks."""
    return catalogue.conditions_of(name, "digits", small(**{name: options}), FORM)


def run(
    conditions: list[Condition], splits: training.Splits, scratch: Path
) -> list[tuple[Condition, population.Population, list[storage.Record]]]:
    """Train conditions."""
    return list(training.train(conditions, splits, Workers(CPU, scratch, "test")))


def same(first: population.Population, second: population.Population) -> bool:
    """Return whether two populations agree in every bit."""
    return first.tensors.keys() == second.tensors.keys() and all(
        torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items()
    )


@pytest.mark.parametrize("name", catalogue.names())
def test_params_have_every_experiment(name: str) -> None:
    """Every experiment has a block, conditions with unique names, and levels of its factors."""
    conditions = catalogue.conditions_of(name, "digits", OURS, FORM)
    assert len({condition.name for condition in conditions}) == len(conditions)
    for condition in conditions:
        assert tuple(condition.levels) == catalogue.experiment(name).factors
        assert len(condition.l1) in (1, condition.seeds)
    assert name in OURS.run.experiments


def test_an_unknown_experiment_is_named() -> None:
    """The problem lists the known names."""
    with pytest.raises(Problem, match="unknown experiment 'dept': use one of ablation, cond"):
        catalogue.conditions_of("dept", "digits", OURS, FORM)


@pytest.mark.parametrize(
    ("name", "block", "says"),
    [
        ("hardness", {"alphas": [0.0, 1.0]}, r"experiments.hardness.alphas\[0\] = 0.0 is wrong"),
        ("hardness", {"alphas": [-2.0, 1.0]}, "greater than 0"),
        ("labels", {"shares": [0.5, 1.5], "activations": ["tanh"]}, "less than or equal to 1"),
        ("labels", {"shares": [0.5, 1.0], "activations": ["than"]}, "unknown activation 'than'"),
        ("sparsity", {"networks": 200, "most_l1": -1.0, "learning_rate": 0.1}, "most_l1"),
        ("depth", {"depths": [0, 1], "activations": ["tanh"]}, r"depths\[0\] = 0 is wrong"),
        ("rates", {"learning_rates": [0.1], "activations": ["tanh"]}, "at least 3 items"),
        ("width", {"multiple": [1.0]}, "experiments.width.multiples is missing"),
    ],
)
def test_wrong_blocks_are_one_clear_line(name: str, block: dict[str, object], says: str) -> None:
    """The problem names the key and its fault in one line."""
    with pytest.raises(Problem, match=says):
        conditions_of(name, **block)


def test_a_missing_block_is_named() -> None:
    """The problem names the missing block of params.yaml."""
    with pytest.raises(Problem, match=r"experiments.depth is missing: add it"):
        catalogue.conditions_of("depth", "digits", small(), FORM)


def test_networks_of_a_plain_condition_are_the_arms(splits, tmp_path) -> None:
    """A condition without changes ends with the same bits as the arm."""
    conditions = conditions_of("labels", shares=[0.5, 1.0], activations=["rectifier"])
    plain = next(c for c in conditions if c.pretrain is None and c.labels == 1)
    trained = {c.name: networks for c, networks, _ in run(conditions, splits, tmp_path / "all")}
    start = tmp_path / "start.safetensors"
    population.save(
        population.initialize("digits", [20, 8, 6, 3], range(3), small().activation("rectifier")),
        start,
    )
    setup = FinetuningSetup("digits", splits.train, splits.valid, start, plain.finetune, plain.l1)
    (tmp_path / "arm").mkdir()
    networks, _ = grid_search.finetune(setup, Workers(CPU, tmp_path / "arm", "test"))
    assert same(networks, trained[plain.name])
    half = next(c for c in conditions if c.pretrain is None and c.labels == 0.5)
    assert not same(networks, trained[half.name])


def test_each_seed_has_its_own_penalty(splits, tmp_path) -> None:
    """A network trained among many penalties equals the network trained with its penalty alone."""
    (condition,) = conditions_of("sparsity", networks=10, most_l1=0.3, learning_rate=0.1)
    assert condition.l1[0] == 0
    assert condition.l1[-1] == 0.3
    ((_, all_seeds, lines),) = run([condition], splits, tmp_path / "all")
    for seed in (0, 4, 9):
        alone = replace(condition, l1=(condition.l1[seed],), seeds=seed + 1)
        ((_, networks, _),) = run([alone], splits, tmp_path / f"alone-{seed}")
        assert same(networks.select([seed]), all_seeds.select([seed]))
    assert [line["l1"] for line in lines] == list(condition.l1)
    assert len({line["zeros_at_start"] for line in lines}) > 1


def test_conditions_share_starts_only_where_they_start_alike() -> None:
    """Shares of labels share pre-training; penalties of pre-training, signs and scales do not."""
    setting = Setting.of(OURS, "digits", FORM)
    rectifier = setting.unit("rectifier")
    tanh, other = setting.unit("tanh"), setting.unit("rectifier", half_negated=False)
    plain = setting.condition({}, rectifier, "pretrained")
    alike = setting.condition({}, rectifier, "pretrained", labels=0.5, l1=(0.5,))
    assert storage.fingerprint(plain.start) == storage.fingerprint(alike.start)
    others = [
        setting.condition({}, rectifier),
        setting.condition({}, tanh, "pretrained"),
        setting.condition({}, other, "pretrained"),
        setting.condition({}, rectifier, "pretrained", bias=0.1),
        setting.condition({}, rectifier, "pretrained", scale=2.0),
        setting.condition({}, setting.unit("rectifier", l1=0.0), "pretrained"),
    ]
    prints = {storage.fingerprint(each.start) for each in [plain, *others]}
    assert len(prints) == 1 + len(others)


def test_an_interrupted_sweep_ends_with_the_same_bits(splits, tmp_path, monkeypatch) -> None:
    """A run killed twice ends with the networks and records of an uninterrupted run."""
    conditions = conditions_of("reconstruction", reconstructions=["softplus", "scaled"])
    whole = run(conditions, splits, tmp_path / "whole")
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    monkeypatch.setattr("pipeline.training.loop.CHECKPOINT_SECONDS", 0.0)
    steps = {"left": 0}
    step = grid_search.SupervisedObjective.train_epoch

    def killed(self, *args):
        steps["left"] -= 1
        if steps["left"] < 0:
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(grid_search.SupervisedObjective, "train_epoch", killed)
    for allowed in (1, 2, 100):
        steps["left"] = allowed
        try:
            again = run(conditions, splits, tmp_path / "killed")
        except KeyboardInterrupt:
            continue
    for (_, networks, lines), (_, other, others) in zip(whole, again, strict=True):
        assert same(networks, other)
        assert lines == others


def test_rescaled_starts_compute_the_same_function(splits, setting) -> None:
    """Starts in another scale have the same outputs: an ill-conditioned parametrization (3.1)."""
    x_KNI = torch.rand(3, 50, 20, generator=torch.Generator().manual_seed(0))
    found = []
    for alpha in (1.0, 0.01, 30.0):
        condition = setting.condition({}, setting.unit("rectifier"), scale=alpha)
        networks = training.random_start(condition, splits)
        outputs = population.hidden_outputs(networks, x_KNI)
        found.append(population.scores(networks, x_KNI, outputs))
    for one, other in pairwise(found):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_dead_units_are_recorded_after_each_epoch(splits, tmp_path) -> None:
    """The share at the best epoch is the chosen network's; a very negative bias kills all units."""
    levels = {"learning_rates": [0.1, 3.0], "l1": [0.0, 0.5], "biases": [-5.0, 0.0]}
    conditions = conditions_of("dying", rate=0.1, **levels)
    found = {condition.name: lines for condition, _, lines in run(conditions, splits, tmp_path)}
    for lines in found.values():
        for line in lines:
            assert len(line["dead_by_epoch"]) == line["epochs"]
            if line["chosen"]:
                assert line["dead_units"] == line["dead_by_epoch"][line["best_epoch"] - 1]
    assert found["bias--5"][0]["dead_by_epoch"][0] == 1.0
    assert found["bias-0"][0]["dead_by_epoch"][0] < 0.5


def test_dead_units_are_recorded_by_half_and_layer(splits, tmp_path) -> None:
    """The mean of both halves over layers is the network's share of dead units."""
    conditions = conditions_of(
        "decoder", decoders=["tied", "untied"], half_negated=[True, False], seeds=2
    )
    assert [c.pretrain.tied if c.pretrain else None for c in conditions] == [
        *(True, True, False, False), *(None, None)
    ]  # fmt: skip
    test = examples.read(splits.train.with_name("test.npz"))
    for condition, networks, lines in run(conditions, splits, tmp_path / "runs"):
        negated = condition.levels["signs"] == "half negated"
        for row in scoring.rows(networks, lines, test):
            halves = [row[column] for column in catalogue.experiment("decoder").columns]
            assert [len(half) for half in halves] == [2, 2 if negated else 0]
            layers = np.mean(halves[: 1 + negated], axis=0)
            assert np.average(layers, weights=[8, 6]) == pytest.approx(row["dead_units"])


def test_halves_follow_the_signs_of_the_units(setting, splits) -> None:
    """Units of large negative bias are dead, and counted in the half of their sign."""
    networks = training.random_start(
        setting.condition({}, setting.unit("rectifier", half_negated=True)), splits
    )
    signs_K1O = networks.signs_K1O(1)
    networks.b_K1O(1)[signs_K1O < 0] = -100
    seen = examples.read(splits.train)
    for halves in training.dead_by_half(networks, seen):
        assert halves["dead_negated"][1] == 1
        assert halves["dead_positive"][1] < 1


def test_scores_are_of_the_chosen_networks(splits, tmp_path) -> None:
    """One row a seed has the levels and the test error of the chosen network."""
    conditions = conditions_of("hardness", alphas=[1.0, 2.0])
    test = examples.read(splits.train.with_name("test.npz"))
    for condition, networks, lines in run(conditions, splits, tmp_path / "runs"):
        rows = scoring.rows(networks, lines, test)
        assert [row["seed"] for row in rows] == [0, 1, 2]
        for k, row in enumerate(rows):
            alone = networks.only(k)
            x_1NI = test.inputs(slice(None)).unsqueeze(0)
            guess = population.scores(alone, x_1NI, population.hidden_outputs(alone, x_1NI))[
                0
            ].argmax(1)
            assert row["test_error"] == float((guess != test.y_N).double().mean())
            assert row["alpha"] == condition.levels["alpha"]
            assert set(scoring.COLUMNS) <= row.keys()


def test_a_seed_that_diverged_has_no_errors(splits, setting, tmp_path) -> None:
    """A seed whose every rate diverged has a row without errors, with the diverged rates."""
    condition = setting.condition({}, setting.unit("softplus"), finetune=setting.at_rates(1e30))
    ((_, networks, lines),) = run([condition], splits, tmp_path / "runs")
    test = examples.read(splits.train.with_name("test.npz"))
    for row in scoring.rows(networks, lines, test):
        assert row["test_error"] is None
        assert row["zeros"] is None
        assert row["diverged"] == [1e30]


def test_a_share_that_leaves_a_class_empty_is_refused_at_once(splits, tmp_path) -> None:
    """The problem names the share before any training."""
    conditions = conditions_of("labels", shares=[0.001, 1.0], activations=["rectifier"])
    with pytest.raises(Problem, match=r"0.1% of the labels of digits leave class 0"):
        run(conditions, splits, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_networks_of_dead_units_are_reported(splits, tmp_path, caplog) -> None:
    """A condition that kills every unit is reported in one warning."""
    levels = {"learning_rates": [0.1, 0.2], "l1": [0.0, 0.1], "biases": [-50.0, 0.0]}
    conditions = conditions_of("dying", rate=0.1, **levels)
    run([c for c in conditions if c.bias < 0], splits, tmp_path)
    assert "every hidden unit of 3 of 3 networks is dead" in caplog.text


@pytest.mark.parametrize("pieces", [2, 5])
@pytest.mark.parametrize("widths", [(784, 1000, 1000, 1000, 10), (64, 200, 100, 10), (20, 8, 3)])
def test_maxout_has_as_many_parameters(widths: tuple[int, ...], pieces: int) -> None:
    """Maxout has at most the parameters of one piece; two more units a layer would exceed them."""

    def count(hidden: tuple[int, ...], pieces: int) -> int:
        unit = synthetic.settings().activation("rectifier")
        function = "maxout" if pieces > 1 else "rectifier"
        unit = unit.model_copy(update={"function": function, "pieces": pieces})
        networks = population.initialize("test", [widths[0], *hidden, widths[-1]], [0], unit)
        return sum(t.numel() for name, t in networks.tensors.items() if name[0] in "Wb")

    plain = count(widths[1:-1], 1)
    narrower = equal_parameters(widths, pieces)
    wider = tuple(width + 2 for width in narrower)
    assert count(narrower, pieces) <= plain < count(wider, pieces)


@pytest.mark.parametrize("name", catalogue.names())
def test_settings_of_conditions_are_complete(name: str) -> None:
    """The JSON that DVC watches in place of params.yaml has every field of every condition."""
    conditions = catalogue.conditions_of(name, "digits", OURS, FORM)
    content = json.loads(json.dumps(to_jsonable_python(conditions)))
    assert TypeAdapter(list[Condition]).validate_python(content) == conditions
