"""The whole pipeline in miniature, by calling the stages' main functions in a temporary folder."""

import csv
import filecmp
import shutil
from importlib import import_module
from itertools import product
from pathlib import Path

import joblib
import pytest
from PIL import Image

from pipeline.data.splits import examples
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.training import loop, trained_networks, workers
from pipeline.training.state import TrainingState
from tests import committed
from tests.killed import Killed


def main(stage: str, *arguments: str) -> None:
    import_module(f"stages.{stage}").main(*arguments)


@pytest.fixture
def miniature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty folder with a small params.yaml; one process; no MLflow."""
    params = committed.content()
    params["run"] |= {"activations": ["rectifier", "tanh"], "seeds": 2}
    for phase in ("pretrain", "finetune"):
        params[phase] |= {"learning_rates": [0.1, 0.01]}
        params["datasets"]["digits"][phase] = {"epochs": 3, "patience": 3}
    params["datasets"]["digits"]["network"]["hidden"] = [12, 10]
    params["datasets"]["glyphs"] |= {
        "preprocess": {"valid": 80, "test": 90},
        "network": {"hidden": [12, 10]},
        "pretrain": {"epochs": 3, "patience": 3, "images": 300},
        "finetune": {"epochs": 3, "patience": 3, "images": 600},
    }
    params["datasets"]["pictures"] = {
        "source": {"folder": "mine"},
        "preprocess": {"size": [6, 5], "color": True},
        "network": {"hidden": [12]},
        "pretrain": {"epochs": 2},
        "finetune": {"epochs": 2},
    }
    committed.write(params, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    return tmp_path


def run_all(dataset: str = "digits") -> None:
    main("download", dataset)
    main("preprocess", dataset)
    for arm in product(("rectifier", "tanh"), ("random", "pretrained")):
        for stage in ("pretrain", "finetune"):
            main(stage, dataset, *arm)
    main("evaluate", dataset)
    main("compare", dataset)
    if dataset == "digits":
        main("report")


def test_the_whole_graph(miniature: Path) -> None:
    """From nothing to the report: every file is there, with a row for each arm and seed."""
    run_all()
    with (miniature / "results/digits/table.csv").open() as file:
        rows = list(csv.DictReader(file))
    arms = [(row["activation"], row["initialization"]) for row in rows]
    assert arms == [*product(("rectifier", "tanh"), ("random", "pretrained"))]
    assert {row["seeds"] for row in rows} == {"2"}
    assert all(0 < float(row["test_error_mean"]) < 1 for row in rows)
    assert "rectifier" in (miniature / "report/index.html").read_text()
    assert not list((miniature / "runs/checkpoints").iterdir())
    starts = storage.read_lines(miniature / "runs/start/digits/tanh-pretrained/records.jsonl")
    assert len(starts) == 2 * 2 * 2  # seeds, layers, rates


def test_generated_and_own_datasets_run_alike(miniature: Path) -> None:
    """Generated images and a folder of own pictures get their tables and cards."""
    for label in ("left", "right"):
        (miniature / "mine" / label).mkdir(parents=True)
        for n in range(40):
            picture = Image.new("RGB", (8, 9), (n, 2 * n, 200))
            picture.paste((255, 0, 0), (0, 0, 4, 9) if label == "left" else (4, 0, 8, 9))
            picture.save(miniature / "mine" / label / f"{n}.png")
    for dataset, inputs, classes in (("glyphs", (32, 32), 62), ("pictures", (3, 6, 5), 2)):
        run_all(dataset)
        form = examples.read_encoding(Path("data/ready", dataset, "train.npz"))
        assert (form.shape, form.classes) == (inputs, classes)
        with Path("results", dataset, "table.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 4
        assert all(0 <= float(row["test_error_mean"]) <= 1 for row in rows)
        assert storage.read_json(Path("results", dataset, "card.json"))["dataset"] == dataset


@pytest.mark.parametrize(
    ("dataset", "stage", "die_at"),
    [
        ("digits", "pretrain", 1),
        ("digits", "pretrain", 4),
        ("digits", "finetune", 2),
        ("glyphs", "pretrain", 4),
        ("glyphs", "finetune", 2),
    ],
)
def test_killed_stages_resume(
    miniature: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, stage: str, die_at: int
) -> None:
    """A killed stage leaves no output; run again, it ends with the same bytes."""
    arm = (dataset, "rectifier", "pretrained")
    main("download", dataset)
    main("preprocess", dataset)
    main("pretrain", *arm)
    main("finetune", *arm)
    out = Path("runs", {"pretrain": "start", "finetune": "networks"}[stage], dataset, arm[1])
    out = out.with_name("rectifier-pretrained")
    whole = shutil.copytree(out, miniature / "whole")
    shutil.rmtree(out)
    shutil.rmtree(trained_networks.FOLDER)  # nothing is read that was trained before the kill
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    epochs: list[int] = []
    train_epoch = TrainingState.train_epoch

    def dying(self, *args):  # type: ignore[no-untyped-def]
        epochs.append(1)
        if len(epochs) == die_at:
            raise Killed
        train_epoch(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "train_epoch", dying)
        with pytest.raises(Killed):
            main(stage, *arm)
    assert not out.exists()
    main(stage, *arm)
    names = [path.name for path in whole.iterdir()]
    assert filecmp.cmpfiles(whole, out, names, shallow=False) == (names, [], [])


def test_all_rates_diverged_is_reported(miniature: Path) -> None:
    """An arm that cannot be trained is named as failed; the others are compared."""
    params = committed.content(Path("params.yaml"))
    params["activations"]["rectifier"] |= {"function": "softplus", "hardness": 1e38}
    committed.write(params)
    run_all()
    with Path("results/digits/table.csv").open() as file:
        errors = {row["activation"]: row["test_error_mean"] for row in csv.DictReader(file)}
    assert errors["rectifier"] == ""
    assert float(errors["tanh"]) > 0
    assert "every learning rate diverged" in Path("report/index.html").read_text()


def test_processes_make_the_same_networks(miniature: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with a population each end with the bytes of one process with all networks."""
    arm = ("digits", "rectifier", "pretrained")
    main("download", "digits")
    main("preprocess", "digits")
    main("pretrain", *arm)
    main("finetune", *arm)
    one = shutil.copytree("runs/networks/digits/rectifier-pretrained", miniature / "one")
    shutil.rmtree(trained_networks.FOLDER)  # every network is trained again
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(workers, "CACHE_BYTES", 1)  # one population per network
    main("finetune", *arm)
    two = Path("runs/networks/digits/rectifier-pretrained")
    names = [path.name for path in one.iterdir()]
    assert filecmp.cmpfiles(one, two, names, shallow=False) == (names, [], [])


def test_unknown_names_are_listed(miniature: Path) -> None:
    """An unknown dataset, activation or initialization: the error lists the known ones."""
    with pytest.raises(Problem, match=r"params\.yaml has digits, mnist"):
        main("download", "mnsit")
    with pytest.raises(Problem, match=r"params\.yaml has digits, mnist"):
        main("pretrain", "mnsit", "tanh", "random")
    with pytest.raises(Problem, match=r"params\.yaml has rectifier, tanh"):
        main("finetune", "digits", "relu", "random")
    with pytest.raises(Problem, match="use one of random, pretrained"):
        main("evaluate", "digits", "tanh", "warm")


def test_a_stage_before_its_inputs_says_what_to_run(miniature: Path) -> None:
    """A missing input is a Problem that names the file and the remedy."""
    with pytest.raises(Problem, match=r"data/ready/digits/train.npz .*dvc repro"):
        main("pretrain", "digits", "tanh", "random")
