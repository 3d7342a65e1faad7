"""Publication of MLflow runs: identical content once, with one current run per name.

A run is identified by a tag named after its kind, for example `arm`, which holds the run's name;
child runs have the same tag. The status is set last and marks a complete run. Runs of earlier
content are kept with the tag `current` = "false": the filter `tags.kind = 'arm' and tags.current =
'true'` gives one run per arm. The current run of a name has the highest tag `current_since`, which
is set when a run replaces another.
"""

import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pipeline.runtime import storage
from pipeline.runtime.storage import Record
from pipeline.tracking import store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ABANDONED = 600_000  # milliseconds after which no publisher can still be at work on a run
COMPLETE = ("FINISHED", "FAILED")
THREAD = "tracking"  # name of the thread of `within`

Result = TypeVar("Result")


class Point(NamedTuple):
    """One value of a metric; `step` is an epoch from 1 up, a seed, or 0 without a curve."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class Content:
    """The content of one run. `kind` and `name` identify it within an MLflow experiment.

    `fingerprint` changes with the content. `log_artifacts` sends files to a run.
    """

    experiment: str
    kind: str
    name: str
    fingerprint: str
    params: dict[str, Any]
    points: list[Point]
    tags: dict[str, str]
    failed: bool = False  # some result is missing
    children: Sequence["Content"] = field(default=())
    log_artifacts: Callable[["MlflowClient", "Run"], None] | None = None


def within(seconds: float, act: Callable[[], Result], *, uri: str) -> Result:
    """Return what `act` returns, or raises, in a thread.

    Raises Unreachable where that takes longer: the timeouts of requests do not bound a server that
    sends a byte a second. The thread is a daemon and ends with the process.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(act())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name=THREAD, daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError as error:
        if future.done():
            raise
        raise store.too_slow(uri, seconds) from error


def publish(contents: Sequence[Content], *, uri: str) -> int:
    """Publish runs of one experiment to the store at `uri`; return how many were new.

    Raises Unreachable where the store fails.
    """
    if not contents:
        return 0
    with store.opened(uri) as client:
        experiment = store.experiment(client, contents[0].experiment, uri)
        return sum(_publish(client, experiment, content) for content in contents)


def _publish(client: "MlflowClient", experiment: str, content: Content) -> bool:
    """Publish one content unless it is there, and make its run the current one of its name."""
    same = _search(client, experiment, content, f"tags.fingerprint = '{content.fingerprint}'")
    running = _search(client, experiment, content, "attributes.status = 'RUNNING'")
    known = _newest(run for run in same if run.data.tags.get("kind") == content.kind)
    _delete_remains(client, same + running, known)
    if known is None:
        tags = {
            content.kind: content.name,
            "fingerprint": content.fingerprint,
            "checkout": checkout(),
            "mlflow.source.type": "LOCAL",
            **_commit(),
        }
        _send(client, experiment, content, tags)
    _make_current(client, experiment, content)
    return known is None


def _search(client: "MlflowClient", experiment: str, content: Content, where: str) -> "list[Run]":
    query = f"tags.{content.kind} = '{content.name}' and {where}"
    return list(client.search_runs([experiment], query, max_results=5000))


def _delete_remains(client: "MlflowClient", runs: "list[Run]", complete: "Run | None") -> None:
    """Delete what a killed publisher left, and children whose parent somebody deleted.

    Runs of the complete run stay, as do those of another checkout that may still be at work.
    """
    for run in {run.info.run_id: run for run in runs}.values():
        ids = {run.info.run_id, run.data.tags.get("mlflow.parentRunId")}
        ours = run.data.tags.get("checkout") == checkout()  # and we hold the lock
        abandoned = ours or run.info.start_time < time.time() * 1000 - ABANDONED
        if abandoned and not (complete and complete.info.run_id in ids):
            if run.info.status == "RUNNING":
                client.set_terminated(run.info.run_id, "KILLED")
            client.delete_run(run.info.run_id)


