"""The baselines of texts in MLflow: one run each, in the experiment of the arms.

The tag `kind` = "baseline" tells them from the arms. Values of single seeds are a metric whose
steps are the seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.analysis import baselines, results
from pipeline.analysis.results import Results, Row
from pipeline.runtime import storage
from pipeline.runtime.storage import Record
from pipeline.tracking import publishing, single, store
from pipeline.tracking.contents import Point, accuracies

LAYOUT = 1  # raise it where the runs change: baselines published before are published anew


@dataclass(frozen=True)
class FinishedBaseline:
    """A baseline of a dataset, summed up in a row of `baselines.table`."""

    results: Results
    row: Row

    kind = "baseline"
    source = "python -m stages.baseline"
    failed = False

    @property
    def name(self) -> str:
        """As people call it, e.g. `logistic regression`."""
        return str(self.row["name"])

    @property
    def rows(self) -> list[Row]:
        """Its rows in baselines.csv, one a seed."""
        return baselines.rows_of(self.results, self.row["baseline"])

    @property
    def fingerprint(self) -> str:
        """What tells whether it was published already."""
        return storage.fingerprint(LAYOUT, self.params(), self.row, self.rows)

    @property
    def about(self) -> Record:
        """Neither a device nor torch has a part in it."""
        return {"device": None, "torch": None}

    def params(self) -> dict[str, Any]:
        """Return what it is, on how many seeds, and the strengths that were chosen."""
        own = {"dataset": self.results.dataset, "baseline": self.row["baseline"]}
        own |= {"seeds": self.row["seeds"], "folds": self.results.folds}
        own["C"] = sorted({row["C"] for row in self.rows if row["C"] is not None})
        return {name: value for name, value in own.items() if value not in (None, [])}

    def points(self) -> list[Point]:
        """Return the row's means with their intervals, accuracy too, and its values by seed."""
        told = self.row | accuracies(self.row, self.results.card)
        points = [
            Point(name, value) for name, value in told.items() if isinstance(value, int | float)
        ]
        names = [name for name in self.rows[0] if name.startswith(("test_", "valid_"))]
        return points + [
            Point(f"by_seed/{name}", row[name], int(row["seed"]))
            for name in names
            for row in self.rows
        ]


def read(dataset: str) -> list[FinishedBaseline]:
    """Read the baselines of a dataset that was compared; none where there are none of texts."""
    folder = Path("results", dataset)
    if not all((folder / f"{name}.csv").exists() for name in ("table", "baselines")):
        return []
    found = results.read(folder, figures=False)
    return [FinishedBaseline(found, row) for row in baselines.table(found)]


def publish(told: Sequence[FinishedBaseline], *, uri: str) -> int:
    """Publish the baselines of one dataset to the store at `uri`; return how many were new.

    Raises Unreachable where the store fails.
    """
    if not told:
        return 0
    with store.opened(uri) as client:
        name, tags = told[0].results.dataset, publishing.EXPERIMENT
        experiment = publishing.experiment(client, name, uri, tags=tags)
        return single.publish(client, experiment, told)
