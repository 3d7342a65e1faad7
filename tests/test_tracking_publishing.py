"""A finished arm is published once, whatever became of earlier runs; the newest are current."""

import time
from dataclasses import replace

import pytest

from pipeline.config.params import Params
from pipeline.runtime.errors import Problem
from pipeline.tracking import contents, publishing
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
    """`python -m stages.track` twice: the same runs, and a line an arm."""
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
    assert second == [line.replace("published", "there already") for line in first]
    assert len(runs_of(client)) == 2 * (1 + SEEDS)
