"""MLflow runs of rows of a table: baselines, pairs of arms, and conditions of experiments.

Values of single seeds are a metric with the seed as its step, so one run holds all networks of a
row. Baselines are in the MLflow experiment of their dataset, beside the arms; pairs of arms are in
a separate one, for example `digits: pairs`; conditions are in one named after dataset and
experiment, for example `digits: hardness`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.analysis import baselines as baseline_table
from pipeline.analysis import results, statistics
from pipeline.analysis.results import Results, Row
from pipeline.claims import records
from pipeline.runtime import storage
from pipeline.runtime.storage import Record
from pipeline.tracking import runs
from pipeline.tracking.arms import accuracies
from pipeline.tracking.runs import Content, Point

LAYOUT = 1  # raise it where the runs change: runs published before are published anew
SUMMARIZED = ("test_error", "valid_error", "zeros", "dead_units")
BY_SEED = ("test_error", "valid_error", "zeros", "l1")


def baselines(dataset: str) -> list[Content]:
    """Return the baselines of a dataset of texts that was compared; none of other datasets."""
    folder = Path("results", dataset)
    if not all((folder / f"{name}.csv").exists() for name in ("table", "baselines")):
        return []
    compared = results.read(folder, figures=False)
    return [_baseline(compared, row) for row in baseline_table.table(compared)]


def _baseline(compared: Results, row: Row) -> Content:
    """Return a baseline: the row's means with intervals, accuracy too, and its values by seed."""
    rows = baseline_table.rows_of(compared, row["baseline"])
    params = {"dataset": compared.dataset, "baseline": row["baseline"], "seeds": row["seeds"]}
    params["folds"] = compared.folds
    params["C"] = sorted({one["C"] for one in rows if one["C"] is not None})
    params = {name: value for name, value in params.items() if value not in (None, [])}
    means = row | accuracies(row, compared.card)
    names = [name for name in rows[0] if name.startswith(("test_", "valid_"))]
    return Content(
        experiment=compared.dataset,
        kind="baseline",
        name=str(row["name"]),
        fingerprint=storage.fingerprint(LAYOUT, params, row, rows),
        params=params,
        points=[Point(name, x) for name, x in means.items() if isinstance(x, int | float)]
        + _by_seed(names, rows),
        tags=runs.source({}, command="python -m stages.baseline"),
    )


def pairs(dataset: str) -> list[Content]:
    """Return the tested pairs of arms of a dataset that was compared: their rows of tests.csv."""
    table = Path("results", dataset, "tests.csv")
    rows = results.read_table(table) if table.exists() else []
    return [
        Content(
            experiment=f"{dataset}: pairs",
            kind="pair",
            name=f"{row['first']} - {row['second']}",
            fingerprint=storage.fingerprint(LAYOUT, dataset, row),
            params={"dataset": dataset, "first": row["first"], "second": row["second"]},
            points=[Point(name, x) for name, x in row.items() if isinstance(x, int | float)],
            tags=runs.source({}, command="python -m stages.compare"),
        )
        for row in rows
        if row["p"] is not None
    ]


def conditions(dataset: str, experiment: str, confidence: float) -> list[Content]:
    """Return the conditions of an experiment that was scored; none if it was trained again since.

    `confidence` is that of the intervals.
    """
    about_file = Path("runs/experiments", dataset, experiment, "about.json")
    table = Path("claims", dataset, "records", f"{experiment}.csv")
    if not (about_file.exists() and table.exists()):
        return []
    about = storage.read_json(about_file)
    rows_by_levels: dict[tuple[Any, ...], list[Record]] = {}
    for row in records.read_rows(table):
        rows_by_levels.setdefault(tuple(row.get(name) for name in about["factors"]), []).append(row)
    trained = [name.replace("infinity", "inf") for name in about["conditions"]]  # as in records
    if ["-".join(_words(levels)) or "all" for levels in rows_by_levels] != trained:
        return []
    return [
        condition(
            f"{dataset}: {experiment}",
            dict(zip(about["factors"], levels, strict=True)),
            rows,
            about["settings"][name] | {key: about[key] for key in ("device", "torch")},
            confidence=confidence,
        )
        for (levels, rows), name in zip(rows_by_levels.items(), about["conditions"], strict=True)
    ]


def condition(
    experiment: str,
    levels: dict[str, Any],
    rows: Sequence[Record],
    about: Record,
    *,
    confidence: float,
) -> Content:
    """Return a condition: its levels as params, the means and the values by seed as metrics.

    `rows` has a row a seed. A condition without a network of some seed has failed and has no means.
    """
    dataset, _, name = experiment.partition(": ")
    failed = any(row["test_error"] is None for row in rows)
    points = [Point("seeds", sum(row["test_error"] is not None for row in rows))]
    for metric in () if failed else SUMMARIZED:
        summary = statistics.summarize([row[metric] for row in rows], confidence)
        points.append(Point(f"{metric}_mean", summary.mean))
        if metric == "test_error" and summary.low is not None and summary.high is not None:
            points += [Point(f"{metric}_low", summary.low), Point(f"{metric}_high", summary.high)]
    return Content(
        experiment=experiment,
        kind="condition",
        name=" / ".join(_words(levels.values())) or "all",
        fingerprint=storage.fingerprint(LAYOUT, confidence, levels, list(rows)),
        params={"dataset": dataset, "experiment": name, "seeds": len(rows)} | levels | about,
        points=points + _by_seed(BY_SEED, rows),
        tags=runs.source(about, command="python -m stages.score"),
        failed=failed,
    )


def _words(levels: Iterable[Any]) -> list[str]:
    return [f"{level:g}" if isinstance(level, float) else str(level) for level in levels]


def _by_seed(names: Sequence[str], rows: Sequence[Record]) -> list[Point]:
    return [
        Point(f"by_seed/{name}", row[name], int(row["seed"]))
        for name in names
        for row in rows
        if row[name] is not None
    ]
