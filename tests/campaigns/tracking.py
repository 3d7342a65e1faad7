"""Campaign of tracking: servers that refuse, hang, come back, and two clones that publish at once.

`python -m tests.campaigns.tracking` runs the stage `track` against servers that misbehave: it must
end with one warning and wait at most 60 seconds in all. Then two copies of a miniature publish at
once to `mlflow server`, on sqlite and on PostgreSQL: one current run a name must be left.
PostgreSQL is skipped where it is not installed; its driver is needed by the server alone:
`pip install --target <folder> psycopg2-binary`, then `--packages <folder>`.
"""

import argparse
import os
import shutil
import socket
import socketserver
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.campaigns import miniature, stores
from tests.campaigns.first_store import wait_until
from tests.test_tracking_failures import server as misbehaving

LIMIT = 60  # seconds, as in dvc.yaml
TRACK = [*miniature.STAGES, "track"]
STAGE = [*TRACK, "digits", "--within", str(LIMIT)]
SERVER = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]


def hang(handler: socketserver.StreamRequestHandler) -> None:
    """Accept a request and send nothing."""
    time.sleep(2 * LIMIT)


def drip(handler: socketserver.StreamRequestHandler) -> None:
    """Send a byte a second."""
    with suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(2 * LIMIT):
            time.sleep(1)
            handler.wfile.write(b" ")


def refuse_with(status: str) -> Callable[[socketserver.StreamRequestHandler], None]:
    """Return an answer that asks to come back in an hour."""
    head = f"HTTP/1.1 {status}\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n".encode()
    return lambda handler: handler.wfile.write(head) and None


PARTS = ("servers", "restart", "clones")
ANSWERS = {
    "hanging": hang,
    "a byte a second": drip,
    "429, Retry-After 3600": refuse_with("429 Too Many Requests"),
    "503, Retry-After 3600": refuse_with("503 Service Unavailable"),
}


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def publish(folder: Path, uri: str, name: str) -> None:
    """Run the stage `track` against a bad server; check its time and its one line."""
    begin = time.monotonic()
    status = miniature.start(folder, STAGE, MLFLOW_TRACKING_URI=uri).wait()
    seconds, lines = time.monotonic() - begin, warnings()
    print(f"{name}: {seconds:.0f} s with start-up; {' / '.join(lines)[:400]}", flush=True)
    assert status == 0, lines
    assert len(lines) == 1, lines


def warnings() -> list[str]:
    """Return the warnings of the last command; its own last line is on stdout."""
    return [line for line in miniature.output().splitlines() if line.startswith("warning: ")]


@contextmanager
def serving(
    store: str, port: int, artifacts: Path, packages: str, *options: str, **more: str
) -> Iterator[str]:
    """Yield the address of an MLflow server; `options` come last, so they replace its others."""
    command = [*SERVER, "--port", str(port), "--backend-store-uri", store]
    command += ["--artifacts-destination", str(artifacts), *options]
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": packages,
        **more,
    }
    with artifacts.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=artifacts.parent,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is not None or answers(uri))
        assert process.poll() is None, artifacts.with_suffix(".log").read_text()[-2000:]
        yield uri
    finally:
        miniature.kill(process)


def answers(uri: str) -> bool:
    """Return whether a server is up."""
    time.sleep(0.2)
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def restarted(folder: Path, scratch: Path) -> None:
    """Kill a server in the middle of `track`, start it again, and publish the rest."""
    store, port = scratch / "restarted.db", free_port()
    arguments = (f"sqlite:///{store}", port, scratch / "restarted", "")
    with serving(*arguments) as uri:
        process = miniature.start(folder, STAGE, MLFLOW_TRACKING_URI=uri)
        wait_until(lambda: runs_in(store) > 0)
    print(f"killed when the store had {runs_in(store)} runs", flush=True)
    with serving(*arguments) as uri:
        assert process.wait() == 0, miniature.output()
        lines = warnings()
        print(f"killed and restarted: {' / '.join(lines)[:400] or 'no warning'}", flush=True)
        assert len(lines) <= 1, lines
        miniature.finish(folder, TRACK, MLFLOW_TRACKING_URI=uri)
        assert not (found := stores.faults(uri)), found
        print("then `track`: one current run a name", flush=True)


