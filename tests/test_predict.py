"""New texts scored with trained networks, from disk and from MLflow."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from pipeline.config.arms import Arm
from pipeline.data.sources import unlabeled_texts
from pipeline.data.sources.unlabeled_texts import Layout
from pipeline.data.splits import examples
from pipeline.evaluation import prediction
from pipeline.report.text import terminal
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from stages import predict, track
from stages.tracking import tracking_uri
from tests import committed
from tests.imports import ROOT
from tests.mlflow_runs import run_of, with_mlflow_defaults
from tests.review_files import jsonl

STARS = Arm("rated", "rectifier", "random")
WORDS = ("dreadful", "poor", "fair", "good", "superb")
TEXT = "A superb evening, good food; word3 was unheard-of"


def reviews(count: int) -> list[dict[str, Any]]:
    """Return reviews whose words determine their stars and their polarity."""
    return [
        {
            "text": f"{WORDS[n % 5]} evening word{n % 7}",
            "stars": n % 5 + 1,
            "kind": ["no", "yes"][n % 5 > 2],
        }
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which arms of two datasets of texts are trained and in MLflow."""
    folder = tmp_path_factory.mktemp("trained")
    content = committed.content()
    content["run"] |= {"datasets": ["rated", "sorted"], "seeds": 3}
    content["run"] |= {"activations": ["rectifier"], "initializations": ["random"]}
    for name, preprocess in (("rated", {}), ("sorted", {"label": "kind"})):
        content["datasets"][name] = {
            "source": {"reviews": "mine.jsonl"},
            "preprocess": {"terms": 11, "valid": 0.2, "test": 0.2} | preprocess,
            "network": {"hidden": [8, 6]},
            "pretrain": {},
            "finetune": {"epochs": 8, "patience": 8, "learning_rates": [0.1]},
        }
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        with_mlflow_defaults(patch)
        patch.setattr(joblib, "cpu_count", lambda: 1)
        patch.setattr("pipeline.tracking.artifacts.figures", lambda *_, **__: {})
        committed.write(content)
        jsonl(Path("mine.jsonl"), reviews(200))
        for name in ("rated", "sorted"):
            for stage in ("download", "preprocess"):
                import_module(f"stages.{stage}").main(name)
            for stage in ("pretrain", "finetune", "evaluate"):
                import_module(f"stages.{stage}").main(name, "rectifier", "random")
        track.main()
    return folder


@pytest.fixture
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in the folder with the trained arms."""
    monkeypatch.chdir(trained)
    with_mlflow_defaults(monkeypatch)
    return trained


def records(
    capsys: pytest.CaptureFixture[str], *texts: str, dataset="rated", **options
) -> list[Any]:
    capsys.readouterr()
    predict.main(dataset, "rectifier", "random", [*texts], form="json", **options)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_scores_are_those_of_evaluation(here):
    """The network that scores is the one that was tested: the same errors on the test reviews."""
    made = prediction.from_disk(STARS)
    test = examples.read(STARS.ready / "test.npz")
    lines = [row["text"] for row in reviews(200)]
    rows = np.load(STARS.ready / "test.npz")["id"]
    said = [one.predicted for one in made.predict([lines[n] for n in rows], top=0)]
    truth = [made.encoding.class_names[y] for y in test.y_N.tolist()]
    wrong = sum(a != b for a, b in zip(said, truth, strict=True)) / len(truth)
    scores = storage.read_lines(STARS.scores / "records.jsonl")
    assert wrong == pytest.approx(scores[made.seed]["test_error"])
    assert wrong < 0.5


def test_disk_and_mlflow_give_the_same_predictions(here, capsys, tmp_path, monkeypatch):
    """A run is enough: in an empty folder, without params.yaml, the same bytes come out."""
    for dataset in ("rated", "sorted"):
        arm = Arm(dataset, "rectifier", "random")
        from_disk = records(capsys, TEXT, "nothing known", dataset=dataset)
        run_id, uri = run_of(arm), tracking_uri()
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setenv("MLFLOW_TRACKING_URI", uri)
            assert (
                records(capsys, TEXT, "nothing known", dataset=dataset, run_id=run_id) == from_disk
            )


class Code:
    """Code in a pickle: it makes a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_runs_execute_no_code(here, capsys, tmp_path, monkeypatch):
    """The command reads data alone; a pickle of the tracking server is not loaded."""
    run_id, uri = run_of(STARS), tracking_uri()
    (pickled,) = [
        path
        for path in here.glob("mlartifacts/rated/models/*/artifacts/data/model.pth")
        if run_id in (path.parents[1] / "MLmodel").read_text()
    ]
    content = pickled.read_bytes()
    try:
        torch.save(Code(), pickled)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert records(capsys, TEXT, run_id=run_id)
        assert not Path("executed").exists()
    finally:
        pickled.write_bytes(content)


