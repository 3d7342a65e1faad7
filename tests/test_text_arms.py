"""Whole arms on reviews with stars, in folds: from bits to scores, one process, seconds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from pipeline.analysis import results
from pipeline.config import params
from pipeline.config.arms import Arm
from pipeline.data import catalogue
from pipeline.data.splits import examples
from pipeline.data.splits.per_seed import read_for
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.corpus import gather
from pipeline.data.text.cross_validation import TextOptions, partitions
from pipeline.data.text.reviews import Review
from pipeline.evaluation import scoring, torch_module
from pipeline.finetuning import grid_search
from pipeline.networks import population
from pipeline.networks.population import Population
from pipeline.pretraining import layerwise
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record
from pipeline.training.state import Trial
from pipeline.training.workers import Workers
from stages import official
from tests import synthetic

SEEDS, CPU = 2, torch.device("cpu")
NOISE = {"corruption": 0.5, "salt": 0.01, "corruption_above": [0.25]}
NOISE |= {
    "tied": True,
    "rebuilt": 0.5,
    "reconstructions": {"rectifier": "scaled", "rectifier-1": "scaled"},
}


def reviews() -> list[Review]:
    """The word of its stars is in most reviews; some have no stars."""
    draws = np.random.default_rng(0)
    found = []
    for n in range(320):
        stars = int(draws.integers(1, 6))
        words = [f"word{w}" for w in draws.integers(0, 60, 12)]
        told = [f"stars{stars}"] * (draws.random() < 0.8)
        found.append(Review(" ".join([*words, *told]), str(stars) if n < 240 else None))
    return found


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> params.Params:
    """Return params of small arms whose data are in data/ready/mine of an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    corpus = gather("mine", [reviews()], Tokenizer(), stars=True)
    splits = corpus.splits(partitions(corpus, TextOptions(terms=40, folds=4, valid=0.2)), 40)
    for name, split in splits._asdict().items():
        examples.write(split, Path(f"data/ready/mine/{name}.npz"))
    content = synthetic.settings("mine", SEEDS).model_dump()
    unit = content["activations"]["rectifier"] | {"half_negated": True}
    layers = {"linear": 0, "rectifier-1": 1, "rectifier": None}
    content["activations"] = {name: unit | {"layers": n} for name, n in layers.items()}
    content["run"]["activations"] = list(layers)
    block = content["datasets"]["mine"]
    block["network"] = {"hidden": [12, 8]}
    block["pretrain"] = NOISE | {"epochs": 2, "patience": 2}
    block["finetune"] = {"epochs": 15, "patience": 15, "learning_rates": [0.3, 0.1]}
    return params.Params.model_validate(content)


def trained_on(
    where: torch.device, settings: params.Params, activation: str, start: str, **changes: Any
) -> tuple[Population, list[Record], list[Record]]:
    """Pre-train, fine-tune and score an arm as the stages do, with changes of the last setup.

    Returns its networks, the records of their training, and those of their scores.
    """
    arm, scratch = Arm("mine", activation, start), Path(where.type, activation, start)
    (scratch / "fine").mkdir(parents=True)
    workers, setup = Workers(where, scratch, "test"), layerwise.setup_for(arm, settings)
    networks, pretrained = layerwise.starting_networks(arm, settings, setup, workers)
    population.save(networks, arm.start / "weights.safetensors")
    fine = replace(grid_search.setup_for(arm, settings), **changes)
    networks, trained = grid_search.finetune(fine, replace(workers, scratch=scratch / "fine"))
    test = read_for(arm.ready / "test.npz", range(SEEDS)).to(where)
    scores = scoring.evaluate(arm, networks, test, trained=trained, pretrained=pretrained)
    return networks, [*pretrained, *trained], scores


def scored(settings: params.Params, activation: str, start: str) -> tuple[Arm, list[Record]]:
    """Train an arm, store its networks and return the records of its scores."""
    arm = Arm("mine", activation, start)
    networks, _, scores = trained_on(CPU, settings, activation, start)
    population.save(networks, arm.networks / "weights.safetensors")
    return arm, scores


