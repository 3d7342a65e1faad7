"""What the arms have to beat, summed up over seeds as the arms are."""

import math
from collections.abc import Sequence

from pipeline.analysis import statistics
from pipeline.analysis.criterion import ERROR
from pipeline.analysis.results import Results, Row, arm_key

NAMES = {"logistic": "logistic regression", "constant": "always the same answer"}


def table(results: Results) -> list[Row]:
    """Return a row a baseline of a dataset of texts: `baseline`, `name`, `seeds`, and the columns
    of its measures as in table.csv.

    Other datasets have the constant alone, of which the number of classes says as much: no rows.
    """
    if not results.of_texts:
        return []
    return [_row(results, key) for key in NAMES if rows_of(results, key)]


def near(results: Results) -> list[Row]:
    """Return the rows of the table that a figure of the arms has room for.

    One much worse than all arms would leave them a corner of it: these lie no further above the
    arms' highest seed than that is above their lowest.
    """
    key = results.measure.key
    seeds = [run[key] for run in results.runs if run[key] is not None]
    most = 2 * max(seeds) - min(seeds) if seeds else math.inf
    return [row for row in table(results) if row[f"{key}_mean"] <= most]


def rows_of(results: Results, baseline: str) -> list[Row]:
    """Return the rows of baselines.csv of one baseline, one a seed."""
    return [row for row in results.baselines if row["baseline"] == baseline]


def _row(results: Results, baseline: str) -> Row:
    mine = rows_of(results, baseline)
    row: Row = {"baseline": baseline, "name": NAMES[baseline], "seeds": len(mine)}
    for key in dict.fromkeys((results.measure.key, ERROR.key)):
        found = summary(results, [each[key] for each in mine])
        row |= {f"{key}_{part}": getattr(found, part) for part in ("mean", "std", "low", "high")}
    return row


def summary(results: Results, values: Sequence[float]) -> statistics.Summary:
    """Return the summary of one value a seed, with the confidence of the dataset's intervals."""
    return statistics.summarize(values, results.protocol["confidence"])


def by_seed(results: Results, baseline: str, key: str) -> dict[int, float]:
    """Return a quantity of a baseline by seed of the arms; empty where some seed has none.

    What was scored once, because all seeds have one split, is the same for each.
    """
    found = {int(row["seed"]): row[key] for row in rows_of(results, baseline)}
    seeds = range(results.protocol["seeds"])
    if results.folds is None and 0 in found:
        found = dict.fromkeys(seeds, found[0])
    return {seed: found[seed] for seed in seeds} if found.keys() >= {*seeds} else {}


def of_arm(results: Results, arm: str, key: str) -> dict[int, float]:
    """Return a quantity of an arm by seed; empty for an arm that failed or is not there."""
    found = {int(run["seed"]): run[key] for run in results.runs if arm_key(run) == arm}
    return {} if None in found.values() else found
