"""Last lines of stages: one on stdout for each, with its key figure and its place."""

import re
import shutil
from pathlib import Path

import joblib
import pytest
from typer.testing import CliRunner

from pipeline.analysis.comparison import Outcome
from pipeline.runtime import device
from stages import last_line
from stages.__main__ import app
from tests import committed, synthetic
from tests.finished import FAILED, SEEDS, failed
from tests.imports import ROOT

ARM = ("digits", "tanh", "pretrained")
PLACE = "digits/tanh-pretrained"
INTERVAL = r"\(95% interval \S+ to \S+, 2 seeds\)"
LINES = (  # in the order of the pipeline
    (("download", "digits"), "1 file, 0.1 MB: data/raw/digits"),
    (("preprocess", "digits"), "examples: train 1,000, valid 297, test 500: data/ready/digits"),
    (("pretrain", *ARM), f"2 starting networks: runs/start/{PLACE}"),
    (
        ("finetune", *ARM),
        rf"2 networks, validation error \d+\.\d\d% \(mean of 2 seeds\): runs/networks/{PLACE}",
    ),
    (("evaluate", *ARM), rf"test error \d+\.\d\d% {INTERVAL}: runs/scores/{PLACE}"),
    (("evaluate", "digits"), "1 arm scored on the test split: runs/scores/digits"),
    (("baseline", "digits"), r"constant test error \d+\.\d\d%: results/digits/baselines.csv"),
    (
        ("compare", "digits"),
        rf"1 arm, lowest test error \d+\.\d\d% {INTERVAL} of pre-trained tanh: results/digits",
    ),
    (("report",), "results of digits: report/index.html"),
    (("track",), "digits in MLflow: see `python -m stages ui`"),
)


def test_each_stage_ends_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages of a small arm, one after the other: stdout has the line, stderr has nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr(
        "pipeline.tracking.publication.published", lambda *_, **__: ["a line a run"]
    )
    monkeypatch.setattr("torch.__version__", device.PINNED_TORCH)  # another one is warned of
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    settings = synthetic.settings(seeds=2, activations=["tanh"], initializations=["pretrained"])
    content = settings.model_dump(mode="json", exclude_unset=True)
    content["datasets"]["digits"]["network"]["hidden"] = [6]
    for phase in ("pretrain", "finetune"):
        content[phase]["epochs"] = 1
    committed.write(content)
    for words, pattern in LINES:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        *others, line = result.stdout.splitlines()
        assert re.fullmatch(f"{' '.join(words)}: {pattern}", line)
        assert others == (["a line a run"] if words == ("track",) else [])
        assert result.stderr == ""


def test_figures_say_their_measure_and_seeds() -> None:
    """Ratings have their RMSE; one seed has no interval; a seed without a result is counted."""
    scores = [{"test_error": 0.5, "test_rmse": rmse, "valid_rmse": rmse} for rmse in (1.0, 1.5)]
    assert last_line.mean(scores, "valid", 2) == "validation RMSE 1.250 stars (mean of 2 seeds)"
    assert (
        last_line.mean(scores[:1], "test", 1, 0.95) == "test RMSE 1.000 stars (1 seed: no interval)"
    )
    lost = "1 of 3 seeds without a result (rates diverged)"
    assert last_line.mean(failed(), "test", SEEDS, 0.95) == lost
    assert last_line.mean([], "valid", 3) == lost.replace("1", "3")
    outcomes = [Outcome(FAILED, failed())]
    assert last_line.lowest(outcomes, 0.95) == "1 arm, none with a result for every seed"
