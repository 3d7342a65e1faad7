"""Baselines of a dataset, summarized over seeds as the arms are."""

import math

from pipeline.analysis import statistics
from pipeline.analysis.criterion import ERROR
from pipeline.analysis.results import Results, Row, arm_key

NAMES = {"logistic": "logistic regression", "constant": "always the same answer"}


def table(results: Results) -> list[Row]:
    """Return one row a baseline of a dataset of texts: key, name, seeds, and means as in table.csv.

    Other datasets have the constant alone, which follows from the number of classes: no rows.
    """
    if not results.of_texts:
        return []
    return [_row(results, key) for key in NAMES if rows_of(results, key)]


def near(results: Results) -> list[Row]:
    """Return the rows of the table that fit in a figure of the arms.

    A baseline much worse than all arms would squeeze the arms into a corner. The rows returned are
    no further above the arms' highest seed than that seed is above the lowest.
    """
    key = results.measure.key
    seeds = [run[key] for run in results.runs if run[key] is not None]
    most = 2 * max(seeds) - min(seeds) if seeds else math.inf
    return [row for row in table(results) if row[f"{key}_mean"] <= most]


def rows_of(results: Results, baseline: str) -> list[Row]:
    """Return the rows of baselines.csv of one baseline, one a seed."""
    return [row for row in results.baselines if row["baseline"] == baseline]


def _row(results: Results, baseline: str) -> Row:
    seeds = rows_of(results, baseline)
    row: Row = {"baseline": baseline, "name": NAMES[baseline], "seeds": len(seeds)}
    for key in dict.fromkeys((results.measure.key, ERROR.key)):
        values = [seed[key] for seed in seeds]
        summary = statistics.summarize(values, results.protocol["confidence"])
        row |= {f"{key}_{part}": getattr(summary, part) for part in ("mean", "std", "low", "high")}
    return row


def by_seed(results: Results, baseline: str, key: str) -> dict[int, float]:
    """Return a quantity of a baseline by seed of the arms; empty where a seed lacks it.

    Where all seeds have one split, the baseline was scored once and every seed has that score.
    """
    values = {int(row["seed"]): row[key] for row in rows_of(results, baseline)}
    seeds = range(results.protocol["seeds"])
    if results.folds is None and 0 in values:
        values = dict.fromkeys(seeds, values[0])
    return {seed: values[seed] for seed in seeds} if values.keys() >= {*seeds} else {}


def of_arm(results: Results, arm: str, key: str) -> dict[int, float]:
    """Return a quantity of an arm by seed; empty for an arm that failed or is not there."""
    values = {int(run["seed"]): run[key] for run in results.runs if arm_key(run) == arm}
    return {} if None in values.values() else values
