"""MLflow runs of a finished arm: their metrics, curves, params, figures and model."""

import json
import subprocess
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.analysis import results
from pipeline.config.arms import Arm
from pipeline.evaluation import torch_module
from pipeline.runtime import storage
from pipeline.tracking import arms, finished_arm, runs, store
from tests import rated, synthetic
from tests.finished import (
    EPOCHS,
    FAILED,
    PRETRAINED,
    RANDOM,
    SEEDS,
    best_of,
    failed,
    fine_tuning,
    settings,
    stack_of,
    write,
)
from tests.mlflow_runs import one, publish, runs_of, with_mlflow_defaults


@pytest.fixture(scope="module")
def published(tmp_path_factory, empty_store):
    """Return a client of a store with three arms, to be read only; one of them failed."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("published")
    uri = f"sqlite:///{folder}/mlflow.db"
    with chdir(folder):
        Path("mlflow.db").write_bytes(empty_store)
        for arm, scores in ((RANDOM, best_of(1)), (PRETRAINED, None), (FAILED, failed())):
            write(arm, settings(), scores)
            runs.publish(arms.read(arm, settings()), uri=uri)
    return MlflowClient(uri)


def parent_of(client, arm):
    return one(client, f"tags.kind = 'arm' and tags.arm = '{arm.name}' and tags.current = 'true'")


def child_of(client, arm, seed):
    return one(client, f"params.seed = '{seed}' and tags.arm = '{arm.name}'")


def test_an_arm_is_a_parent_run_with_a_child_a_seed(published):
    """The experiment is the dataset, the parent has the arm's name, the children are its seeds."""
    parent = parent_of(published, RANDOM)
    children = runs_of(published, f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    experiment = published.get_experiment(parent.info.experiment_id)
    assert experiment.name == "digits"
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    location = Path(experiment.artifact_location)
    assert location.is_absolute()
    assert location.parts[-2:] == ("mlartifacts", "digits")
    assert (parent.info.run_name, parent.info.status) == ("digits / rectifier / random", "FINISHED")
    assert sorted(run.info.run_name for run in children) == ["seed 0", "seed 1", "seed 2"]
    assert {run.info.status for run in children} == {"FINISHED"}


def test_a_parent_has_the_numbers_of_the_table(published):
    """The parent's metrics are those of table.csv, with zeros by layer."""
    metrics = parent_of(published, RANDOM).data.metrics
    errors = [score["test_error"] for score in best_of(1)]
    assert metrics["test_error_mean"] == pytest.approx(np.mean(errors))
    assert metrics["test_error_std"] == pytest.approx(np.std(errors, ddof=1))
    assert metrics["test_error_low"] < metrics["test_error_mean"] < metrics["test_error_high"]
    assert metrics["zeros_layer_2_mean"] == pytest.approx(0.74)
    assert metrics["seeds"] == SEEDS


def test_a_parent_has_the_mean_validation_curve(published):
    """The curve counts epochs from 1 and averages the chosen networks of all seeds."""
    run_id = parent_of(published, RANDOM).info.run_id
    curve = published.get_metric_history(run_id, "by_epoch/valid_error")
    chosen = [line["valid_errors"] for line in fine_tuning(best_of(1)) if line["chosen"]]
    assert [point.value for point in curve] == pytest.approx(np.mean(chosen, 0))
    assert [point.step for point in curve] == [1, 2, 3, 4, 5]


def test_a_child_repeats_the_arms_params_and_adds_its_own(published):
    """MLflow's filters by params see a child's own params alone."""
    parent = parent_of(published, PRETRAINED).data.params
    child = child_of(published, PRETRAINED, 1).data.params
    assert parent.items() <= child.items()
    assert parent["pretrain.corruption"] == "0.25"
    assert parent["hidden"] == "[6, 6]"
    assert child["learning_rate"] == "0.1"
    assert child["pretrain_learning_rates"] == "[0.1, 0.01]"


def test_params_of_pretraining_are_those_of_pretrained_arms(client):
    """An arm with random starts has no params of auto-encoders."""
    write(RANDOM, settings())
    params = arms.params_of(finished_arm.read(RANDOM, settings()))
    assert not [name for name in params if "pretrain" in name or name == "reconstruction"]


def test_a_child_has_the_scores_of_its_seed(published):
    """The scores are those of the chosen network, not those of its last epoch."""
    score = synthetic.scores(PRETRAINED, SEEDS)[2]
    metrics = child_of(published, PRETRAINED, 2).data.metrics
    names = ["test_error", "valid_error", "zeros", "dead_units", "best_epoch"]
    assert {name: metrics[name] for name in names} == {name: score[name] for name in names}
    assert metrics["zeros_layer_1"] == 0


def test_a_child_has_its_chosen_networks_curves(published):
    """Curves go by epoch, layers count from 1, and an epoch that is not finite has no point."""
    run_id = child_of(published, PRETRAINED, 2).info.run_id

    def curve(name):
        return [point.value for point in published.get_metric_history(run_id, name)]

    assert curve("by_epoch/train_cost") == [1, 1 / 2, 1 / 3, 1 / 4]
    assert (
        curve("by_epoch/valid_error")[-1] == synthetic.scores(PRETRAINED, SEEDS)[2]["valid_error"]
    )
    assert curve("by_epoch/zeros_layer_2") == [0.25] * EPOCHS
    assert curve("by_epoch/gradient_norm_layer_3") == [0.3] * EPOCHS
    assert curve("pretraining/reconstruction_layer_2") == [3, 2, 1.5]


def test_arms_have_colors_of_their_own(client):
    """Charts show each arm in the report's color."""
    for arm in (RANDOM, PRETRAINED, FAILED, Arm("digits", "tanh", "random")):
        write(arm, settings())
        publish(arm, settings())
    parents = runs_of(client, "tags.kind = 'arm'")
    assert len({run.data.tags["mlflow.runColor"] for run in parents}) == 4


def test_the_model_is_the_best_seeds_by_validation_and_loads(published, monkeypatch):
    """The model is a plain torch module with the network's outputs; test errors choose nothing."""
    from mlflow import pytorch

    run_id = parent_of(published, RANDOM).info.run_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", published.tracking_uri)
    model = pytorch.load_model(f"runs:/{run_id}/model")
    assert type(model) is torch.nn.Sequential
    stack = stack_of(RANDOM, settings())
    x_NI = torch.rand(7, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(x_NI), torch_module.module(stack, 1)(x_NI))
    assert not torch.equal(model(x_NI), torch_module.module(stack, 0)(x_NI))


def test_the_model_has_a_signature_an_example_and_its_requirements(published, monkeypatch):
    """The model states its inputs, its outputs and the packages that it needs."""
    from mlflow.models import get_model_info

    monkeypatch.setenv("MLFLOW_TRACKING_URI", published.tracking_uri)
    parent = parent_of(published, RANDOM)
    models = published.search_logged_models([parent.info.experiment_id])
    folder = Path(
        next(m.artifact_location for m in models if m.source_run_id == parent.info.run_id)
    )
    signature = get_model_info(str(folder)).signature
    assert json.loads((folder / "input_example.json").read_text()) == [[0.0] * 64] * 3
    assert signature.inputs.inputs[0].shape == (-1, 64)
    assert signature.outputs.inputs[0].shape == (-1, 2)
    torch_line = f"torch=={torch.__version__.partition('+')[0]}"
    assert torch_line in (folder / "requirements.txt").read_text().splitlines()


def test_equal_validation_errors_fall_to_the_lower_cost(client):
    """The best seed is the one with the lower validation cost, then the first."""
    arm, params = RANDOM, settings()
    write(arm, params)
    lines = storage.read_lines(arm.networks / "records.jsonl")
    for line in lines:
        line |= {"valid_error": 0.1, "valid_cost": [0.5, 0.4, 0.4][line["seed"]]}
    storage.write_lines(arm.networks / "records.jsonl", lines)
    assert finished_arm.read(arm, params).best["seed"] == 1


def test_the_parent_has_the_figures_and_the_dataset(published):
    """The parent shows three figures, and names its training examples by digest."""
    parent = parent_of(published, RANDOM)
    paths = [file.path for file in published.list_artifacts(parent.info.run_id, "figures")]
    names = ["first-layer-filters", "validation-curve", "zeros-by-layer"]
    assert paths == [f"figures/{name}.svg" for name in names]
    (found,) = parent.inputs.dataset_inputs
    assert found.dataset.name == "digits"
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    assert json.loads(found.dataset.profile) == {"examples": 4, "shape": [8, 8]}


def test_a_failed_arm_has_its_finished_seeds(published):
    """An arm with a seed that diverged is FAILED and has no averages; its other seeds are sound."""
    parent = parent_of(published, FAILED)
    assert parent.info.status == "FAILED"
    assert parent.data.metrics == {"seeds": 2}
    lost, sound = (child_of(published, FAILED, seed) for seed in (0, 1))
    assert (lost.info.status, sound.info.status) == ("FAILED", "FINISHED")
    assert lost.data.params["diverged"] == "[0.1, 0.01]"
    assert sound.data.metrics["test_error"] == failed()[1]["test_error"]


def test_runs_name_their_commit_and_device(client):
    """Each run names the commit of the checkout and the device of the training."""
    write(RANDOM, settings())
    commit = ["git", "-c", "user.name=me", "-c", "user.email=me", "commit", "--allow-empty", "-qmx"]
    for command in (["git", "init", "-q"], commit):
        subprocess.run(command, check=True)
    publish(RANDOM, settings())
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    for run in runs_of(client):
        assert run.data.tags["mlflow.source.git.commit"] == head.stdout.strip()
        assert run.data.tags["device"] == "cpu"


def test_the_experiment_shares_a_view_of_its_arms(client):
    """The shared view that links open is a tag of the experiment; a changed one is restored."""
    write(RANDOM, settings())
    publish(RANDOM, settings())
    number = client.get_experiment_by_name("digits").experiment_id
    client.set_experiment_tag(number, store.VIEW_TAG, "changed")
    publish(RANDOM, settings())
    shared = json.loads(client.get_experiment(number).tags["mlflow.sharedViewState.arms"])
    order = [shared["orderByKey"]]
    (parent,) = client.search_runs([number], shared["searchFilter"], order_by=order)
    names = [column.split("`")[1] for column in shared["selectedColumns"]]
    assert set(names) <= parent.data.metrics.keys()


def test_a_long_curve_is_logged_whole(client):
    """MLflow splits more metrics than it takes in one call."""
    points = [runs.Point("curve", n / 2, n) for n in range(1500)]
    long = runs.Content("digits", "arm", "long", "0", {"seed": 0}, points, {})
    runs.publish([long], uri=client.tracking_uri)
    history = client.get_metric_history(one(client, "params.seed = '0'").info.run_id, "curve")
    assert [(point.step, point.value) for point in history] == [(n, n / 2) for n in range(1500)]


RATED = Arm("stars", "rectifier-1", "pretrained")


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Return the results of made-up ratings in the current folder."""
    monkeypatch.chdir(tmp_path)
    with_mlflow_defaults(monkeypatch)
    return rated.write(monkeypatch)


def finished_of(card):
    """Return an arm of ratings, read from its files."""
    scores, trained = (
        storage.read_lines(path / "records.jsonl") for path in (RATED.scores, RATED.networks)
    )
    about = storage.read_json(RATED.scores / "about.json")
    order = list(rated.settings("stars").activations)
    return finished_arm.FinishedArm(RATED, about, 0.95, order, scores, trained, [], card)


def test_arms_of_texts_have_rmse_accuracy_folds_and_layers(found):
    """Mean and interval on the parent; accuracy is 1 - error, its ends change places."""
    finished = finished_of(found.card)
    points = {point.name: point.value for point in arms.points_of(finished)}
    row = next(row for row in found.table if results.arm_key(row) == RATED.key)
    for end in ("mean", "low", "high"):
        assert points[f"test_rmse_{end}"] == row[f"test_rmse_{end}"]
    assert points["test_accuracy_mean"] == 1 - row["test_error_mean"]
    assert points["test_accuracy_low"] == 1 - row["test_error_high"]
    assert points["test_accuracy_low"] < points["test_accuracy_mean"]
    assert points["test_accuracy_mean"] < points["test_accuracy_high"]
    params = arms.params_of(finished)
    assert (params["folds"], params["layers"]) == (10, 1)


def test_seeds_of_texts_have_rmse_and_accuracy(found, monkeypatch):
    """Each child has its own."""
    finished = finished_of(found.card)
    monkeypatch.setattr(arms, "_training_curves", lambda chosen: [])
    points = {point.name: point.value for point in arms.seed_points(finished, finished.scores[2])}
    assert points["test_rmse"] == finished.scores[2]["test_rmse"]
    assert points["test_accuracy"] == 1 - finished.scores[2]["test_error"]


def test_other_data_have_no_accuracy(found):
    """Without a card of texts there is neither accuracy nor a number of folds."""
    finished = finished_of(found.card | {"text": None, "options": {}})
    assert not [p for p in arms.points_of(finished) if "accuracy" in p.name]
    assert "folds" not in arms.params_of(finished)
