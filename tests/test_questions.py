"""Questions: recognized files, bad questions in one line, interruption, words of answers."""

import gzip
import json
import shutil
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.analysis.comparison import Outcome
from pipeline.analysis.sequential import PairDecision, Verdict
from pipeline.config import params
from pipeline.config.arms import Arm
from pipeline.questions import looks, workspace
from pipeline.questions.question import checked
from pipeline.questions.recommendation import recommendation
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from stages.__main__ import app
from tests import own_data
from tests.imports import ROOT
from tests.killed import Killed, count_epochs, kill_after_checkpoint
from tests.questions import question

CLASSES = ("setosa", "virginica")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with params.yaml and dvc.yaml, the working directory; no MLflow and one process."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr("stages.track.main", lambda: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "unused")
    return tmp_path


def ask(*words: str) -> Result:
    return CliRunner().invoke(app, ["ask", *words])


def csv(path: Path, labels: list[object], columns: int = 3) -> str:
    """Write a table whose first column tells two classes apart, mostly."""
    rng = np.random.default_rng(0)
    names = [f"x{n}" for n in range(columns)]
    lines = [",".join([*names, "label"])]
    for n, label in enumerate(labels):
        x = rng.normal(size=columns) + (n % 2)
        lines.append(",".join([*map(str, x), str(label)]))
    path.write_text("\n".join(lines) + "\n")
    return str(path)


