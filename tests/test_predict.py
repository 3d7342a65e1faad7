"""New texts scored with trained networks: from disk, from MLflow, and by brute force."""

import dataclasses
import json
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
from ruamel.yaml import YAML
from scipy.sparse import csr_matrix

from pipeline import export, networks, prediction, records
from pipeline.arms import Arm
from pipeline.datasets import examples, new_texts
from pipeline.datasets.examples import Split
from pipeline.datasets.form import Form
from pipeline.datasets.new_texts import Layout
from pipeline.datasets.vocabulary import Tokens, Vocabulary
from pipeline.errors import Problem
from pipeline.params import Activation
from pipeline.prediction import Scorer
from pipeline.report import predictions
from pipeline.tracking import models, publishing, store
from stages import predict, track
from tests import finished
from tests.imports import ROOT
from tests.review_files import jsonl

STARS = Arm("rated", "rectifier", "random")
WORDS = ("dreadful", "poor", "fair", "good", "superb")
TEXT = "A superb evening, good food; word3 was unheard-of"


def reviews(count: int) -> list[dict[str, Any]]:
    """Return reviews whose words tell their stars, and their polarity."""
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
    content = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
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
        for name, value in track.MANNERS.items():
            patch.setenv(name, value)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(joblib, "cpu_count", lambda: 1)
        patch.setattr("pipeline.tracking.artifacts.figures", lambda *_, **__: {})
        with Path("params.yaml").open("w") as file:
            YAML().dump(content, file)
        jsonl(Path("mine.jsonl"), reviews(200))
        for name in ("rated", "sorted"):
            for stage in ("download", "preprocess"):
                import_module(f"stages.{stage}").main(name)
            for stage in ("pretrain", "finetune", "evaluate"):
                import_module(f"stages.{stage}").main(name, "rectifier", "random")
    return folder


