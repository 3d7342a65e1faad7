"""Runs that have no children, each published once: a condition, a baseline.

The tag of their kind holds their name. Runs of a name's earlier content are kept, with the tag
`current` = "false".
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.runtime.storage import Record
from pipeline.tracking import publishing
from pipeline.tracking.contents import Point

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


class Told(Protocol):
    """What is told of one run."""

    @property
    def kind(self) -> str:
        """What it is, a tag's name."""
        ...

    @property
    def source(self) -> str:
        """The command that made it."""
        ...

    @property
    def name(self) -> str:
        """Its name among its kind in one MLflow experiment."""
        ...

    @property
    def fingerprint(self) -> str:
        """What tells whether it was published already."""
        ...

    @property
    def failed(self) -> bool:
        """Whether something of it has no result."""
        ...

    @property
    def about(self) -> Record:
        """How it was made: `device` and `torch`, where they had a part."""
        ...

    def params(self) -> dict[str, Any]:
        """Return its params."""
        ...

    def points(self) -> list[Point]:
        """Return its metrics."""
        ...


def publish(client: "MlflowClient", experiment: str, told: Sequence[Told]) -> int:
    """Publish runs of one kind into an MLflow experiment; return how many were not there yet."""
    ours = f"tags.kind = '{told[0].kind}' and tags.checkout = '{publishing.checkout()}'"
    found = list(client.search_runs([experiment], ours, max_results=5000))
    for run in found:
        if run.info.status == "RUNNING":  # what a killed publisher left
            client.set_terminated(run.info.run_id, "KILLED")
            client.delete_run(run.info.run_id)
    there = [run for run in found if run.info.status in ("FINISHED", "FAILED")]
    return sum(_publish(client, experiment, each, there) for each in told)


def _publish(client: "MlflowClient", experiment: str, told: Told, there: list["Run"]) -> bool:
    """Publish one run unless it is there, and make it the current one of its name."""
    mine = [run for run in there if run.data.tags.get(told.kind) == told.name]
    same = [run for run in mine if run.data.tags.get("fingerprint") == told.fingerprint]
    if not same:
        tags = {
            "kind": told.kind,
            told.kind: told.name,
            "fingerprint": told.fingerprint,
            "current": "true",
            **publishing.made_by(told.about, source=told.source),
        }
        run = client.create_run(experiment, tags=tags, run_name=told.name)
        publishing.log_run(client, run, told.params(), points=told.points())
        client.set_terminated(run.info.run_id, "FAILED" if told.failed else "FINISHED")
    for run in mine:
        current = "true" if run in same[:1] else "false"
        if run.data.tags.get("current") != current:
            client.set_tag(run.info.run_id, "current", current)
    return not same
