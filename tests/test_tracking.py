"""Finished arms in MLflow."""

import json
import logging
import multiprocessing
import subprocess
import time
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import export, records
from pipeline.arms import Arm
from pipeline.errors import Problem
from pipeline.params import Params
from pipeline.tracking import artifacts, contents, publishing, store, view
from pipeline.tracking.store import Unreachable
from stages import track
from tests import synthetic
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

DOWN = "http://127.0.0.1:9"  # nothing listens there


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """Return the content of a new sqlite store: making its tables takes two seconds."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    with store.opened(f"sqlite:///{path}") as client:
        client.search_experiments()
    return path.read_bytes()


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
            publishing.publish(arm, settings(), uri=uri)
    return MlflowClient(uri)


@pytest.fixture
def client(tmp_path, monkeypatch, empty_store):
    """Work in a new folder; return a client of the empty store in it. Figures are not drawn."""
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(artifacts, "figures", lambda *_, **__: {})
    for name, value in track.MANNERS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    Path("mlflow.db").write_bytes(empty_store)
    return MlflowClient(track.tracking_uri())


def publish(arm, params):
    return publishing.publish(arm, params, uri=track.tracking_uri())


def runs_of(client, where=""):
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments, where))


def one(client, where):
    (run,) = runs_of(client, where)
    return run


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
    """Filters hide a child whose params stand on its parent alone."""
    parent = parent_of(published, PRETRAINED).data.params
    child = child_of(published, PRETRAINED, 1).data.params
    assert parent.items() <= child.items()
    assert parent["pretrain.corruption"] == "0.25"
    assert parent["hidden"] == "[6, 6]"
    assert child["learning_rate"] == "0.1"
    assert child["pretrain_learning_rates"] == "[0.1, 0.01]"


def test_params_of_pretraining_are_those_of_pretrained_arms(client):
    """An arm with random starts has nothing to say of auto-encoders."""
    write(RANDOM, settings())
    told = contents.params_of(contents.read(RANDOM, settings()))
    assert not [name for name in told if "pretrain" in name or name == "reconstruction"]


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


def test_the_same_content_is_published_once(client):
    """A second publisher adds no run."""
    write(RANDOM, settings())
    publish(RANDOM, settings())
    before = {run.info.run_id: run.info.end_time for run in runs_of(client)}
    assert not publish(RANDOM, settings())
    assert {run.info.run_id: run.info.end_time for run in runs_of(client)} == before


def test_changed_content_makes_new_runs_and_the_newest_are_current(client):
    """Old runs stay and are current no more; content that comes back is current again, not anew."""
    arm, params = RANDOM, settings()
    write(arm, params)
    publish(arm, params)
    old = one(client, "tags.kind = 'arm'").info.run_id
    write(arm, params, synthetic.scores(arm, SEEDS, draw=1))
    assert publish(arm, params)
    new = one(client, "tags.kind = 'arm' and tags.current = 'true'").info.run_id
    assert new != old
    assert len(runs_of(client)) == 2 * (1 + SEEDS)
    assert len(runs_of(client, "tags.current = 'false'")) == 1 + SEEDS
    write(arm, params)
    assert not publish(arm, params)
    assert one(client, "tags.kind = 'arm' and tags.current = 'true'").info.run_id == old


@pytest.mark.usefixtures("client")
def test_all_that_is_told_is_in_the_fingerprint():
    """A change of any record or any param of the arm is a change of content."""
    write(PRETRAINED, settings())
    told = contents.read(PRETRAINED, settings())
    other_unit = told.about["activation"] | {"l1": 0.5}
    changes = [
        {"about": told.about | {"activation": other_unit}},
        {"confidence": 0.9},
        *({name: getattr(told, name)[1:]} for name in ("scores", "trained", "pretrained")),
    ]
    prints = {replace(told, **change).fingerprint for change in [{}, *changes]}
    assert len(prints) == 1 + len(changes)


def test_params_come_from_the_records(client):
    """What params.yaml says after the arm was made is not told of it, nor published anew."""
    write(RANDOM, settings())
    publish(RANDOM, settings())
    others = settings().model_dump()
    others["activations"]["rectifier"]["l1"] = 0.5
    assert not publish(RANDOM, Params.model_validate(others))


def test_arms_have_colors_of_their_own(client):
    """Charts tell the arms apart by the report's colors."""
    for arm in (RANDOM, PRETRAINED, FAILED, Arm("digits", "tanh", "random")):
        write(arm, settings())
        publish(arm, settings())
    parents = runs_of(client, "tags.kind = 'arm'")
    assert len({run.data.tags["mlflow.runColor"] for run in parents}) == 4


def test_arms_do_not_disturb_each_other(client):
    """Publishing an arm leaves the runs of another as they are."""
    for arm in (RANDOM, FAILED):
        write(arm, settings())
        publish(arm, settings())
    assert len(runs_of(client, "tags.kind = 'arm' and tags.current = 'true'")) == 2
    assert len(runs_of(client, "tags.current = 'true'")) == 2 * (1 + SEEDS)