def _send(client: "MlflowClient", experiment: str, content: Content, tags: dict[str, str]) -> None:
    """Create a run and its children, in as few calls as MLflow allows."""
    from mlflow.entities import Metric, Param

    current = "true" if "mlflow.parentRunId" in tags else "false"  # true when it is complete
    own = tags | content.tags | {"kind": content.kind, "current": current}
    run = client.create_run(experiment, tags=own, run_name=content.name)
    for child in content.children:
        _send(client, experiment, child, tags | {"mlflow.parentRunId": run.info.run_id})
    start = run.info.start_time
    metrics = [
        Metric(name, float(value), start + step, step) for name, value, step in content.points
    ]
    params = [Param(name, str(value)) for name, value in content.params.items()]
    client.log_batch(run.info.run_id, metrics, params)
    if content.log_artifacts:
        content.log_artifacts(client, run)
    client.set_terminated(run.info.run_id, "FAILED" if content.failed else "FINISHED")


def _newest(runs: "Iterable[Run]") -> "Run | None":
    """Return the complete run that became current last: the same one for all publishers.

    A run that never was current, or was made so by code without this tag, is older than all others.
    """
    complete = [run for run in runs if run.info.status in COMPLETE]
    return max(complete, key=lambda run: (_current_since(run), run.info.run_id), default=None)


def _current_since(run: "Run") -> int:
    """Return the time at which a run became current, in ns since 1970; 0 without one."""
    return int(run.data.tags.get("current_since", 0))


def _make_current(client: "MlflowClient", experiment: str, content: Content) -> None:
    """Make this content's run the newest of its name unless it is; then set all tags `current`.

    Others may publish the name meanwhile. Every publisher sets its time before it looks at the tags
    `current`, and ends with a look that finds none wrong. Of these last looks the one that begins
    last begins after all writes: it sees the tags as they stay, so they are right. Each publisher
    sets one time, after which all agree on the newest run, so the looks come to an end.
    """
    parents = _parents(client, experiment, content)
    newest = _newest(parents)
    own = _newest(run for run in parents if run.data.tags.get("fingerprint") == content.fingerprint)
    if newest and own and newest.data.tags.get("fingerprint") != content.fingerprint:
        since = max(time.time_ns(), _current_since(newest) + 1)
        client.set_tag(own.info.run_id, "current_since", str(since))
    while wrong := _wrong(client, experiment, content):
        for run_id, tag in wrong.items():
            client.set_tag(run_id, "current", tag)


def _parents(client: "MlflowClient", experiment: str, content: Content) -> "list[Run]":
    return _search(client, experiment, content, f"tags.kind = '{content.kind}'")


def _wrong(client: "MlflowClient", experiment: str, content: Content) -> dict[str, str]:
    """Return the right tag `current`, by run id, of a name's runs and children that have another.

    It is true for the newest run and its children alone.
    """
    runs = _parents(client, experiment, content)
    newest = _newest(runs)
    current = newest.info.run_id if newest else ""
    runs += _search(client, experiment, content, "tags.current = 'true'")
    runs += _search(client, experiment, content, f"tags.`mlflow.parentRunId` = '{current}'")
    wrong = {}
    for run in runs:
        family = (run.info.run_id, run.data.tags.get("mlflow.parentRunId"))
        tag = "true" if current in family else "false"
        if run.data.tags.get("current") != tag:
            wrong[run.info.run_id] = tag
    return wrong


def source(about: Record, *, command: str) -> dict[str, str]:
    """Return the tags that say how a result was made: the command, the device, torch's version."""
    made = {name: about[name] for name in ("device", "torch") if about.get(name)}
    return {"mlflow.source.name": command} | made


def checkout() -> str:
    """Return an id of this checkout; other checkouts may publish to the same store."""
    return storage.fingerprint(socket.gethostname(), str(Path.cwd()))


def _commit() -> dict[str, str]:
    command = ["git", "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}  # a copy without git
    return {"mlflow.source.git.commit": found.stdout.strip()}
