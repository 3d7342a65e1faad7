"""MLflow runs of table rows: conditions of experiments, and baselines of texts."""

import shutil
from pathlib import Path

import pytest

from pipeline.analysis import results
from pipeline.experiments.conditions import catalogue, scoring
from pipeline.runtime import csv_files, storage
from pipeline.tracking import runs, store, tables
from stages import track
from tests import rated
from tests.mlflow_runs import with_mlflow_defaults
from tests.tables import FORM, OURS, table


@pytest.fixture
def uri(tmp_path, monkeypatch):
    """Work in a new folder; return the address of an empty store."""
    monkeypatch.chdir(tmp_path)
    with_mlflow_defaults(monkeypatch)
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def scored(uri):
    """Return the conditions of an experiment, from the files that sweep and score leave."""
    made = catalogue.conditions_of("hardness", "digits", OURS, FORM)
    about = {
        "factors": ["alpha"],
        "conditions": [condition.name for condition in made],
        "settings": {condition.name: condition.settings for condition in made},
        "device": "cpu",
        "torch": "2",
    }
    storage.write_json(Path("runs/experiments/digits/hardness/about.json"), about)
    write(table("hardness", seeds=3))
    return read()


def write(rows):
    content = csv_files.as_csv(["alpha", *scoring.COLUMNS], rows)
    storage.write_bytes(Path("claims/digits/records/hardness.csv"), content)


def read():
    return tables.conditions("digits", "hardness", 0.95)


def changed(row, **values):
    """Return the conditions with other values in one row of the table."""
    rows = table("hardness", seeds=3)
    rows[row] |= values
    write(rows)
    return read()


def current(uri):
    """Return the current runs by name, and their test errors by seed."""
    with store.opened(uri) as client:
        experiment = client.get_experiment_by_name("digits: hardness")
        found = client.search_runs([experiment.experiment_id], "tags.current = 'true'")
        curves = {
            run.info.run_name: client.get_metric_history(run.info.run_id, "by_seed/test_error")
            for run in found
        }
    return {run.info.run_name: run for run in found}, curves


def test_each_condition_is_a_run_with_its_numbers(scored, uri):
    """Levels and settings are params, means metrics, single networks a curve over seeds."""
    assert runs.publish(scored, uri=uri) == len(scored) == 6
    by_name, curves = current(uri)
    assert set(by_name) == {"1", "1.3", "2", "3", "6", "inf"}
    errors = [row["test_error"] for row in table("hardness", seeds=3) if row["alpha"] == 2]
    run = by_name["2"]
    assert run.data.metrics["test_error_mean"] == pytest.approx(sum(errors) / 3)
    assert run.data.metrics["test_error_low"] < run.data.metrics["test_error_mean"]
    assert run.data.params["alpha"] == "2.0"
    assert run.data.params["hidden"] == "[200, 200, 200]"
    assert [point.value for point in curves["2"]] == errors
    assert [point.step for point in curves["2"]] == [0, 1, 2]


def test_the_same_content_is_published_once(scored, uri):
    """A second time nothing is new; changed content replaces the current run of its condition."""
    runs.publish(scored, uri=uri)
    assert runs.publish(scored, uri=uri) == 0
    assert runs.publish(changed(1, test_error=0.5), uri=uri) == 1
    by_name, curves = current(uri)
    assert len(by_name) == 6
    assert curves["1"][1].value == 0.5
    assert runs.publish(scored, uri=uri) == 0
    assert current(uri)[1]["1"][1].value != 0.5


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize("names", [["1", "2"], ["1", "1.3", "2", "3", "7", "inf"]])
def test_conditions_trained_again_are_published_after_their_score(names):
    """Records of the conditions before have no settings."""
    path = Path("runs/experiments/digits/hardness/about.json")
    storage.write_json(path, storage.read_json(path) | {"conditions": names})
    assert tables.conditions("digits", "hardness", 0.95) == []