@pytest.mark.parametrize("killed_in", ["_publish_seed", "log_run"])
def test_what_a_killed_publisher_left_is_removed(client, monkeypatch, killed_in):
    """A publisher that died half-way leaves RUNNING runs; the next one clears them and succeeds."""
    write(RANDOM, settings())
    whole, calls = getattr(publishing, killed_in), []

    def killed(*args, **options):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        whole(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(publishing, killed_in, killed)
        with pytest.raises(KeyboardInterrupt):
            publish(RANDOM, settings())
    assert runs_of(client, "attributes.status = 'RUNNING'")
    assert publish(RANDOM, settings())
    assert not runs_of(client, "attributes.status = 'RUNNING'")
    assert len(runs_of(client)) == 1 + SEEDS


def test_a_publisher_elsewhere_is_left_at_work(client, monkeypatch):
    """On a shared server another checkout's RUNNING runs are its own, until they are old."""
    write(RANDOM, settings())
    experiment = client.create_experiment("digits")
    tags = {"arm": RANDOM.name, "fingerprint": "another", "checkout": "another"}
    now = int(time.time() * 1000)
    fresh = client.create_run(experiment, start_time=now, tags=tags)
    old = client.create_run(experiment, start_time=now - 2 * publishing.ABANDONED, tags=tags)
    publish(RANDOM, settings())
    found = {run.info.run_id for run in runs_of(client)}
    assert fresh.info.run_id in found
    assert old.info.run_id not in found


def test_a_deleted_parent_or_experiment_is_published_again(client):
    """Deleting runs in the UI, or the whole experiment, never stands in the way."""
    write(RANDOM, settings())
    publish(RANDOM, settings())
    parent = one(client, "tags.kind = 'arm'")
    client.delete_run(parent.info.run_id)
    assert publish(RANDOM, settings())
    assert len(runs_of(client)) == 1 + SEEDS
    client.delete_experiment(parent.info.experiment_id)
    publish(RANDOM, settings())
    assert one(client, "tags.kind = 'arm' and tags.current = 'true'")


def test_the_model_is_the_best_seeds_by_validation_and_loads(published, monkeypatch):
    """The model is a plain torch module with the stack's outputs; the test split has no say."""
    from mlflow import pytorch

    run_id = parent_of(published, RANDOM).info.run_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", published.tracking_uri)
    model = pytorch.load_model(f"runs:/{run_id}/model")
    assert type(model) is torch.nn.Sequential
    stack = stack_of(RANDOM, settings())
    x_NI = torch.rand(7, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(x_NI), export.module(stack, 1)(x_NI))
    assert not torch.equal(model(x_NI), export.module(stack, 0)(x_NI))


def test_the_model_has_a_signature_an_example_and_its_requirements(published, monkeypatch):
    """Who finds the model knows what goes in, what comes out and what it needs."""
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
    lines = records.read_lines(arm.networks / "records.jsonl")
    for line in lines:
        line |= {"valid_error": 0.1, "valid_cost": [0.5, 0.4, 0.4][line["seed"]]}
    records.write_lines(arm.networks / "records.jsonl", lines)
    assert contents.read(arm, params).best["seed"] == 1


def test_the_figures_and_the_dataset_stand_with_the_parent(published):
    """The parent shows three figures, and names its training examples by digest."""
    parent = parent_of(published, RANDOM)
    paths = [file.path for file in published.list_artifacts(parent.info.run_id, "figures")]
    names = ["first-layer-filters", "validation-curve", "zeros-by-layer"]
    assert paths == [f"figures/{name}.svg" for name in names]
    (found,) = parent.inputs.dataset_inputs
    assert found.dataset.name == "digits"
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    assert json.loads(found.dataset.profile) == {"examples": 4, "shape": [8, 8]}


def test_a_failed_arm_is_told_as_far_as_it_is_known(published):
    """An arm with a seed that diverged is FAILED and has no averages; its other seeds are sound."""
    parent = parent_of(published, FAILED)
    assert parent.info.status == "FAILED"
    assert parent.data.metrics == {"seeds": 2}
    lost, sound = (child_of(published, FAILED, seed) for seed in (0, 1))
    assert (lost.info.status, sound.info.status) == ("FAILED", "FINISHED")
    assert lost.data.params["diverged"] == "[0.1, 0.01]"
    assert sound.data.metrics["test_error"] == failed()[1]["test_error"]


def test_a_failed_arm_is_published_once(client):
    """FAILED is an end as well: the next publisher adds no run."""
    write(FAILED, settings(), failed())
    publish(FAILED, settings())
    assert not publish(FAILED, settings())
    assert len(runs_of(client)) == 1 + SEEDS


def test_runs_say_where_they_come_from(client):
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
    """The view that links point to stands in the experiment, and comes back when changed."""
    write(RANDOM, settings())
    publish(RANDOM, settings())
    number = client.get_experiment_by_name("digits").experiment_id
    client.set_experiment_tag(number, view.TAG, "changed")
    publish(RANDOM, settings())
    shared = json.loads(client.get_experiment(number).tags["mlflow.sharedViewState.arms"])
    order = [shared["orderByKey"]]
    (parent,) = client.search_runs([number], shared["searchFilter"], order_by=order)
    names = [column.split("`")[1] for column in shared["selectedColumns"]]
    assert set(names) <= parent.data.metrics.keys()


@pytest.mark.usefixtures("client")
def test_nothing_is_said_where_all_is_well(capfd, caplog):
    """MLflow's own lines about pickles, migrations and runs stay out of a stage's output."""
    write(RANDOM, settings())
    publishing.publish_or_warn(RANDOM, settings(), uri=f"sqlite:///{Path.cwd()}/new.db")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.usefixtures("client")
def test_the_store_is_the_users_or_the_roots(monkeypatch):
    """MLFLOW_TRACKING_URI comes first; a temporary experiment of DVC writes to the real root."""
    assert track.tracking_uri() == f"sqlite:///{Path.cwd()}/mlflow.db"
    monkeypatch.setenv("DVC_ROOT", "/somewhere")
    assert track.tracking_uri() == "sqlite:////somewhere/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DOWN)
    assert track.tracking_uri() == DOWN


def test_a_long_curve_is_logged_whole(client, monkeypatch):
    """More metrics than MLflow takes in one call go in several, with the params once."""
    monkeypatch.setattr(publishing, "BATCH", 7)
    write(RANDOM, settings())
    publish(RANDOM, settings())
    child = one(client, "params.seed = '0'")
    history = client.get_metric_history(child.info.run_id, "by_epoch/gradient_norm_layer_2")
    assert [point.step for point in history] == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("client")
def test_an_unfinished_arm_is_a_problem():
    """An arm without the scores of each seed is never published."""
    write(RANDOM, settings(), synthetic.scores(RANDOM, SEEDS - 1))
    with pytest.raises(Problem, match="rectifier / random is not finished"):
        publish(RANDOM, settings())


@pytest.mark.usefixtures("client")
def test_a_server_that_is_down_costs_one_line_and_seconds(caplog):
    """The caller goes on; the line says what to do later and shows no password."""
    write(RANDOM, settings())
    start = time.monotonic()
    publishing.publish_or_warn(RANDOM, settings(), uri="http://me:secret@127.0.0.1:9")
    assert time.monotonic() - start < 10
    (line,) = [
        record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING
    ]
    assert "digits / rectifier / random" in line
    assert "python -m stages.track" in line
    assert "secret" not in line
    assert "\n" not in line


def test_a_store_that_is_no_store_is_unreachable(client):
    """A broken database is a Problem, not a stack of exceptions."""
    write(RANDOM, settings())
    Path("broken.db").write_text("this is not a database" * 100)
    uri = f"sqlite:///{Path.cwd()}/broken.db"
    with pytest.raises(Unreachable, match=r"broken\.db.*stages\.track"):
        publishing.publish(RANDOM, settings(), uri=uri)


def test_track_publishes_what_is_finished_and_skips_the_rest(client, monkeypatch, capsys):
    """`python -m stages.track` twice: the same runs, and a line an arm."""
    monkeypatch.setattr("pipeline.params.load", settings)
    write(RANDOM, settings())
    write(PRETRAINED, settings())
    track.main()
    first = capsys.readouterr().out.splitlines()
    assert first[0] == "digits / rectifier / random: published"
    assert first[1] == "digits / rectifier / pretrained: not finished, skipped"
    assert len(first) == 6
    track.main()
    second = capsys.readouterr().out.splitlines()
    assert second == [line.replace("published", "there already") for line in first]
    assert len(runs_of(client)) == 2 * (1 + SEEDS)


@pytest.mark.usefixtures("client")
def test_track_warns_once_of_a_server_that_is_down(monkeypatch, capsys):
    """The command ends well, with one line for all arms."""
    monkeypatch.setattr("pipeline.params.load", settings)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DOWN)
    write(RANDOM, settings())
    write(PRETRAINED, settings())
    track.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: nothing sent to MLflow at {DOWN}")


@pytest.mark.slow
@pytest.mark.usefixtures("client")
def test_four_first_users_at_once_make_one_store(tmp_path):
    """Processes that find no database make it one after the other."""
    from mlflow import MlflowClient

    arms = [Arm("digits", name, "random") for name in ("tanh", "rectifier", "softplus")]
    arms.append(PRETRAINED)
    for arm in arms:
        write(arm, settings())
    uri = f"sqlite:///{tmp_path}/new.db"
    spawn = multiprocessing.get_context("spawn")
    users = [
        spawn.Process(target=publishing.publish, args=(arm, settings()), kwargs={"uri": uri})
        for arm in arms
    ]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert [user.exitcode for user in users] == [0] * 4
    assert len(runs_of(MlflowClient(uri), "tags.kind = 'arm'")) == 4
