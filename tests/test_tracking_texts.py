"""What MLflow is told of texts: RMSE, accuracy, folds and layers of arms; baselines as runs."""

import shutil
from pathlib import Path

import pytest

from pipeline.analysis import results
from pipeline.config.arms import Arm
from pipeline.runtime import csv_files, storage
from pipeline.tracking import baselines, contents, publishing, store, view
from stages import track
from tests import rated
from tests.mlflow_runs import mannered

ARM = Arm("stars", "rectifier-1", "pretrained")


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Return the results of made-up ratings in the current folder."""
    monkeypatch.chdir(tmp_path)
    mannered(monkeypatch)
    return rated.write(monkeypatch)


def told_of(card):
    """Return a finished arm as its files tell it."""
    chosen = rated.settings("stars")
    about = storage.read_json(ARM.scores / "about.json")
    scores = storage.read_lines(ARM.scores / "records.jsonl")
    trained = storage.read_lines(ARM.networks / "records.jsonl")
    return contents.FinishedArm(
        ARM, about, 0.95, list(chosen.activations), scores, trained, [], card
    )


def test_arms_of_texts_have_rmse_accuracy_folds_and_layers(found):
    """Mean and interval on the parent; accuracy is 1 - error, its ends change places."""
    told = told_of(found.card)
    points = {point.name: point.value for point in contents.metrics_of(told)}
    row = next(row for row in found.table if results.arm_key(row) == ARM.key)
    for end in ("mean", "low", "high"):
        assert points[f"test_rmse_{end}"] == row[f"test_rmse_{end}"]
    assert points["test_accuracy_mean"] == 1 - row["test_error_mean"]
    assert points["test_accuracy_low"] == 1 - row["test_error_high"]
    assert points["test_accuracy_low"] < points["test_accuracy_mean"]
    assert points["test_accuracy_mean"] < points["test_accuracy_high"]
    said = contents.params_of(told)
    assert (said["folds"], said["layers"]) == (10, 1)


def test_seeds_of_texts_have_rmse_and_accuracy(found, monkeypatch):
    """Each child has its own."""
    told = told_of(found.card)
    monkeypatch.setattr(contents, "_training_curves", lambda chosen: [])
    points = {point.name: point.value for point in contents.seed_metrics(told, told.scores[2])}
    assert points["test_rmse"] == told.scores[2]["test_rmse"]
    assert points["test_accuracy"] == 1 - told.scores[2]["test_error"]


def test_other_data_have_no_accuracy(found):
    """Without a card of texts there is neither accuracy nor a number of folds."""
    told = told_of(found.card | {"text": None, "options": {}})
    assert not [p for p in contents.metrics_of(told) if "accuracy" in p.name]
    assert "folds" not in contents.params_of(told)


def test_baselines_are_runs_beside_the_arms(found, tmp_path):
    """One run each, in the dataset's experiment, told from the arms by a tag; published once."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    told = baselines.read("stars")
    assert baselines.publish(told, uri=uri) == 2
    assert baselines.publish(baselines.read("stars"), uri=uri) == 0
    rows = [row | {"test_error": 0.25} for row in found.baselines]
    table = csv_files.as_csv(list(rows[0]), rows)
    storage.write_bytes(Path("results/stars/baselines.csv"), table)
    assert baselines.publish(baselines.read("stars"), uri=uri) == 2
    with store.opened(uri) as client:
        experiment = client.get_experiment_by_name("stars")
        assert experiment.tags[view.TAG] == publishing.EXPERIMENT[view.TAG]
        at, current = [experiment.experiment_id], "tags.kind != 'seed' and tags.current = 'true'"
        runs = {run.info.run_name: run for run in client.search_runs(at, current)}
        assert len(client.search_runs(at)) == 4
        run = runs["logistic regression"]
        curve = client.get_metric_history(run.info.run_id, "by_seed/test_error")
    assert sorted(runs) == ["always the same answer", "logistic regression"]
    assert run.data.tags["kind"] == "baseline"
    assert run.data.params["C"] == "[0.1]"
    assert run.data.metrics["test_error_mean"] == 0.25
    assert run.data.metrics["test_accuracy_mean"] == 0.75
    assert run.data.metrics["test_rmse_low"] < run.data.metrics["test_rmse_mean"]
    assert [point.step for point in curve] == [0, 1, 2, 3]


@pytest.mark.usefixtures("found")
def test_what_has_no_baselines_has_no_such_runs():
    """Neither a dataset that was not scored nor one that was not compared has any."""
    assert baselines.read("another") == []
    Path("results/stars/table.csv").unlink()
    assert baselines.read("stars") == []
    assert baselines.publish([], uri="sqlite:////nowhere/mlflow.db") == 0


@pytest.mark.usefixtures("found")
def test_track_sends_the_baselines(monkeypatch, tmp_path, capsys):
    """The stage tells how many are new."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    shutil.rmtree("runs/scores")
    for says in ("stars: 2 of 2 baselines published", "stars: 0 of 2 baselines published"):
        track.main()
        assert says in capsys.readouterr().out
