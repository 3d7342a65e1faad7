"""Tracking that fails: stores that are damaged, moved, refused, slow, or shared by two clones."""

import os
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import mlflow.store.db.utils
import pytest
from filelock import Timeout

from pipeline.runtime.errors import Problem
from pipeline.tracking import arms, runs, store
from pipeline.tracking.store import Unreachable
from stages import track, tracking
from tests import committed, synthetic
from tests.finished import PRETRAINED, RANDOM, SEEDS, settings, write
from tests.imports import ROOT
from tests.mlflow_runs import publish, runs_of

CURRENT = "tags.kind = 'arm' and tags.current = 'true'"


def warning_of(uri: str) -> str:
    """Publish an arm, which fails; return the message."""
    with pytest.raises(Unreachable) as error:
        runs.publish(arms.read(RANDOM, settings()), uri=uri)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.usefixtures("client")
def test_a_store_appears_whole(monkeypatch):
    """A kill while the tables are created leaves no store, and the next user creates it."""
    write(RANDOM, settings())
    content = arms.read(RANDOM, settings())

    def killed(engine):
        mlflow.store.db.utils.InitialBase.metadata.create_all(engine)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.store.db.utils, "_initialize_tables", killed)
        with pytest.raises(KeyboardInterrupt):
            runs.publish(content, uri=f"sqlite:///{Path.cwd()}/new.db")
    assert not Path("new.db").exists()
    Path(".new.db.1.tmp").write_bytes(b"left by a kill")
    assert runs.publish(content, uri=f"sqlite:///{Path.cwd()}/new.db")
    assert not [*Path().glob(".new.db.*")]
    Path("empty.db").write_bytes(b"")  # a full disk
    assert runs.publish(content, uri=f"sqlite:///{Path.cwd()}/empty.db")


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("damage", ["cut", "half-made", "overwritten"])
def test_a_damaged_store_is_named_with_the_remedy(damage):
    """The remedy works: without the file a new store is created."""
    write(RANDOM, settings())
    publish(RANDOM, settings())
    path = Path("mlflow.db").absolute()
    if damage == "half-made":
        path.unlink()
        with closing(sqlite3.connect(path)) as store, store:
            store.execute("CREATE TABLE experiments (experiment_id INTEGER)")
    else:
        content = path.read_bytes()
        path.write_bytes(content[:5000] if damage == "cut" else b"damage" * 2000)
    message = warning_of(
        f"sqlite:///{path.parent}//{path.name}"
    )  # another address, without a cached connection
    assert "is damaged" in message
    assert f"{path}" in message
    assert "move it away" in message
    path.rename("away.db")
    assert runs.publish(arms.read(RANDOM, settings()), uri=f"sqlite:///{path.parent}/./{path.name}")


@pytest.mark.parametrize("copied", [False, True])
def test_artifacts_follow_the_project(client, tmp_path, monkeypatch, copied):
    """New artifacts of a moved or copied project go to its own folder, and old ones are found."""
    place = tmp_path / "first"
    place.mkdir()
    monkeypatch.chdir(place)
    write(RANDOM, settings())
    publish(RANDOM, settings())
    other = tmp_path / "second"
    subprocess.run(["cp", "-r", place, other] if copied else ["mv", place, other], check=True)
    files = sorted(place.rglob("*")) if copied else []
    monkeypatch.chdir(other)
    write(RANDOM, settings(), synthetic.scores(RANDOM, SEEDS, draw=1))
    publish(RANDOM, settings())
    assert (sorted(place.rglob("*")) if copied else [*tmp_path.glob("first")]) == files
    client = type(client)(tracking.tracking_uri())
    for run in runs_of(client, "tags.kind = 'arm'"):
        assert run.info.artifact_uri.startswith(str(other))
        assert client.list_artifacts(run.info.run_id)
        assert client.search_logged_models([run.info.experiment_id])


def test_a_full_disk_is_no_absent_server():
    """Only a server can answer later."""
    full = OSError(28, "No space left on device")
    assert "correct this" in store._message("sqlite:///mlflow.db", full, reading=False)
    busy = Timeout("mlflow.db.lock")
    assert "other process ends" in store._message("sqlite:///mlflow.db", busy, reading=False)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("uri", "remedy"),
    [
        ("mysql+pymysql://me:secret@h/db", "No module named 'pymysql'): install this package"),
        ("./mlruns", "mlflow migrate-filestore"),
        ("http://me:secret@127.0.0.1:9", "wait until the server answers"),
        ("sqlite:///old.db", "run 'mlflow db upgrade <database_uri>' to migrate your database"),
    ],
)
def test_a_refused_store_shows_the_whole_remedy(monkeypatch, capsys, uri, remedy):
    """Missing drivers, folders, servers that are down, old schemas: one line for all arms, soon."""
    monkeypatch.setattr("pipeline.config.params.load", settings)
    write(RANDOM, settings())
    write(PRETRAINED, settings())
    if "old.db" in uri:
        Path("old.db").write_bytes(Path("mlflow.db").read_bytes())
        with closing(sqlite3.connect("old.db")) as store, store:
            store.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    start = time.monotonic()
    track.main()
    assert time.monotonic() - start < 10
    (line,) = capsys.readouterr().err.splitlines()
    assert remedy in line
    assert "then run `python -m stages.track`" in line
    assert "secret" not in line