def runs_in(store: Path) -> int:
    """Return the number of runs in a sqlite store."""
    with closing(sqlite3.connect(store)) as connection:
        return int(connection.execute("SELECT count(*) FROM runs").fetchone()[0])


def track(folders: list[Path], *options: str, **more: str) -> list[str]:
    """Publish from several copies at once, without a warning; return what each has printed."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    processes = [
        subprocess.Popen(
            [*TRACK, *options], cwd=one, env=miniature.environment(one, **more), **pipes
        )
        for one in folders
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert not any(process.returncode for process in processes), outputs
    assert not any("warning" in output for output in outputs), outputs
    return outputs


def at_once(folders: list[Path], uri: str, name: str) -> None:
    """Publish from several copies at once; check that one current run a name is left."""
    begin = time.monotonic()
    outputs = track(folders, MLFLOW_TRACKING_URI=uri)
    seconds, found = time.monotonic() - begin, stores.faults(uri)
    print(f"{name}: {seconds:.0f} s, {found or 'one current run a name'}", flush=True)
    assert not found, outputs


@contextmanager
def postgres(packages: str) -> Iterator[str | None]:
    """Yield the address of a new PostgreSQL database; None with a line where it cannot run."""
    programs = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), shutil.which("initdb")]
    driver = [sys.executable, "-c", "import psycopg2"]
    environment = os.environ | {"PYTHONPATH": packages}
    if not programs[0]:
        print("skipped: PostgreSQL, which is not installed")
        yield None
        return
    if subprocess.run(driver, env=environment, capture_output=True, check=False).returncode:
        print("skipped: PostgreSQL, whose driver psycopg2 is not in --packages")
        yield None
        return
    # PostgreSQL refuses to run as root.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder, port = Path(tempfile.mkdtemp(prefix="campaign-")), free_port()
    if user:
        shutil.chown(folder, "postgres")
    binaries = Path(programs[0]).parent
    control = [*user, binaries / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
    initialize = [*user, binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "mlflow"]
    subprocess.run(initialize, check=True, capture_output=True, cwd=folder)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd=folder)
    try:
        yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)
        shutil.rmtree(folder)


def bad_servers(folder: Path) -> None:
    """Run the stage `track` against every server that misbehaves."""
    publish(folder, f"http://127.0.0.1:{free_port()}", "refusing")
    for name, answer in ANSWERS.items():
        with misbehaving(answer) as uri:
            publish(folder, uri, name)


def clones(folder: Path, scratch: Path, packages: str, trial: int) -> None:
    """Publish the same content, then two contents, from two copies to new stores of both kinds."""
    for name, level in (("the same content", "0.95"), ("two contents", "0.9")):
        other, work = scratch / "other", Path(tempfile.mkdtemp(dir=scratch))
        shutil.copytree(folder, other)
        params = other / "params.yaml"  # other intervals are another content
        params.write_text(params.read_text().replace("confidence: 0.95", f"confidence: {level}"))
        title = f"two clones, {name}, round {trial}"
        with serving(f"sqlite:///{work}/sqlite.db", free_port(), work / "sqlite", "") as uri:
            at_once([folder, other], uri, f"sqlite: {title}")
        with postgres(packages) as database:
            if database is not None:
                with serving(database, free_port(), work / "postgres", packages) as uri:
                    at_once([folder, other], uri, f"PostgreSQL: {title}")
        shutil.rmtree(other)


def main() -> None:
    """Run the campaign, or one part of it; print a line a trial."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--only", choices=PARTS, help="one part of the campaign")
    arguments.add_argument("--packages", default="", help="folder with psycopg2, for the server")
    arguments.add_argument("--rounds", type=int, default=3, help="of two clones at once, a store")
    options = arguments.parse_args()
    parts = [options.only] if options.only else PARTS
    with miniature.project() as folder:
        stores.make(folder)
        scratch = folder.with_name("servers")
        scratch.mkdir()
        if "servers" in parts:
            bad_servers(folder)
        if "restart" in parts:
            restarted(folder, scratch)
        for trial in range(options.rounds if "clones" in parts else 0):
            clones(folder, scratch, options.packages, trial + 1)


if __name__ == "__main__":
    main()
