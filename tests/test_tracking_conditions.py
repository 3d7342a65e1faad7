"""Experiments in MLflow: a run a condition, published once, the newest current."""

from dataclasses import replace

import pytest

from pipeline.experiments.conditions import catalogue, scoring
from pipeline.runtime import csv_files, storage
from pipeline.tracking import conditions, store
from tests.mlflow_runs import mannered
from tests.tables import FORM, OURS, table


@pytest.fixture
def uri(tmp_path):
    """Return the address of an empty store."""
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return the conditions of an experiment, read back from what sweep and score leave."""
    monkeypatch.chdir(tmp_path)
    mannered(monkeypatch)
    made = catalogue.conditions_of("hardness", "digits", OURS, FORM)
    about = {
        "factors": ["alpha"],
        "conditions": [condition.name for condition in made],
        "settings": {condition.name: condition.settings for condition in made},
        "device": "cpu",
        "torch": "2",
    }
    folder = tmp_path / "runs/experiments/digits/hardness"
    storage.write_json(folder / "about.json", about)
    rows = table("hardness", seeds=3)
    content = csv_files.as_csv(["alpha", *scoring.COLUMNS], rows)
    storage.write_bytes(tmp_path / "claims/digits/records/hardness.csv", content)
    return conditions.read("digits", "hardness", 0.95)


def current(uri):
    """Return the current runs by name."""
    with store.opened(uri) as client:
        experiment = client.get_experiment_by_name("digits: hardness")
        runs = client.search_runs([experiment.experiment_id], "tags.current = 'true'")
        curves = {
            run.info.run_name: client.get_metric_history(run.info.run_id, "by_seed/test_error")
            for run in runs
        }
    return {run.info.run_name: run for run in runs}, curves


def test_each_condition_is_a_run_with_its_numbers(told, uri):
    """Levels and settings are params, means metrics, single networks a curve over seeds."""
    assert conditions.publish(told, uri=uri) == len(told) == 6
    runs, curves = current(uri)
    assert set(runs) == {"1", "1.3", "2", "3", "6", "inf"}
    errors = [row["test_error"] for row in told[2].rows]
    run = runs["2"]
    assert run.data.metrics["test_error_mean"] == pytest.approx(sum(errors) / 3)
    assert run.data.metrics["test_error_low"] < run.data.metrics["test_error_mean"]
    assert run.data.params["alpha"] == "2.0"
    assert run.data.params["hidden"] == "[200, 200, 200]"
    assert [point.value for point in curves["2"]] == errors
    assert [point.step for point in curves["2"]] == [0, 1, 2]


def test_the_same_content_is_published_once(told, uri):
    """A second time nothing is new; changed content replaces the current run of its condition."""
    conditions.publish(told, uri=uri)
    assert conditions.publish(told, uri=uri) == 0
    rows = [dict(row) for row in told[0].rows]
    rows[1]["test_error"] = 0.5
    assert conditions.publish([replace(told[0], rows=rows), *told[1:]], uri=uri) == 1
    runs, curves = current(uri)
    assert len(runs) == 6
    assert curves["1"][1].value == 0.5
    assert conditions.publish(told, uri=uri) == 0
    assert current(uri)[1]["1"][1].value != 0.5


def test_a_failed_condition_has_no_means(told, uri):
    """A seed without a network leaves a run that failed, with the numbers of the others by seed."""
    rows = [dict(row) for row in told[1].rows]
    rows[0] |= dict.fromkeys(("test_error", "valid_error", "zeros"))
    failed = replace(told[1], rows=rows)
    assert conditions.publish([failed], uri=uri) == 1
    run = current(uri)[0]["1.3"]
    assert run.info.status == "FAILED"
    assert "test_error_mean" not in run.data.metrics
    assert run.data.metrics["seeds"] == 2


def test_a_store_that_is_down_is_one_warning(told, caplog):
    """Results are on disk: the stage goes on."""
    conditions.publish_or_warn(told, uri="http://127.0.0.1:9")
    assert "hardness" in caplog.text


def test_what_was_not_scored_is_not_read(told):
    """An experiment without its table is not there."""
    assert conditions.read("digits", "depth", 0.95) == []