def test_the_stage_prints_the_warning(client, tmp_path):
    """`track` as DVC runs it, with a server that is down: one line on stderr, status 0."""
    params = settings()
    write(RANDOM, params)
    committed.write(params.model_dump(mode="json", exclude_unset=True))
    environment = os.environ | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    environment |= {"PYTHONPATH": str(ROOT), "DEVICE": "cpu"}
    command = [sys.executable, "-m", "stages.track", "--dataset", "digits", "--within", "60"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: nothing sent to MLflow")


@pytest.mark.usefixtures("client")
def test_any_error_of_the_stage_is_one_line(monkeypatch, capsys):
    """Libraries raise errors of several lines."""

    def fail(*_: object, **__: object) -> None:
        raise ValueError("one\ntwo")

    monkeypatch.setattr("pipeline.config.params.load", settings)
    monkeypatch.setattr("pipeline.tracking.publication.published", fail)
    assert track.main("digits", within=60) is None
    assert capsys.readouterr().err == "warning: one\\ntwo\n"


@contextmanager
def server(answer: Callable[[socketserver.StreamRequestHandler], None]) -> Iterator[str]:
    """Yield the address of a server that answers every request so."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            answer(self)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as tcp:
        tcp.daemon_threads, tcp.block_on_close = True, False
        threading.Thread(target=tcp.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{tcp.server_address[1]}"
        tcp.shutdown()


def drip(handler: socketserver.StreamRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(40):
        time.sleep(0.1)
        try:
            handler.wfile.write(b" ")
        except OSError:
            return


def come_later(handler: socketserver.StreamRequestHandler) -> None:
    head = b"HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"
    handler.wfile.write(head)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(("answer", "seconds"), [(drip, 1.0), (come_later, 60.0)])
def test_a_server_that_holds_the_run_is_left(monkeypatch, capsys, answer, seconds):
    """A byte at a time, or a request to come back in an hour: the stage goes on in time."""
    monkeypatch.setattr("pipeline.config.params.load", settings)
    write(RANDOM, settings())
    start = time.monotonic()
    with server(answer) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert track.main("digits", within=seconds) is None
    assert time.monotonic() - start < 20
    (line,) = capsys.readouterr().err.splitlines()
    assert "wait until the server answers" in line


@pytest.mark.usefixtures("client")
def test_damaged_records_stop_no_stage(monkeypatch, capsys):
    """The stage `track` warns of records that it cannot read; the command fails."""
    monkeypatch.setattr("pipeline.config.params.load", settings)
    write(RANDOM, settings())
    (RANDOM.networks / "records.jsonl").write_text("{")
    assert track.main("digits", within=60) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert "records.jsonl" in line
    with pytest.raises(Problem):
        track.main("digits")


@pytest.mark.parametrize("same", [True, False])
def test_two_clones_leave_one_current_run(client, monkeypatch, same):
    """While one clone publishes an arm, another publishes it from start to end."""
    write(RANDOM, settings())
    content = arms.read(RANDOM, settings())
    if not same:
        write(RANDOM, settings(), synthetic.scores(RANDOM, SEEDS, draw=1))
    others, send = arms.read(RANDOM, settings()), runs._send

    def meanwhile(*arguments: object) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(runs, "checkout", lambda: "another")
            patch.setattr(runs, "_send", send)
            experiment = client.get_experiment_by_name("digits").experiment_id
            assert runs._publish(client, experiment, others[0])
        send(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "_send", meanwhile)
        patch.setattr(runs, "_commit", dict)
        runs.publish(
            [runs.Content(**{**vars(content[0]), "children": []})], uri=tracking.tracking_uri()
        )
    (parent,) = runs_of(client, CURRENT)
    children = runs_of(client, "tags.kind = 'seed' and tags.current = 'true'")
    assert all(run.data.tags["mlflow.parentRunId"] == parent.info.run_id for run in children)


def test_another_machine_inserts_the_dataset_meanwhile(client, monkeypatch):
    """MLflow refuses the second of two insertions of one dataset at once: it is logged again."""
    write(RANDOM, settings())
    log_inputs, calls = mlflow.MlflowClient.log_inputs, []

    def raced(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 1:
            raise mlflow.MlflowException("UNIQUE constraint failed: datasets.name")
        log_inputs(*arguments)

    monkeypatch.setattr(mlflow.MlflowClient, "log_inputs", raced)
    publish(RANDOM, settings())
    (run,) = runs_of(client, CURRENT)
    assert len(run.inputs.dataset_inputs) == 1
