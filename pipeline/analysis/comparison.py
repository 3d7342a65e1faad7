"""Comparison of the arms of one dataset: tables, intervals, paired tests and validation curves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from pipeline.analysis import sequential, statistics
from pipeline.config.arms import Arm, arms_of
from pipeline.config.params import Params
from pipeline.paper import published
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

Row = dict[str, Any]

TABLE = [
    "dataset", "activation", "initialization", "seeds", "test_error_mean", "test_error_std",
    "test_error_low", "test_error_high", "valid_error_mean", "zeros_mean", "dead_units_mean",
    "paper_test_error",
]  # fmt: skip
RUNS = [
    "dataset", "activation", "initialization", "seed", "learning_rate", "pretrain_learning_rates",
    "best_epoch", "valid_error", "test_error", "zeros", "zeros_by_layer", "dead_units", "diverged",
    "pretrain_diverged",
]  # fmt: skip
TESTS = [
    "first", "second", "n", "difference_mean", "low", "high", "p", "p_holm", "significant",
    "papers_mark", "seeds_needed", "split_error",
]  # fmt: skip

PAPERS_LEVEL = 0.05  # Table 1 marks pairs that a plain pairwise test at this p does not separate
CURVE_RULE = (
    "mean over seeds of the validation error after each epoch, of the network chosen for each "
    "seed; a network that has stopped keeps counting with its last error"
)


@dataclass(frozen=True)
class Outcome:
    """Scores of one arm, one record a seed, in the order of the seeds."""

    arm: Arm
    records: Sequence[Record]

    @property
    def failed(self) -> bool:
        """Whether some seed has no network, because every learning rate diverged."""
        return any(record["test_error"] is None for record in self.records)

    @property
    def finished(self) -> int:
        """The number of seeds that produced a result."""
        return sum(record["test_error"] is not None for record in self.records)

    def by_seed(self, name: str) -> dict[int, float]:
        """Return a quantity by seed; None at a seed without a network."""
        return {record["seed"]: record[name] for record in self.records}

    def summary(self, name: str, confidence: float) -> statistics.Summary | None:
        """Summarize a quantity over all seeds; None for a failed arm: survivors are no sample."""
        if self.failed:
            return None
        return statistics.summarize(list(self.by_seed(name).values()), confidence)

    def mean(self, name: str) -> float | None:
        """Return the mean of a quantity over all seeds, None for a failed arm."""
        return None if self.failed else statistics.mean(list(self.by_seed(name).values()))


def outcomes(settings: Params, dataset: str, scores: Mapping[str, list[Record]]) -> list[Outcome]:
    """Return the outcome of each arm of params.yaml, from its scores by arm key.

    Raises Problem with the command to run where an arm or a seed is missing, or there is a seed too
    many.
    """
    return [
        Outcome(arm, _complete(arm, scores.get(arm.key), settings.run.seeds))
        for arm in arms_of(settings, dataset)
    ]


def _complete(arm: Arm, scores: list[Record] | None, seeds: int) -> list[Record]:
    remedy = f"run `dvc repro evaluate@{arm.dataset}`"
    if scores is None:
        raise Problem(f"{arm.name} has no scores in {arm.scores}: {remedy}")
    known = sorted(record["seed"] for record in scores)
    if missing := sorted(set(range(seeds)) - set(known)):
        raise Problem(f"{arm.name} lacks seed {missing[0]} in {arm.scores}: {remedy}")
    if known != list(range(seeds)):
        extra = next(seed for seed in known if seed >= seeds or known.count(seed) > 1)
        raise Problem(f"{arm.name} has an extra seed {extra} in {arm.scores}: {remedy}")
    return sorted(scores, key=lambda record: record["seed"])


def of_ratings(results: Sequence[Outcome]) -> bool:
    """Return whether labels are ratings, so that records also have the RMSE of expected stars."""
    return all("test_rmse" in record for outcome in results for record in outcome.records)


def columns(known: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return the columns of a table: the known ones, then the columns of ratings in its rows."""
    return [*known, *(column for row in rows[:1] for column in row if "rmse" in column)]