@pytest.mark.parametrize("initialization", ["random", "pretrained"])
@pytest.mark.parametrize("activation", ["linear", "rectifier-1", "rectifier"])
def test_scores_are_those_of_the_module_on_the_seeds_own_fold(
    settings: params.Params, activation: str, initialization: str
) -> None:
    """Errors and RMSE equal the dense torch module's; networks beat the mean rating."""
    arm, lines = scored(settings, activation, initialization)
    depth = len(settings.hidden_for("mine", activation))
    for line in lines:
        seed = line["seed"]
        test = examples.read(arm.ready / "test.npz", seed)
        networks = population.load(arm.networks / "weights.safetensors", [seed])
        assert networks.depth == depth
        p_NC = torch_module.module(networks, 0)(test.inputs(slice(None))).double().detach()
        stars_C = torch.arange(1, 6, dtype=torch.float64)
        rmse = (p_NC @ stars_C - stars_C[test.y_N]).square().mean().sqrt()
        assert line["test_error"] == float((p_NC.argmax(1) != test.y_N).double().mean())
        assert line["test_rmse"] == pytest.approx(float(rmse), rel=1e-6)
        train = examples.read(arm.ready / "train.npz", seed)
        mean = stars_C[train.y_N].mean()
        constant = float((mean - stars_C[test.y_N]).square().mean().sqrt())
        assert line["test_rmse"] < constant
        assert len(line["zeros_by_layer"]) == depth
        if not depth:
            assert line["zeros"] == test.zeros
            assert line["dead_units"] == 0


def test_official_test_part_is_scored_by_every_seeds_network(
    settings: params.Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The texts of a seed's own fold, taken for the official test part, have that seed's scores;
    the baselines are scored too, and a second run writes the same bytes."""
    content = settings.model_dump()
    content["run"] |= {"activations": ["rectifier"], "initializations": ["random"]}
    monkeypatch.setattr(params, "load", lambda: params.Params.model_validate(content))
    arm, lines = scored(settings, "rectifier", "random")
    with np.load(arm.ready / "test.npz") as stored:
        fold = [reviews()[n] for n in stored["id"]]
    monkeypatch.setattr(catalogue, "official_test", lambda *_: fold)
    trained = grid_search.finetune(grid_search.setup_for(arm, settings), again(arm))[1]
    storage.write_lines(arm.networks / "records.jsonl", trained)
    official.main("mine")
    path = Path("results/mine/official.csv")
    rows = results.read_table(path)
    assert [(row["predictor"], row["seed"]) for row in rows] == [
        *((arm.key, seed) for seed in range(SEEDS)),
        *((name, seed) for seed in range(SEEDS) for name in ("logistic", "constant")),
    ]
    assert rows[0]["test_rmse"] == lines[0]["test_rmse"]
    assert rows[1]["test_rmse"] != lines[1]["test_rmse"]
    written = path.read_bytes()
    official.main("mine")
    assert path.read_bytes() == written


def again(arm: Arm) -> Workers:
    """Return workers of another training of an arm."""
    scratch = Path("scratch/again", arm.key)
    scratch.mkdir(parents=True)
    return Workers(CPU, scratch, "test")


def test_ratings_are_chosen_by_their_rmse(settings: params.Params) -> None:
    """Of the rates and epochs of a seed the one with the lowest validation RMSE is kept."""
    arm = Arm("mine", "rectifier", "random")
    _, lines = scored(settings, "rectifier", "random")
    _, trained = grid_search.finetune(grid_search.setup_for(arm, settings), again(arm))
    for line in lines:
        mine = [record for record in trained if record["seed"] == line["seed"]]
        best = min(min(record["valid_rmses"]) for record in mine)
        (chosen,) = [record for record in mine if record["chosen"]]
        assert chosen["valid_rmse"] == best == line["valid_rmse"]
        assert chosen["valid_error"] == chosen["valid_errors"][chosen["best_epoch"] - 1]


def test_without_hidden_layers_there_is_nothing_to_pretrain(settings: params.Params) -> None:
    """Both starts of a softmax on the inputs are the same network."""
    scores = [scored(settings, "linear", start)[1] for start in ("random", "pretrained")]
    assert [line["test_rmse"] for line in scores[0]] == [line["test_rmse"] for line in scores[1]]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"salt": 0.1}, "salt = 0.1 needs binary inputs"),
        ({"rebuilt": 0.5}, "rebuilt = 0.5 samples"),
    ],
)
def test_noise_of_bits_is_refused_elsewhere(
    settings: params.Params,
    tmp_path: Path,
    changes: dict,
    says: str,  # type: ignore[type-arg]
) -> None:
    """Images have neither terms to turn on nor terms to sample."""
    synthetic.write_split(tmp_path / "images.npz")
    setup = layerwise.setup_for(Arm("mine", "rectifier", "pretrained"), settings)
    plain = settings.pretrain.model_copy(update={"batch_size": 2, **changes})
    images = tmp_path / "images.npz"
    networks = population.initialize("mine", [64, 12, 2], [0], settings.activation("rectifier"))
    population.save(networks, tmp_path / "start.safetensors")
    setup = replace(
        setup, train=images, valid=images, settings=plain, start=tmp_path / "start.safetensors"
    )
    with pytest.raises(Problem, match=says):
        setup.prepare([Trial(0, 0.1, 0.0)], CPU)
