"""Experiments in MLflow: one run a condition, all from the table of its scores.

The MLflow experiment is named after the dataset and ours, say `digits: hardness`. Values of single
networks are a metric whose steps are the seeds, so that the many networks of one condition are one
run. Runs of a condition's earlier content are kept, with the tag `current` = "false".
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.analysis import statistics
from pipeline.analysis.results import read_table
from pipeline.runtime import storage
from pipeline.runtime.storage import Record
from pipeline.tracking import publishing, single, store, view
from pipeline.tracking.contents import Point

log = logging.getLogger(__name__)

LAYOUT = 1  # raise it where the runs change: conditions published before are published anew
SUMMARIZED = ("test_error", "valid_error", "zeros", "dead_units")
EACH = ("test_error", "valid_error", "zeros", "l1")  # told of every network, by seed
EXPERIMENT = {"mlflow.experimentKind": "custom_model_development", view.TAG: view.conditions()}


@dataclass(frozen=True)
class FinishedCondition:
    """A condition of an experiment with its scores, one row a seed, and how it was made."""

    dataset: str
    experiment: str
    levels: dict[str, Any]
    rows: Sequence[Record]
    about: Record
    confidence: float

    kind = "condition"
    source = "python -m stages.score"

    @property
    def name(self) -> str:
        """Its levels, e.g. `tanh / pretrained / 0.05`; `all` where nothing is varied."""
        levels = [f"{v:g}" if isinstance(v, float) else str(v) for v in self.levels.values()]
        return " / ".join(levels) or "all"

    @property
    def fingerprint(self) -> str:
        """What tells whether it was published already."""
        return storage.fingerprint(LAYOUT, self.confidence, self.levels, list(self.rows))

    @property
    def failed(self) -> bool:
        """Whether some seed has no network."""
        return any(row["test_error"] is None for row in self.rows)

    def params(self) -> dict[str, Any]:
        """Return its levels and how it was made."""
        own = {"dataset": self.dataset, "experiment": self.experiment, "seeds": len(self.rows)}
        return own | self.levels | self.about

    def points(self) -> list[Point]:
        """Return the means with the interval of the error, and every network's values by seed.

        A failed condition has no means: survivors are no sample.
        """
        points = [Point("seeds", sum(row["test_error"] is not None for row in self.rows))]
        for name in () if self.failed else SUMMARIZED:
            found = statistics.summarize([row[name] for row in self.rows], self.confidence)
            points.append(Point(f"{name}_mean", found.mean))
            if name == "test_error" and found.low is not None and found.high is not None:
                points += [Point(f"{name}_low", found.low), Point(f"{name}_high", found.high)]
        return points + [
            Point(f"by_seed/{name}", row[name], int(row["seed"]))
            for name in EACH
            for row in self.rows
            if row[name] is not None
        ]


def read(dataset: str, experiment: str, confidence: float) -> list[FinishedCondition]:
    """Read the conditions of an experiment that was scored; none where it was not."""
    about_file = Path("runs/experiments", dataset, experiment, "about.json")
    table = Path("claims", dataset, "records", f"{experiment}.csv")
    if not (about_file.exists() and table.exists()):
        return []
    about = storage.read_json(about_file)
    made = {key: about[key] for key in ("device", "torch")}
    parts: dict[tuple[Any, ...], list[Record]] = {}
    for row in read_table(table):
        parts.setdefault(tuple(row[factor] for factor in about["factors"]), []).append(row)
    settings = [about["settings"][name] for name in about["conditions"]]
    return [
        FinishedCondition(
            dataset,
            experiment,
            dict(zip(about["factors"], levels, strict=True)),
            rows,
            setting | made,
            confidence,
        )
        for (levels, rows), setting in zip(parts.items(), settings, strict=True)
    ]


def publish_or_warn(conditions: Sequence[FinishedCondition], *, uri: str) -> None:
    """Publish conditions; where that fails, log one warning line: the caller goes on."""
    try:
        publish(conditions, uri=uri)
    except Exception as error:  # results are on disk: no fault of a tracker may stop a stage
        log.warning("warning: %s: %s", conditions[0].experiment, error)


def publish(conditions: Sequence[FinishedCondition], *, uri: str) -> int:
    """Publish the conditions of one experiment to the store at `uri`; return how many were new.

    Raises Unreachable where the store fails.
    """
    if not conditions:
        return 0
    first = conditions[0]
    with store.opened(uri) as client:
        name = f"{first.dataset}: {first.experiment}"
        experiment = publishing.experiment(client, name, uri, tags=EXPERIMENT)
        return single.publish(client, experiment, conditions)