@pytest.fixture
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in the folder with the trained arms."""
    monkeypatch.chdir(trained)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    for name, value in track.MANNERS.items():
        monkeypatch.setenv(name, value)
    return trained


def run_of(arm: Arm, kind: str = "arm") -> str:
    with store.opened(track.tracking_uri()) as client:
        experiment = client.get_experiment_by_name(arm.dataset)
        query = f"tags.kind = '{kind}' and tags.arm = '{arm.name}'"
        return str(client.search_runs([experiment.experiment_id], query)[0].info.run_id)


def told(capsys: pytest.CaptureFixture[str], *texts: str, dataset="rated", **options) -> list[Any]:
    capsys.readouterr()
    predict.main(dataset, "rectifier", "random", [*texts], form="json", **options)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def scorer(function: str = "rectifier", *, hidden=(7, 5), stars=True, **vocabulary) -> Scorer:
    """Return a random network of ten words, a to j twice each, and three classes."""
    terms = tuple(letter * 2 for letter in "abcdefghij")
    unit = Activation(
        function=function, l1=0, half_negated=function == "rectifier", reconstruction="linear"
    )
    stack = networks.initialize("mine", [10, *hidden, 3], [4], unit)
    vocabulary = {"terms": terms, "stars": stars} | vocabulary
    form = Form((10,), ("1", "2.5", "5"), vocabulary=Vocabulary(**vocabulary))
    return Scorer(export.module(stack, 0), form, 4)


@pytest.mark.parametrize("stars", [True, False])
@pytest.mark.parametrize(
    ("function", "hidden"), [("rectifier", (7, 5)), ("tanh", (6,)), ("tanh", ())]
)
def test_effects_are_those_of_a_network_without_the_bit(function, hidden, stars, monkeypatch):
    """Brute force: dense inputs, with each term of the text turned off, through the module."""
    monkeypatch.setattr(prediction, "ROWS", 2)  # several batches
    made = scorer(function, hidden=hidden, stars=stars)
    text = "AA cc, dd! aa jj zz yy zz"
    (said,) = made.predict([text], top=10)
    present = [0, 2, 3, 9]
    x_NI = torch.zeros(5, 10, dtype=torch.float64)
    x_NI[:, present] = 1
    x_NI[range(1, 5), present] = 0
    p_NC = made.network(x_NI).detach()
    label = int(p_NC[0].argmax())
    values_N = (p_NC[:, label] / (1 - p_NC[:, label])).log()
    if stars:
        values_N = p_NC @ torch.tensor([1, 2.5, 5], dtype=torch.float64)
        assert said.stars == pytest.approx(float(values_N[0]), rel=1e-12)
    wanted = {
        made.vocabulary.terms[i]: float(values_N[0] - value)
        for i, value in zip(present, values_N[1:], strict=True)
    }
    assert dict(said.terms) == pytest.approx(wanted, rel=1e-9)
    assert [term for term, _ in said.terms] == sorted(wanted, key=lambda t: -abs(wanted[t]))
    assert [*said.probabilities.values()] == pytest.approx(p_NC[0].tolist(), rel=1e-12)
    assert said.predicted == ("1", "2.5", "5")[label]
    assert (said.known, said.unknown) == (4, 2)
    assert said.effect_on == ("expected stars" if stars else f"log-odds of {said.predicted}")


def test_a_text_without_known_terms_gets_what_no_words_get():
    """The prediction is that of an input of zeros, and it is said so."""
    made = scorer()
    (said,) = made.predict(["zz yy"], top=3)
    zeros = made.network(torch.zeros(1, 10, dtype=torch.float64))[0].detach()
    assert [*said.probabilities.values()] == pytest.approx(zeros.tolist(), rel=1e-12)
    assert (said.known, said.unknown, said.terms) == (0, 2, [])
    assert "no term is in the vocabulary" in predictions.as_text("zz yy", said, 4)


def test_top_is_how_many_terms_are_told():
    """The largest effects remain; 0 tells none, and the counts stay."""
    made = scorer()
    texts = ["aa bb cc dd"] * 2
    for top in (0, 2):
        for whole, short in zip(
            made.predict(texts, top=9), made.predict(texts, top=top), strict=True
        ):
            assert short.terms == whole.terms[:top]
            assert short.known == len(whole.terms) == 4


def test_pairs_of_words_are_terms():
    """A vocabulary of pairs counts pairs, known and not."""
    terms = ("aa bb", "bb cc", *(f"x{n}" for n in range(8)))
    made = scorer(terms=terms, tokens=Tokens((2, 2)))
    (said,) = made.predict(["aa bb cc dd"], top=5)
    assert {term for term, _ in said.terms} == {"aa bb", "bb cc"}
    assert (said.known, said.unknown) == (2, 1)


def test_counted_terms_are_said_to_be_such(caplog):
    """Texts for a vocabulary of counted terms must come as those."""
    terms = ("aa_bb", *(f"x{n}" for n in range(9)))
    made = scorer(terms=terms, tokens=Tokens((1, 2), "_"))
    (said,) = made.predict(["aa_bb x3, x4"], top=5)
    assert {term for term, _ in said.terms} == {"aa_bb", "x4"}
    assert "counted terms" in caplog.text


def test_network_and_vocabulary_belong_together():
    """A vocabulary of another size is refused, with what to do."""
    form = Form((3,), ("no", "yes"), vocabulary=Vocabulary(("aa", "bb", "cc")))
    with pytest.raises(Problem, match="10 inputs, but the vocabulary has 3 terms: run"):
        Scorer(scorer().network, form, 0)


def test_scores_are_those_of_evaluation(here):
    """The network that scores is the one that was tested: the same errors on the test reviews."""
    made = prediction.from_disk(STARS)
    test = examples.read(STARS.ready / "test.npz")
    lines = [row["text"] for row in reviews(200)]
    rows = np.load(STARS.ready / "test.npz")["id"]
    said = [one.predicted for one in made.predict([lines[n] for n in rows], top=0)]
    truth = [made.form.class_names[y] for y in test.y_N.tolist()]
    wrong = sum(a != b for a, b in zip(said, truth, strict=True)) / len(truth)
    scores = records.read_lines(STARS.scores / "records.jsonl")
    assert wrong == pytest.approx(scores[made.seed]["test_error"])
    assert wrong < 0.5


def test_disk_and_mlflow_say_the_same(here, capsys, tmp_path, monkeypatch):
    """A run is enough: in an empty folder, without params.yaml, the same bytes come out."""
    for dataset in ("rated", "sorted"):
        arm = Arm(dataset, "rectifier", "random")
        from_disk = told(capsys, TEXT, "nothing known", dataset=dataset)
        run_id, uri = run_of(arm), track.tracking_uri()
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setenv("MLFLOW_TRACKING_URI", uri)
            assert told(capsys, TEXT, "nothing known", dataset=dataset, run_id=run_id) == from_disk


def test_json_tells_all(here, capsys):
    """An object a text: class, probabilities, stars, terms with their effects, counts."""
    (said,) = told(capsys, TEXT, top=2)
    assert said["text"] == TEXT
    assert sum(said["probabilities"].values()) == pytest.approx(1)
    expected = sum(float(name) * p for name, p in said["probabilities"].items())
    assert said["stars"] == pytest.approx(expected)
    assert max(said["probabilities"], key=said["probabilities"].get) == said["predicted"]
    assert said["effect_on"] == "expected stars"
    assert [sorted(term) for term in said["terms"]] == [["effect", "term"]] * 2
    assert said["known"] + said["unknown"] == 8
    (polarity,) = told(capsys, TEXT, dataset="sorted")
    assert polarity["stars"] is None
    assert polarity["effect_on"] == "log-odds of yes"
    assert polarity["predicted"] == "yes"
    assert polarity["terms"][0]["effect"] > 0


def test_words_tell_all(here, capsys):
    """For people: the beginning of the text, without what a terminal would obey."""
    capsys.readouterr()
    predict.main("rated", "rectifier", "random", [f"superb \x1b[31m {'long ' * 99}"])
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("superb [31m long")
    assert len(first) == predictions.SHOWN + 3
    assert any(line.startswith("  expected stars: ") for line in lines)
    assert any(line.endswith("  superb") for line in lines)


def test_the_seed_is_chosen_on_validation_or_given(here, capsys):
    """By the lowest validation error, then cost; the test error has no say."""
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
    seeds = [told(capsys, TEXT, seed=seed)[0] for seed in range(3)]
    assert [one["seed"] for one in seeds] == [0, 1, 2]
    assert seeds[0]["probabilities"] != seeds[1]["probabilities"]
    (default,) = told(capsys, TEXT)
    assert default == seeds[default["seed"]]
    run_id = run_of(STARS)
    assert told(capsys, TEXT, seed=default["seed"], run_id=run_id) == [default]
    with pytest.raises(Problem, match=r"holds the network of its best seed, ., alone"):
        predict.main("rated", "rectifier", "random", [TEXT], seed=7, run_id=run_id)


def test_files_and_streams_say_what_arguments_say(here, capsys, tmp_path, monkeypatch):
    """JSON Lines, CSV, TSV, plain text and standard input hold the same two texts."""
    texts = [TEXT, 'so "good"']
    wanted = told(capsys, *texts)
    cells = ['"so ""good"""', f'"{TEXT}"']
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"said": t}) + "\n" for t in texts))
    (tmp_path / "a.csv").write_text(f"n,said\n1,{cells[1]}\n2,{cells[0]}\n")
    (tmp_path / "a.tsv").write_text(f"n\tsaid\n1\t{cells[1]}\n2\t{cells[0]}\n")
    (tmp_path / "a.txt").write_text(f"{texts[0]}\n\n{texts[1]}\n")
    for suffix in ("jsonl", "csv", "tsv", "txt"):
        assert told(capsys, file=tmp_path / f"a.{suffix}", column="said") == wanted
    (tmp_path / "latin.txt").write_bytes("café\n".encode("latin-1"))
    assert new_texts.of_file(tmp_path / "latin.txt", Layout(encoding="latin-1")) == ["café"]


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
    ("name", "content", "fault"),
    [
        ("a.jsonl", b'{"text": "good"}\n{"text"\n', r"a\.jsonl, line 2: the line is no JSON"),
        ("a.jsonl", b'{"text": "good"}\n\n{"text": " "}\n', r"line 3: the text is empty"),
        ("a.jsonl", b'{"said": "good"}\n', r"line 1: there is no 'text'"),
        ("a.csv", b"said\ngood\n", r"line 1: there is no column 'text'; it has said: say what"),
        ("a.txt", b"good\ncaf\xe9\n", r"line 2: the line has bytes that are not of the"),
        ("a.txt", b"\xff\xfeg\0o\0", r"line 1: the file is UTF-16, not utf-8: say its encoding"),
        ("a.txt", b"\n \n", r"a\.txt has no text"),
        ("a.pdf", b"good\n", r"a\.pdf ends neither in \.jsonl, \.csv nor \.txt"),
        ("none.txt", None, r"none\.txt cannot be read \(No such file"),
        (".", None, r"cannot be read \(Is a directory"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path, name, content, fault):
    """No line is left out in silence."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Problem, match=fault):
        new_texts.read([], tmp_path / name, Layout())


@pytest.mark.parametrize(
    ("texts", "options", "fault"),
    [
        ([], {}, "say what to score"),
        (["good"], {"file": Path("a.txt")}, "say what to score"),
        (["good", " "], {}, "text 2: the text is empty"),
        (["good\udcff"], {}, "text 1: the line has bytes"),
        (["good"], {"encoding": "klingon"}, "encoding 'klingon': there is no such encoding"),
        (["good"], {"dataset": "mnist"}, "mnist is not a dataset of texts"),
        (["good"], {"dataset": "unheard"}, "unknown dataset 'unheard'"),
        (["good"], {"dataset": "amazon-books"}, "amazon-books / .* is not trained yet: put"),
        (["good"], {"activation": "tanh"}, "rated / tanh / random is not trained yet: put"),
        (["good"], {"seed": 9}, "has no seed 9: use one from 0 to 2"),
        (["good"], {"run_id": "0" * 32}, "MLflow has no run 0000"),
        (["good"], {"run_id": "no/such"}, "MLflow has no run no/such"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(here, texts, options, fault):
    """A Problem says what, where and what to do."""
    names = {"dataset": "rated", "activation": "rectifier", "initialization": "random"}
    with pytest.raises(Problem, match=fault):
        predict.main(**(names | {"texts": texts} | options))


def test_runs_of_others_are_refused(here, monkeypatch):
    """Another arm's run, a seed's run, and a store that does not answer."""
    other = run_of(Arm("sorted", "rectifier", "random"))
    faults = {
        other: "is of sorted / rectifier / random, not of rated",
        run_of(STARS, "seed"): f"is of one seed: networks are with the arm's run, {run_of(STARS)}",
    }
    for run_id, fault in faults.items():
        with pytest.raises(Problem, match=fault):
            predict.main("rated", "rectifier", "random", ["good"], run_id=run_id)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(Problem, match=r"nothing read from MLflow at http://127\.0\.0\.1:9"):
        predict.main("rated", "rectifier", "random", ["good"], run_id=other)


def own_split(terms: tuple[str, ...], *others: Split) -> Split:
    form = Form((2,), ("no", "yes"), vocabulary=Vocabulary(terms))
    return Split(csr_matrix(np.eye(2, dtype=np.uint8)), np.arange(2), form, others=others)


def test_each_seed_has_the_vocabulary_of_its_split(tmp_path, monkeypatch):
    """Where every seed has a fold of its own, so has it a vocabulary; from disk and from MLflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    arm, params = finished.RANDOM, finished.settings(seeds=2)
    finished.write(arm, params)
    lines = records.read_lines(arm.networks / "records.jsonl")
    for line in lines:
        line["valid_error"] = 0.1 if line["seed"] == 1 else 0.2
    records.write_lines(arm.networks / "records.jsonl", lines)
    unit = params.activation(arm.activation)
    stack = networks.initialize("mine", [2, 3, 2], range(2), unit)
    networks.save(stack, arm.networks / "weights.safetensors")
    for part in ("train", "valid"):
        own = own_split(("aa", "bb"), own_split(("cc", "aa")))
        examples.write(own, arm.ready / f"{part}.npz")
    assert prediction.from_disk(arm, 0).vocabulary.terms == ("aa", "bb")
    best = prediction.from_disk(arm)
    assert (best.seed, best.vocabulary.terms) == (1, ("cc", "aa"))
    monkeypatch.setattr("pipeline.tracking.artifacts.figures", lambda *_, **__: {})
    uri = track.tracking_uri()
    publishing.publish(arm, params, uri=uri)
    again = models.from_run(arm, run_of(arm), uri=uri)
    assert (again.seed, again.form) == (1, dataclasses.replace(best.form, repeats=1))
    assert [*again.predict(["aa"], top=1)] == [*best.predict(["aa"], top=1)]


def test_seeds_without_a_network_are_refused(here, tmp_path, monkeypatch):
    """Where every rate diverged there is nothing to score with."""
    lines = records.read_lines(STARS.networks / "records.jsonl")
    weights, form = STARS.networks / "weights.safetensors", STARS.ready / "train.npz"
    stack, split = weights.read_bytes(), form.read_bytes()
    monkeypatch.chdir(tmp_path)
    for path, content in ((weights, stack), (form, split)):
        records.write_bytes(path, content)
    for line in lines:
        line["chosen"] = line["chosen"] and line["seed"] != 1
    records.write_lines(STARS.networks / "records.jsonl", lines)
    with pytest.raises(Problem, match="every network of seed 1 diverged: use another seed"):
        prediction.from_disk(STARS, 1)
    records.write_lines(STARS.networks / "records.jsonl", [x | {"chosen": False} for x in lines])
    with pytest.raises(Problem, match="every network diverged"):
        prediction.from_disk(STARS)