def test_json_has_all_fields(here, capsys):
    """An object a text: class, probabilities, stars, terms with their effects, counts."""
    (said,) = records(capsys, TEXT, top=2)
    assert said["text"] == TEXT
    assert sum(said["probabilities"].values()) == pytest.approx(1)
    expected = sum(float(name) * p for name, p in said["probabilities"].items())
    assert said["stars"] == pytest.approx(expected)
    assert max(said["probabilities"], key=said["probabilities"].get) == said["predicted"]
    assert said["effect_on"] == "expected stars"
    assert [sorted(term) for term in said["terms"]] == [["effect", "term"]] * 2
    assert said["known"] + said["unknown"] == 8
    (polarity,) = records(capsys, TEXT, dataset="sorted")
    assert polarity["stars"] is None
    assert polarity["effect_on"] == "log-odds of yes"
    assert polarity["predicted"] == "yes"
    assert polarity["terms"][0]["effect"] > 0


def test_text_has_all_fields(here, capsys):
    """The default form begins with the text, without control characters."""
    capsys.readouterr()
    predict.main("rated", "rectifier", "random", [f"superb \x1b[31m {'long ' * 99}"])
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("superb [31m long")
    assert len(first) == terminal.SHOWN + 3
    assert any(line.startswith("  expected stars: ") for line in lines)
    assert any(line.endswith("  superb") for line in lines)


def test_the_seed_is_chosen_on_validation_or_given(here, capsys):
    """The lowest validation error, then cost, chooses the seed; test errors do not."""
    lines = [
        {"seed": 0, "chosen": True, "valid_error": 0.2, "valid_cost": 1.0},
        {"seed": 1, "chosen": True, "valid_error": 0.1, "valid_cost": 3.0},
        {"seed": 2, "chosen": True, "valid_error": 0.1, "valid_cost": 2.0},
        {"seed": 3, "chosen": False, "valid_error": 0.0, "valid_cost": 0.0},
    ]
    best = prediction.best(lines)
    assert best is not None
    assert best["seed"] == 2
    assert prediction.best(lines[3:]) is None
    seeds = [records(capsys, TEXT, seed=seed)[0] for seed in range(3)]
    assert [one["seed"] for one in seeds] == [0, 1, 2]
    assert seeds[0]["probabilities"] != seeds[1]["probabilities"]
    (default,) = records(capsys, TEXT)
    assert default == seeds[default["seed"]]
    run_id = run_of(STARS)
    assert records(capsys, TEXT, seed=default["seed"], run_id=run_id) == [default]
    with pytest.raises(Problem, match=r"holds the network of its best seed, ., alone"):
        predict.main("rated", "rectifier", "random", [TEXT], seed=7, run_id=run_id)


def test_files_and_streams_equal_arguments(here, capsys, tmp_path, monkeypatch):
    """JSON Lines, CSV, TSV, plain text and standard input hold the same two texts."""
    texts = [TEXT, 'so "good"']
    wanted = records(capsys, *texts)
    cells = ['"so ""good"""', f'"{TEXT}"']
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"said": t}) + "\n" for t in texts))
    (tmp_path / "a.csv").write_text(f"n,said\n1,{cells[1]}\n2,{cells[0]}\n")
    (tmp_path / "a.tsv").write_text(f"n\tsaid\n1\t{cells[1]}\n2\t{cells[0]}\n")
    (tmp_path / "a.txt").write_text(f"{texts[0]}\n\n{texts[1]}\n")
    (tmp_path / "b.csv").write_text(f"n;said\n1;{cells[1]}\n2;{cells[0]}\n")
    assert records(capsys, file=tmp_path / "b.csv", column="said", delimiter=";") == wanted
    for suffix in ("jsonl", "csv", "tsv", "txt"):
        assert records(capsys, file=tmp_path / f"a.{suffix}", column="said") == wanted
    (tmp_path / "latin.txt").write_bytes("café\n".encode("latin-1"))
    assert unlabeled_texts.of_file(tmp_path / "latin.txt", Layout(encoding="latin-1")) == ["café"]