def rank(record: Record) -> tuple[float, float, int]:
    """Return the sort key of a seed's chosen network, from its record; lower is better.

    The validation error, or of ratings its RMSE, then the validation cost, then the seed.
    """
    error = record["valid_rmse"] if "valid_rmse" in record else record["valid_error"]
    return error, record["valid_cost"], record["seed"]


def best_seed(outcome: Outcome) -> int:
    """Return the seed of an arm whose network ranks best on validation."""
    return int(min(outcome.records, key=rank)["seed"])


def table(results: Sequence[Outcome], confidence: float) -> list[Row]:
    """Return the rows of table.csv, one an arm; a failed arm's errors and shares are None."""
    return [_table_row(outcome, confidence) for outcome in results]


def _table_row(outcome: Outcome, confidence: float) -> Row:
    arm = outcome.arm
    row: Row = {
        **_names(arm),
        "seeds": outcome.finished,
        **_summary("test_error", outcome, confidence),
        "valid_error_mean": outcome.mean("valid_error"),
        "zeros_mean": outcome.mean("zeros"),
        "dead_units_mean": outcome.mean("dead_units"),
        "paper_test_error": published.test_error(arm.dataset, arm.activation, arm.initialization),
    }
    if not of_ratings([outcome]):
        return row
    rmse = _summary("test_rmse", outcome, confidence)
    return row | rmse | {"valid_rmse_mean": outcome.mean("valid_rmse")}


def _summary(name: str, outcome: Outcome, confidence: float) -> Row:
    summary = outcome.summary(name, confidence)
    parts = ("mean", "std", "low", "high")
    return {f"{name}_{part}": summary and getattr(summary, part) for part in parts}


def _names(arm: Arm) -> Row:
    return {
        "dataset": arm.dataset,
        "activation": arm.activation,
        "initialization": arm.initialization,
    }


def runs(results: Sequence[Outcome]) -> list[Row]:
    """Return the rows of runs.csv, one an arm and seed."""
    return [
        _names(outcome.arm) | {column: record[column] for column in columns(RUNS[3:], [record])}
        for outcome in results
        for record in outcome.records
    ]


def metrics(results: Sequence[Outcome], confidence: float) -> dict[str, Row]:
    """Return metrics.json: the figures of each arm by its key, None for a failed arm."""
    names = ["test_error_mean", "test_error_low", "test_error_high"]
    names += ["valid_error_mean", "zeros_mean", "dead_units_mean"]
    if of_ratings(results):
        names += ["test_rmse_mean", "test_rmse_low", "test_rmse_high"]
    rows = zip(results, table(results, confidence), strict=True)
    return {outcome.arm.key: {name: row[name] for name in names} for outcome, row in rows}


def errors(results: Sequence[Outcome], confidence: float) -> list[Row]:
    """Return errors.json for `dvc plots`: the test error of each arm, a fraction."""
    return [
        {
            "arm": outcome.arm.key,
            "error": row["test_error_mean"],
            "low": row["test_error_low"],
            "high": row["test_error_high"],
        }
        for outcome, row in zip(results, table(results, confidence), strict=True)
    ]