@pytest.mark.usefixtures("scored")
def test_a_failed_condition_has_no_means(uri):
    """A seed without a network leaves a FAILED run with the other seeds' values."""
    lost = changed(3, **dict.fromkeys(("test_error", "valid_error", "zeros")))
    runs.publish([lost[1]], uri=uri)
    run = current(uri)[0]["1.3"]
    assert run.info.status == "FAILED"
    assert "test_error_mean" not in run.data.metrics
    assert run.data.metrics["seeds"] == 2


@pytest.mark.usefixtures("scored")
def test_an_experiment_without_scores_has_no_runs():
    """An experiment without its table is skipped."""
    assert tables.conditions("digits", "depth", 0.95) == []


@pytest.fixture
def found(uri, monkeypatch):
    """Return the results of made-up ratings in the current folder."""
    return rated.write(monkeypatch)


def test_baselines_are_runs_beside_the_arms(found, uri):
    """A run for each baseline, in the dataset's experiment, with a kind of its own."""
    assert runs.publish(tables.baselines("stars"), uri=uri) == 2
    assert runs.publish(tables.baselines("stars"), uri=uri) == 0
    rows = [row | {"test_error": 0.25} for row in found.baselines]
    content = csv_files.as_csv(list(rows[0]), rows)
    storage.write_bytes(Path("results/stars/baselines.csv"), content)
    assert runs.publish(tables.baselines("stars"), uri=uri) == 2
    with store.opened(uri) as client:
        experiment = client.get_experiment_by_name("stars")
        assert experiment.tags[store.VIEW_TAG] == store.view("stars")
        ids, where = [experiment.experiment_id], "tags.kind != 'seed' and tags.current = 'true'"
        by_name = {run.info.run_name: run for run in client.search_runs(ids, where)}
        assert len(client.search_runs(ids)) == 4
        run = by_name["logistic regression"]
        curve = client.get_metric_history(run.info.run_id, "by_seed/test_error")
    assert sorted(by_name) == ["always the same answer", "logistic regression"]
    assert run.data.tags["kind"] == "baseline"
    assert run.data.params["C"] == "[0.1]"
    assert run.data.metrics["test_error_mean"] == 0.25
    assert run.data.metrics["test_accuracy_mean"] == 0.75
    assert run.data.metrics["test_rmse_low"] < run.data.metrics["test_rmse_mean"]
    assert [point.step for point in curve] == [0, 1, 2, 3]


@pytest.mark.usefixtures("found")
def test_pairs_are_runs_in_an_experiment_of_their_own(uri):
    """A run for each tested pair, with its difference and the seeds that it needs."""
    rows = {f"{row['first']} - {row['second']}": row for row in rated_tests()[:2]}
    assert len(tables.pairs("stars")) == len(rated_tests())
    pairs = tables.pairs("stars")[:2]
    assert runs.publish(pairs, uri=uri) == 2
    assert runs.publish(pairs, uri=uri) == 0
    with store.opened(uri) as client:
        experiment = client.get_experiment_by_name("stars: pairs")
        for run in client.search_runs([experiment.experiment_id]):
            row = rows.pop(run.info.run_name)
            assert run.data.metrics["difference_mean"] == row["difference_mean"]
            assert run.data.metrics.get("seeds_needed") == row["seeds_needed"]
    assert rows == {}
    assert tables.pairs("another") == []


def rated_tests():
    return results.read_table(Path("results/stars/tests.csv"))


@pytest.mark.usefixtures("found")
def test_datasets_without_baselines_have_no_such_runs():
    """A dataset that was not scored or not compared is skipped."""
    assert tables.baselines("another") == []
    Path("results/stars/table.csv").unlink()
    assert tables.baselines("stars") == []
    assert runs.publish([], uri="sqlite:////nowhere/mlflow.db") == 0


@pytest.mark.usefixtures("found")
def test_track_sends_the_baselines(monkeypatch, uri, capsys):
    """The command prints how many are new."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    shutil.rmtree("runs/scores")
    for line in ("stars: 2 of 2 baselines published", "stars: 0 of 2 baselines published"):
        track.main()
        assert line in capsys.readouterr().out
