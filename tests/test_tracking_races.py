"""Publishers of one name at once: whatever the order of their calls, one current run is left."""

import functools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from pipeline.tracking import runs

CONDITION = re.compile(r"(\w+)\.`?([\w.]+)`? (=|!=) '(.*)'")
Logs = dict[str, tuple[Any, ...] | None]  # answers to each publisher; None when it is done


class Row(NamedTuple):
    """One run in a store in memory."""

    run_id: str
    status: str
    tags: tuple[tuple[str, str], ...]

    @functools.cache  # noqa: B019
    def run(self) -> Any:
        """Return the run as MLflow does."""
        info = SimpleNamespace(run_id=self.run_id, status=self.status, start_time=2**60)
        return SimpleNamespace(info=info, data=SimpleNamespace(tags=dict(self.tags)))

    def matches(self, condition: str) -> bool:
        """Return whether a condition of MLflow holds, which it never does for an absent tag."""
        found = CONDITION.fullmatch(condition)
        assert found
        where, key, sign, value = found.groups()
        own = self.status if where == "attributes" else dict(self.tags).get(key)
        return own is not None and (own == value) == (sign == "=")


Rows = dict[str, Row]


def search_runs(rows: Rows, ids: Any, query: str, max_results: int) -> tuple[Row, ...]:
    return tuple(row for row in rows.values() if all(map(row.matches, query.split(" and "))))


def create_run(rows: Rows, experiment: str, tags: dict[str, str], run_name: str) -> Row:
    run_id = f"{tags['checkout']}-{tags['kind']}"
    rows[run_id] = Row(run_id, "RUNNING", tuple(sorted(tags.items())))
    return rows[run_id]


def set_tag(rows: Rows, run_id: str, key: str, value: str) -> None:
    tags = dict(rows[run_id].tags) | {key: value}
    rows[run_id] = rows[run_id]._replace(tags=tuple(sorted(tags.items())))


def set_terminated(rows: Rows, run_id: str, status: str) -> None:
    rows[run_id] = rows[run_id]._replace(status=status)


def log_batch(rows: Rows, *_: object) -> None:
    pass


CALLS: dict[str, Callable[..., Any]] = {
    call.__name__: call for call in (search_runs, create_run, set_tag, set_terminated, log_batch)
}


class Unanswered(BaseException):
    """The next call of a publisher."""

    def __init__(self, name: str, arguments: Any, options: Any) -> None:
        self.name, self.arguments, self.options = name, arguments, options


@dataclass
class Client:
    """Client that gives the answers of a log in turn, then raises the next call."""

    answers: Iterator[Any]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            try:
                answer = next(self.answers)
            except StopIteration:
                raise Unanswered(name, arguments, options) from None
            return answer.run() if isinstance(answer, Row) else [row.run() for row in answer or ()]

        return call


class Race:
    """Publishers at once; each has the content of this name, of one arm."""

    def __init__(self, patch: pytest.MonkeyPatch, contents: dict[str, str]) -> None:
        one = runs.Content("digits", "arm", "an arm", "", {}, [], {})
        self.patch, self.publish, self.contents = patch, runs._publish, {}
        for publisher, fingerprint in contents.items():
            child = replace(one, kind="seed", fingerprint=fingerprint)
            self.contents[publisher] = replace(one, fingerprint=fingerprint, children=[child])
        patch.setattr(runs, "_commit", dict)
        patch.setattr(runs.time, "time_ns", lambda: 7)  # clocks may be coarse, and times equal

    def step(self, publisher: str, rows: Rows, logs: Logs) -> tuple[Rows, Logs]:
        """Return the store and the logs after one more call; those given stay as they are.

        The publisher runs from its start on the answers so far, and is left at the next call.
        """
        log, rows = logs[publisher], dict(rows)
        assert log is not None
        assert len(log) < 100, "a publisher does not come to an end"
        self.patch.setattr(runs, "checkout", lambda: publisher)
        try:
            self.publish(Client(iter(log)), "1", self.contents[publisher])
        except Unanswered as call:
            answer = CALLS[call.name](rows, *call.arguments, **call.options)
            return rows, {**logs, publisher: (*log, answer)}
        return rows, {**logs, publisher: None}

    def in_order(self, rows: Rows, choose: Callable[[list[str]], str]) -> Rows:
        """Return the store when all are done; `choose` says which of them is next."""
        logs: Logs = dict.fromkeys(self.contents, ())
        while left := [publisher for publisher in logs if logs[publisher] is not None]:
            rows, logs = self.step(choose(left), rows, logs)
        return rows

    def in_every_order(self, rows: Rows) -> Iterator[Rows]:
        """Yield all stores that can be left."""
        logs: Logs = dict.fromkeys(self.contents, ())
        seen, stack = set(), [(rows, logs)]
        while stack:
            rows, logs = stack.pop()
            left = [publisher for publisher in logs if logs[publisher] is not None]
            for publisher in left:
                after = self.step(publisher, rows, logs)
                state = (frozenset(after[0].values()), *after[1].values())
                if state not in seen:
                    seen.add(state)
                    stack.append(after)
            if not left:
                yield rows


def checkout_of_current(rows: Rows) -> str:
    """Return the checkout of the one current run, whose children alone are current as well."""
    tags = {row.run_id: dict(row.tags) for row in rows.values()}
    current = {run_id for run_id in tags if tags[run_id]["current"] == "true"}
    (parent,) = [run_id for run_id in current if tags[run_id]["kind"] == "arm"]
    family = {run_id for run_id in tags if tags[run_id].get("mlflow.parentRunId") == parent}
    assert current == family | {parent}
    return tags[parent]["checkout"]


@pytest.mark.parametrize("before", ["false", "true"])
def test_two_publishers_in_every_order(monkeypatch, before):
    """All interleavings of the calls after both have sent a run, made current too soon or not."""
    rows: Rows = {}
    for name in ("P", "Q"):
        tags = {"arm": "an arm", "kind": "arm", "checkout": name, "current": before}
        row = create_run(rows, "1", tags | {"fingerprint": name}, name)
        set_terminated(rows, row.run_id, "FINISHED")
    race = Race(monkeypatch, {"P": "P", "Q": "Q"})
    race.publish = runs._make_current
    ends = {checkout_of_current(rows) for rows in race.in_every_order(rows)}
    assert ends == {"P", "Q"}


def test_three_publishers_in_many_orders(monkeypatch):
    """Random interleavings from start to end, with children and two contents."""
    contents = {"P": "one", "Q": "two", "R": "one"}
    race = Race(monkeypatch, contents)
    draws, ends = random.Random(0), set()
    for _ in range(100):
        ends.add(checkout_of_current(race.in_order({}, draws.choice)))
    assert ends == {*contents}


def test_content_comes_back_once(monkeypatch):
    """Of two contents in turn, each becomes current; published again, it changes nothing."""
    rows: Rows = {}
    for name in ("one", "two", "one", "two"):
        race = Race(monkeypatch, {name: name})
        rows = race.in_order(rows, min)
        assert checkout_of_current(rows) == name
        assert race.in_order(rows, min) == rows