def paired_tests(results: Sequence[Outcome], confidence: float, significance: float) -> list[Row]:
    """Return the rows of tests.csv: the paired test of each pair of arms, first - second.

    Test errors are compared, or the RMSE where labels are ratings.

    `significant` follows Holm's correction over all pairs. `papers_mark` applies the criterion of
    the paper's Table 1 to the results here, for the two initializations of one activation: True
    where a plain paired t-test at 0.05 does not separate them. Pairs with a failed arm, or of one
    seed, stay without a test.

    `seeds_needed` is the number of seeds that would show the difference of a pair that is not
    significant, with 80% power at its level of Holm's procedure, were its difference and spread
    the true ones. `split_error` is the most that the choice of test examples adds to the standard
    error of a difference of test errors: the binomial one, which more seeds do not lower.
    """
    pairs = list(combinations(results, 2))
    rows = [_pair(*pair, confidence) for pair in pairs]
    tested = [(row, pair) for row, pair in zip(rows, pairs, strict=True) if row["p"] is not None]
    p_values = [row["p"] for row, _ in tested]
    adjusted = statistics.holm(p_values)
    levels = statistics.holm_levels(p_values, significance)
    for (row, pair), p_holm, level in zip(tested, adjusted, levels, strict=True):
        row |= {"p_holm": p_holm, "significant": p_holm <= significance}
        if not row["significant"]:
            row["seeds_needed"] = _seeds_needed(*pair, level)
    return rows


def _pair(first: Outcome, second: Outcome, confidence: float) -> Row:
    row: Row = dict.fromkeys(TESTS)
    row |= {"first": first.arm.key, "second": second.arm.key}
    if first.failed or second.failed:
        return row
    least = 0.0 if of_ratings([first, second]) else _one_example(first)
    test = statistics.paired_test(*_measured(first, second), confidence, least=least)
    row |= {"n": test.n, "difference_mean": test.difference}
    row |= {"low": test.low, "high": test.high, "p": test.p}
    if test.p is not None and first.arm.activation == second.arm.activation:
        row["papers_mark"] = test.p > PAPERS_LEVEL
    if not of_ratings([first, second]):
        row["split_error"] = _split_error(first, second)
    return row


def _measured(first: Outcome, second: Outcome) -> tuple[dict[int, float], dict[int, float]]:
    what = "test_rmse" if of_ratings([first, second]) else "test_error"
    return first.by_seed(what), second.by_seed(what)


def _seeds_needed(first: Outcome, second: Outcome, level: float) -> int:
    one, other = _measured(first, second)
    differences = [one[seed] - other[seed] for seed in one]
    distance = abs(statistics.mean(differences))
    std = max(statistics.std(differences), _one_example(first))  # less is luck
    return sequential.seeds_needed([distance], std, level, least=len(differences))


def _one_example(outcome: Outcome) -> float:
    """Return the error of one test example, the least spread of errors that counts."""
    return 1 / float(outcome.records[0]["test_examples"])


def _split_error(first: Outcome, second: Outcome) -> float:
    errors = [statistics.mean(list(arm.by_seed("test_error").values())) for arm in (first, second)]
    return math.sqrt(sum(e * (1 - e) for e in errors) / first.records[0]["test_examples"])


def curves(results: Sequence[Outcome], histories: Mapping[str, Sequence[Record]]) -> dict[str, Any]:
    """Return curves.json, from the scores and, by arm key, the records of fine-tuning.

    Of each arm: `valid_error` (fractions) and `training` (networks not yet stopped) by epoch from
    1 up, `zeros_by_layer` (shares, lowest layer first). None for a failed arm.
    """
    arms = {
        outcome.arm.key: None if outcome.failed else _curves(outcome, histories[outcome.arm.key])
        for outcome in results
    }
    return {"rule": CURVE_RULE, "arms": arms}


def _curves(outcome: Outcome, history: Sequence[Record]) -> dict[str, Any]:
    chosen = [_finite(record["valid_errors"]) for record in history if record["chosen"]]
    epochs = range(max(map(len, chosen)))
    zeros = zip(*(record["zeros_by_layer"] for record in outcome.records), strict=True)
    return {
        "valid_error": [
            statistics.mean([errors[min(epoch, len(errors) - 1)] for errors in chosen])
            for epoch in epochs
        ],
        "training": [sum(len(errors) > epoch for errors in chosen) for epoch in epochs],
        "zeros_by_layer": [statistics.mean(layer) for layer in zeros],
    }


def _finite(errors: Sequence[float | None]) -> list[float]:
    return [error for error in errors if error is not None]