BAD = {
    "regression": ([0.5 * n for n in range(30)], "30 different numbers in 30 rows: a quantity"),
    "counts": ([7 * n for n in range(40)] * 2, "a quantity and no class"),
    "one class": (["a"] * 30, "has only one class, a: add another"),
    "three rows": (["a", "b", "a"], "class a of data.csv has 2 examples to share between"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_labels_are_refused_in_one_line(project: Path, case: str) -> None:
    """A regression target, one class and too few rows each give one line with a remedy."""
    labels, message = BAD[case]
    csv(Path("data.csv"), labels)
    result = ask("data.csv")
    assert result.exit_code == 1
    assert message in result.output.replace("../../", "")
    assert [line for line in result.output.splitlines() if not line.startswith("error: ")] == []


def test_bad_options_are_refused_in_one_line(project: Path) -> None:
    """Absent files and columns, unknown units, single arms, odd budgets, unusable files.

    No folder is made outside `questions`.
    """
    data = csv(Path("data.csv"), [*CLASSES] * 15)
    Path("empty.csv").write_text("a,b,label\n" + "1,,x\n2,,y\n" * 10)
    Path("data.xlsx").write_bytes(b"PK")
    Path("emoji.csv").write_text("text,label\n" + "\U0001f600,a\n\U0001f601,b\n" * 9)
    Path("array.json").write_text('[{"text": "a b", "label": 1}, {"text": "c d", "label": 2}]')
    Path("empty.json").write_text("\n")
    Path("nothing.csv").touch()
    Path("rows.csv").write_text("1.5,2,a\n2.5,3,b\n" * 9)
    Path("cut.csv.gz").write_bytes(gzip.compress(Path(data).read_bytes())[:-9])
    Path("long.csv.gz").write_bytes(gzip.compress(b"a,b,label\n" + bytes(1 << 24)))
    own_data.classes(Path("pictures"), {"a": 3, "b": 3})
    bomb = own_data.png(60_000, 60_000, zlib.compress(b"\0" * 99))
    Path("pictures/a/bomb.png").write_bytes(bomb)
    for words, message in (
        (["absent.csv"], "no such file or folder, and no dataset of params.yaml"),
        ([data, "--label", "kind"], "has no column 'kind'; it has x0, x1, x2, label"),
        ([data, "--activations", "relu,tanh"], "unknown activation 'relu'"),
        ([data, "--activations", "tanh"], "a comparison needs two arms"),
        ([data, "--initializations", "zero"], "initializations = ['zero'] is wrong"),
        ([data, "--margin", "0"], "margin = 0.0 is wrong"),
        ([data, "--set", "valid"], "--set valid: expected NAME=VALUE"),
        ([data, "--set", "valid=2", "--set", "test=0.1"], "valid: input should be less than 1"),
        ([data, "--set", "text=body"], "has no column 'body'; it has x0, x1, x2"),
        ([data, "--budget", "long"], "give a time such as 90s, 20m or 2h"),
        (["empty.csv"], "column b is empty in every row: remove it"),
        ([data, "--name", "../mine"], "'../mine' is not a valid name of a question"),
        ([".csv"], "'' is not a valid name of a question"),
        (["emoji.csv"], "no review has a term, a word of two letters or more: give texts"),
        (
            ["array.json"],
            "array.json, line 1: the line is not a JSON object: expected a JSON object",
        ),
        (["empty.json"], "empty.json: expected a JSON object in each line"),
        (["nothing.csv"], "nothing.csv is empty, or begins with an empty line"),
        (["rows.csv"], "the first line seems to be a row, not a header, since 1.5 is also a cell"),
        (["cut.csv.gz"], "cut.csv.gz is a damaged gzip file"),
        (["long.csv.gz"], "long.csv.gz, line 2: more than 16777216 characters"),
        (["pictures"], "pictures/a/bomb.png has more than"),
        (["data.xlsx"], "expected a folder of images, or a file that ends in one of"),
    ):
        result = ask(*words)
        assert result.exit_code == 1
        assert message in result.output
        assert len(result.output.splitlines()) == 1
        shutil.rmtree("questions", ignore_errors=True)


def test_splits_are_those_of_the_options(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a question that was refused for its budget, another label makes other splits.

    Messages about the files have the path and the options of the command.
    """
    monkeypatch.setattr("pipeline.questions.cost.trial", lambda *_: 1e6)
    rows = "".join(f"{n},{n % 4},{n % 3 + 7}\n" for n in range(60))
    Path("data.csv").write_text(f"a,color,shape\n{rows}")
    for label, names in (("color", "4: 0 (15)"), ("shape", "3: 7 (20)")):
        output = ask("data.csv", "--label", label).output
        assert f"classes: {names}" in output
        assert "exceed the budget" in output
    card = json.loads(Path("questions/data/results/data/card.json").read_text())
    assert card["options"]["label"] == "shape"
    Path("data.csv").write_text(f"a,color,shape\n{rows}one,1,7\n")
    assert ask("data.csv", "--label", "shape").output.startswith("error: data.csv, line 62, col")
    Path("data.csv").write_text("text,label\n" + "some words,x\nmore words,y\n" * 30)
    output = ask("data.csv", "--set", "terms=99").output
    assert output.startswith("error: --set terms = 99, but the")


def test_names_of_classes_are_printable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign that turns the direction of writing is shown as an escape."""
    monkeypatch.setattr("pipeline.questions.cost.trial", lambda *_: 1e6)
    output = ask(csv(Path("data.csv"), ["a\u202e", "b"] * 15)).output
    assert "classes: 2: a\\u202e (15), b (15)" in output


def test_links_of_a_question_follow_a_moved_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links are relative; absolute ones of earlier versions, which dangle, are made again."""
    root = tmp_path / "here"
    (root / "questions/q/runs").mkdir(parents=True)
    (root / "questions/q/runs/trained").symlink_to(tmp_path / "there/runs/trained")
    monkeypatch.chdir(root)
    workspace.furnish(Path("questions/q"))
    monkeypatch.chdir(tmp_path)
    moved = root.rename(tmp_path / "elsewhere")
    (moved / "runs/trained/network").touch()
    assert (moved / "questions/q/runs/trained/network").exists()


def test_paths_of_a_dataset_start_at_the_folder_of_its_question(tmp_path: Path) -> None:
    """Single paths, lists of them, and files of unlabeled reviews."""
    base = params.load(ROOT / "params.yaml")
    made = {"network": {"hidden": [2]}, "preprocess": {}, "pretrain": {}, "finetune": {}}
    source = {"reviews": ["a.jsonl", "b.jsonl"], "unlabeled": "c.jsonl", "title": "Mine"}
    block = params.Dataset.model_validate({"source": source, **made})
    settings = base.model_copy(update={"datasets": {"mine": block}})
    found, _ = workspace.dataset_of(question(data="mine"), settings, Path("questions/q"))
    up = [f"../../{name}.jsonl" for name in "abc"]
    assert found.source == {"reviews": up[:2], "unlabeled": up[2], "title": "Mine"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"backgroud": "black"}, "backgroud: extra inputs"),
        ({"valid": 0.6, "test": 0.5}, "is wrong: valid and test leave"),
        ({"valid": 3}, "valid: input should be less than 1"),
        ({"label": "kind"}, "give --label in place of --set label"),
    ],
)
def test_wrong_options_of_preprocess_are_refused(options: dict[str, Any], says: str) -> None:
    """The Problem names the option."""
    arms = {"activations": ["rectifier", "tanh"], "initializations": ["random"]}
    given = {"dataset": "q", "looks": [2], "preprocess": options, **arms}
    with pytest.raises(Problem, match=says):
        checked(given, params.load(ROOT / "params.yaml"))


@pytest.mark.parametrize("path", ["./digits", "digits/", "a/../digits"])
def test_a_path_is_no_name_of_a_dataset(path: str) -> None:
    """A folder `digits` is the user's own; its question does not take the dataset's name."""
    settings = params.load(ROOT / "params.yaml")
    data = workspace.normalized(path, settings)
    assert data not in settings.datasets
    assert Path(data) == Path("digits")
    assert workspace.folder_of(data, settings, None).name == "my-digits"
    assert workspace.normalized("digits", settings) == "digits"
    with pytest.raises(Problem, match="--name mnist is the name of a dataset"):
        workspace.folder_of("a.csv", settings, "mnist")


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"label": "kind"}, "--label"),
        ({"scaling": "range"}, "--scaling"),
        ({"preprocess": {"valid": 0.3}}, "--set"),
    ],
)
def test_options_of_files_are_refused_for_a_dataset(
    tmp_path: Path, given: dict[str, Any], option: str
) -> None:
    """They would have no effect: params.yaml has the options of its datasets."""
    settings = params.load(ROOT / "params.yaml")
    with pytest.raises(Problem, match=f"{option} has no effect on digits, a dataset"):
        workspace.question_of(tmp_path, settings, {"data": "digits", **given}, {})


def test_a_tab_may_be_written_as_in_a_shell() -> None:
    """Two characters, a backslash and t."""
    assert question(preprocess={"delimiter": "\\t"}).preprocess == {"delimiter": "\t"}


def small(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ask small questions without a trial; return a list that collects networks by epoch."""
    monkeypatch.setattr("pipeline.questions.question.MOST_EPOCHS", 3)
    monkeypatch.setattr("pipeline.questions.question.FEWEST_EPOCHS", 3)
    monkeypatch.setattr("pipeline.questions.question.HIDDEN", (6,))
    monkeypatch.setattr("pipeline.questions.workspace.LOOKS", (2, 4))
    monkeypatch.setattr("pipeline.questions.cost.trial", lambda *_: 0.0)
    return count_epochs(monkeypatch)


def test_an_interrupted_question_goes_on(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at its second look and asked again: no network twice, the files of one run."""
    epochs = small(monkeypatch)
    words = (csv(Path("data.csv"), [*CLASSES] * 40), "--activations", "rectifier,tanh")
    words = (*words, "--margin", "0.01", "--budget", "1h")
    assert ask(*words).exit_code == 0
    whole, networks = Path("questions/data").rename("whole"), sum(epochs)
    assert networks == 2 * 4 * 3 * 3  # arms, seeds, rates, epochs
    shutil.rmtree("runs")
    epochs.clear()
    monkeypatch.setattr("pipeline.training.loop.CHECKPOINT_SECONDS", -1)
    with monkeypatch.context() as patch:
        # within the last arm's new networks
        kill_after_checkpoint(patch, lambda: sum(epochs) > networks - 9)
        with pytest.raises(Killed):
            CliRunner().invoke(app, ["ask", *words], catch_exceptions=False)
    assert sum(epochs) < networks
    written = Path("questions/data/runs/written/results/data/runs.csv")
    storage.write_bytes(written, b"hash of a table of an earlier run")
    settings = Path("questions/data/params.yaml").read_bytes()
    assert json.loads(settings)["run"]["seeds"] == 4
    again = ask("./data.csv")
    assert again.exit_code == 0
    assert "4 seeds: " in again.output
    assert "2 seeds: " not in again.output
    assert sum(epochs) == networks
    for file in ("answer.json", "params.yaml", "results/data/runs.csv", "results/data/tests.csv"):
        assert (whole / file).read_bytes() == Path("questions/data", file).read_bytes()
    changed = ask("data.csv", "--margin", "1")
    assert "has margin = 0.01, which is fixed before" in changed.output


def test_the_budget_ends_a_question(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that would end after the budget is not trained; the first one fits, or nothing runs.

    The user's params.yaml stays as it was.
    """
    small(monkeypatch)
    before = Path("params.yaml").read_bytes()
    data = csv(Path("data.csv"), [*CLASSES] * 40)
    monkeypatch.setattr("pipeline.questions.workspace.LOOKS", (2, 8))
    monkeypatch.setattr("pipeline.questions.cost.trial", lambda *_: 1.0)
    refused = ask(data, "--activations", "rectifier,tanh", "--budget", "17s")
    assert refused.exit_code == 1
    assert "at most 36 s for 2 seeds, 2.4 min for 8" in refused.output
    assert (
        "2 seeds exceed the budget by far: give at least --budget 20s, or fewer" in refused.output
    )
    assert [*Path("questions").rglob("dvc.yaml")] == []  # without params.yaml it would stop DVC
    assert ask(data, "--activations", "rectifier,tanh", "--budget", "17.9s").exit_code == 1
    result = ask(data, "--activations", "rectifier,tanh", "--margin", "0.01", "--budget", "20s")
    assert result.exit_code == 0
    assert "2 seeds: " in result.output
    assert "8 seeds: " not in result.output
    assert "the same command with --budget" in result.output
    assert Path("params.yaml").read_bytes() == before


def decision(first: str, second: str, verdict: Verdict, difference: float) -> PairDecision:
    needed = 23 if verdict == "open" else None
    ends = (difference - 0.25, difference + 0.25)
    return PairDecision(
        f"{first}-random", f"{second}-random", verdict, difference, *ends, 8, needed, None
    )


def outcome(activation: str, error: float | None) -> Outcome:
    return Outcome(Arm("d", activation, "random"), [{"seed": 0, "test_error": error}])


def test_recommendations_are_three_sentences() -> None:
    """A winner, a leader with an equivalent and an open arm, and no winner; then failed arms."""
    arms = [outcome("tanh", 0.03), outcome("elu", 0.02), outcome("gelu", 0.021)]
    won = [
        decision("tanh", "elu", "higher", 1.0),
        decision("tanh", "gelu", "higher", 0.9),
        decision("elu", "gelu", "lower", -0.3),
    ]
    clear = recommendation(looks.Answer(arms, won), 0.5, 0.05)
    assert clear == (
        "Take elu: it makes the fewest test errors, 2.00% on average over 8 seeds. It makes fewer "
        "than gelu by 0.30 points (0.05 to 0.55) and tanh by 1.00 points (0.75 to 1.25); with 95% "
        "confidence, every range in brackets is right. Every other arm is shown to make more "
        "errors."
    )
    near = [won[0], decision("tanh", "gelu", "open", 0.9), decision("elu", "gelu", "equivalent", 0)]
    text = recommendation(looks.Answer(arms, near), 0.5, 0.05)
    assert text.startswith("Take elu: no arm is shown to make fewer test errors than its 2.00% on")
    assert text.endswith("Equivalent to elu within 0.5 points: gelu.")
    other = [
        decision("tanh", "elu", "open", 1.0),
        decision("tanh", "gelu", "higher", 0.9),
        decision("elu", "gelu", "open", -0.3),
    ]
    text = recommendation(looks.Answer(arms, other), 0.5, 0.05)
    assert text.startswith("Take elu: no arm is shown to make fewer")  # gelu is shown to beat tanh
    turned = [won[0], won[1], decision("elu", "gelu", "higher", -0.3)]
    text = recommendation(looks.Answer(arms, turned), 0.5, 0.05)
    assert text.startswith("Take gelu: no arm is shown to make fewer test errors than its 2.10%")
    assert (
        "It makes fewer than tanh by 0.90 points (0.65 to 1.15); an earlier look decided for"
        in text
    )
    assert " gelu against elu, " in text
    assert "0.30 points" in text
    assert "over all seeds" in text
    none = [decision("tanh", "elu", "open", 1.0)]
    failed = [*arms[:2], outcome("silu", None)]
    text = recommendation(looks.Answer(failed, none), 0.5, 0.05)
    assert text.startswith("No arm is shown to be better; elu makes the fewest test errors, 2.00%")
    assert "Not decided against elu: tanh (about 23 seeds would decide)." in text
    assert text.endswith("Not compared, since all learning rates of a seed diverged: silu.")
    far = replace(none[0], seeds_needed=7999)
    text = recommendation(looks.Answer(arms[:2], [far]), 0.5, 0.05)
    assert "tanh (about more than 1,000 seeds" not in text
    assert "tanh (more than 1,000 seeds would decide)" in text


def test_answers_on_ratings_say_that_they_count_errors() -> None:
    """The report ranks arms of ratings by the RMSE of expected stars, a question by errors."""
    rated = [
        Outcome(one.arm, [record | {"test_rmse": 1.0} for record in one.records])
        for one in (outcome("tanh", 0.03), outcome("elu", 0.02))
    ]
    decisions = [decision("tanh", "elu", "higher", 1.0)]
    text = recommendation(looks.Answer(rated, decisions), 0.5, 0.05)
    assert "any wrong rating counts as one error here, near or far" in text


def test_the_answer_comes_last(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of MLflow and the address of the report stand before it; oddities are notes."""
    small(monkeypatch)
    monkeypatch.setattr("stages.track.main", lambda: typer.echo("published"))
    data = csv(Path("data.csv"), [*CLASSES] * 40)
    lines = ask(data, "--activations", "rectifier,tanh", "--budget", "1h").output.splitlines()
    answer = json.loads(Path("questions/data/answer.json").read_text())["recommendation"]
    assert lines[-1] == answer
    assert {"published", *(line for line in lines if line.startswith("Report:"))} < {*lines[:-1]}
    assert any(line.startswith("note:    one test example is") for line in lines)