def test_the_command_reads_standard_input_and_fails_in_one_line(here):
    """As a program: texts by a pipe, JSON out; a fault is one line and status 1."""
    command = [sys.executable, "-m", "stages.predict", "rated", "rectifier", "random"]
    options: dict[str, Any] = {"capture_output": True, "env": {"PYTHONPATH": str(ROOT), "PATH": ""}}
    done = subprocess.run([*command, "--format", "json", "-"], input=b"good\nsuperb\n", **options)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["good", "superb"]
    done = subprocess.run([*command, " "], **options)
    assert done.returncode == 1
    assert done.stderr.decode() == "error: text 1: the text is empty: correct it, or leave it out\n"


@pytest.mark.parametrize(
    ("texts", "options", "fault"),
    [
        ([], {}, "give texts in one way"),
        (["good"], {"file": Path("a.txt")}, "give texts in one way"),
        (["good", " "], {}, "text 2: the text is empty"),
        (["good\udcff"], {}, "text 1: the line has bytes"),
        ([], {"file": Path("a.csv"), "delimiter": ";;"}, "delimiter ';;': a delimiter is one char"),
        (["good"], {"encoding": "klingon"}, "encoding 'klingon': unknown text encoding"),
        (["good"], {"dataset": "mnist"}, "mnist is not a dataset of texts"),
        (["good"], {"dataset": "unheard"}, "unknown dataset 'unheard'"),
        (["good"], {"dataset": "amazon-books"}, "amazon-books / .* is not trained yet: put"),
        (["good"], {"activation": "tanh"}, "rated / tanh / random is not trained yet: put"),
        (["good"], {"seed": 9}, "has no seed 9: use one from 0 to 2"),
        (["good"], {"run_id": "0" * 32}, "MLflow has no run 0000"),
        (["good"], {"run_id": "no/such"}, "MLflow has no run no/such"),
    ],
)
def test_impossible_requests_are_one_line(here, texts, options, fault):
    """A Problem says what, where and what to do."""
    names = {"dataset": "rated", "activation": "rectifier", "initialization": "random"}
    with pytest.raises(Problem, match=fault):
        predict.main(**(names | {"texts": texts} | options))


def test_runs_of_other_arms_are_refused(here, monkeypatch):
    """Another arm's run, a seed's run, and a store that does not answer."""
    other = run_of(Arm("sorted", "rectifier", "random"))
    faults = {
        other: "is of sorted / rectifier / random, not of rated",
        run_of(STARS, "seed"): f"is of one seed: networks are in the arm's run, {run_of(STARS)}",
    }
    for run_id, fault in faults.items():
        with pytest.raises(Problem, match=fault):
            predict.main("rated", "rectifier", "random", ["good"], run_id=run_id)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(Problem, match=r"nothing read from MLflow at http://127\.0\.0\.1:9"):
        predict.main("rated", "rectifier", "random", ["good"], run_id=other)


def test_seeds_without_a_network_are_refused(here, tmp_path, monkeypatch):
    """A seed whose every learning rate diverged has no network."""
    lines = storage.read_lines(STARS.networks / "records.jsonl")
    weights, form = STARS.networks / "weights.safetensors", STARS.ready / "train.npz"
    stack, split = weights.read_bytes(), form.read_bytes()
    monkeypatch.chdir(tmp_path)
    for path, content in ((weights, stack), (form, split)):
        storage.write_bytes(path, content)
    for line in lines:
        line["chosen"] = line["chosen"] and line["seed"] != 1
    storage.write_lines(STARS.networks / "records.jsonl", lines)
    with pytest.raises(Problem, match="every network of seed 1 diverged: use another seed"):
        prediction.from_disk(STARS, 1)
    storage.write_lines(STARS.networks / "records.jsonl", [x | {"chosen": False} for x in lines])
    with pytest.raises(Problem, match="every network diverged"):
        prediction.from_disk(STARS)
