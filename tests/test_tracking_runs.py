"""Publishing of runs: each content once, whatever became of earlier runs; the newest current."""

import time
from dataclasses import replace

import pytest

from pipeline.config.params import Params
from pipeline.runtime.errors import Problem
from pipeline.tracking import arms, finished_arm, runs
from stages import track
from tests import synthetic
from tests.finished import FAILED, PRETRAINED, RANDOM, SEEDS, failed, settings, write
from tests.mlflow_runs import one, publish, runs_of


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
def test_all_content_is_in_the_fingerprint():
    """A change of any record or any param of the arm is a change of content."""
    write(PRETRAINED, settings())
    arm = finished_arm.read(PRETRAINED, settings())
    other_unit = arm.about["activation"] | {"l1": 0.5}
    changes = [
        {"about": arm.about | {"activation": other_unit}},
        {"confidence": 0.9},
        *({name: getattr(arm, name)[1:]} for name in ("scores", "trained", "pretrained")),
    ]
    prints = {arms.content(replace(arm, **change)).fingerprint for change in [{}, *changes]}
    assert len(prints) == 1 + len(changes)


def test_params_come_from_the_records(client):
    """A change of params.yaml after the training neither changes the params nor publishes anew."""
    write(RANDOM, settings())
    publish(RANDOM, settings())
    others = settings().model_dump()
    others["activations"]["rectifier"]["l1"] = 0.5
    assert not publish(RANDOM, Params.model_validate(others))


def test_arms_do_not_disturb_each_other(client):
    """Publishing an arm leaves the runs of another as they are."""
    for arm in (RANDOM, FAILED):
        write(arm, settings())
        publish(arm, settings())
    assert len(runs_of(client, "tags.kind = 'arm' and tags.current = 'true'")) == 2
    assert len(runs_of(client, "tags.current = 'true'")) == 2 * (1 + SEEDS)


@pytest.mark.parametrize("calls_before", [1, 2])
def test_remains_of_a_killed_publisher_are_deleted(client, monkeypatch, calls_before):
    """A publisher that died half-way leaves RUNNING runs; the next one clears them and succeeds."""
    write(RANDOM, settings())
    send, calls = runs._send, []

    def killed(*args, **options):
        calls.append(args)
        if len(calls) > calls_before:
            raise KeyboardInterrupt
        send(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "_send", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(RANDOM, settings())
    assert runs_of(client, "attributes.status = 'RUNNING'")
    assert publish(RANDOM, settings())
    assert not runs_of(client, "attributes.status = 'RUNNING'")
    assert len(runs_of(client)) == 1 + SEEDS


def test_running_runs_of_another_checkout_stay(client):
    """On a shared server RUNNING runs of another checkout are deleted only when they are old."""
    write(RANDOM, settings())
    experiment = client.create_experiment("digits")
    tags = {"arm": RANDOM.name, "fingerprint": "another", "checkout": "another"}
    now = int(time.time() * 1000)
    fresh = client.create_run(experiment, start_time=now, tags=tags)
    old = client.create_run(experiment, start_time=now - 2 * runs.ABANDONED, tags=tags)
    publish(RANDOM, settings())
    found = {run.info.run_id for run in runs_of(client)}
    assert fresh.info.run_id in found
    assert old.info.run_id not in found


def test_a_deleted_parent_or_experiment_is_published_again(client):
    """Runs, or the whole experiment, that were deleted in the UI are published again."""
    write(RANDOM, settings())
    publish(RANDOM, settings())
    parent = one(client, "tags.kind = 'arm'")
    client.delete_run(parent.info.run_id)
    assert publish(RANDOM, settings())
    assert len(runs_of(client)) == 1 + SEEDS
    client.delete_experiment(parent.info.experiment_id)
    publish(RANDOM, settings())
    assert one(client, "tags.kind = 'arm' and tags.current = 'true'")


def test_a_failed_arm_is_published_once(client):
    """FAILED is an end as well: the next publisher adds no run."""
    write(FAILED, settings(), failed())
    publish(FAILED, settings())
    assert not publish(FAILED, settings())
    assert len(runs_of(client)) == 1 + SEEDS


@pytest.mark.usefixtures("client")
def test_an_unfinished_arm_is_a_problem():
    """An arm without the scores of each seed is never published."""
    write(RANDOM, settings(), synthetic.scores(RANDOM, SEEDS - 1))
    with pytest.raises(Problem, match="rectifier / random is not finished"):
        publish(RANDOM, settings())


def test_track_publishes_what_is_finished_and_skips_the_rest(client, monkeypatch, capsys):
    """`python -m stages.track` twice: the same runs, and one line for each arm."""
    monkeypatch.setattr("pipeline.config.params.load", settings)
    write(RANDOM, settings())
    write(PRETRAINED, settings())
    track.main()
    first = capsys.readouterr().out.splitlines()
    assert first[0] == "digits / rectifier / random: published"
    assert first[1] == "digits / rectifier / pretrained: not finished, skipped"
    assert len(first) == 6
    track.main()
    second = capsys.readouterr().out.splitlines()
    assert second == [line.replace("published", "unchanged") for line in first]
    assert len(runs_of(client)) == 2 * (1 + SEEDS)
