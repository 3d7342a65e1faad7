"""Results of one dataset as sentences, with all numbers taken from the results."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.analysis import baselines, statistics
from pipeline.analysis.criterion import RMSE
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.config import arms
from pipeline.report.text.wording import (
    listed,
    name,
    percent,
    planned_seeds,
    plural,
    sentence,
    spoken,
)


def ranked(results: Results) -> list[Row]:
    """Return the rows of table.csv that have a mean of the measure, lowest first."""
    means = [(results.measure.mean(row), row) for row in results.table]
    known = [(mean, row) for mean, row in means if mean is not None]
    return [row for _, row in sorted(known, key=lambda pair: pair[0])]


def failed(results: Results) -> list[Row]:
    """Return the rows of table.csv of arms in which some seed has no network."""
    return [row for row in results.table if row["test_error_mean"] is None]


def pair(results: Results, test: Row) -> tuple[str, str]:
    """Return the two arms of a row of tests.csv, e.g. `tanh: random` and `pre-trained`."""
    rows = {arm_key(row): row for row in results.table}
    first, second = (name(rows[test[end]]) for end in ("first", "second"))
    activation = rows[test["first"]]["activation"]
    if activation == rows[test["second"]]["activation"]:
        first, second = (text.removeprefix(f"{activation}, ") for text in (first, second))
        first = f"{activation}: {first}"
    return first, second


def answer(results: Results) -> str:
    """Return one sentence: the arm with the lowest mean of the measure, and this mean."""
    rows, measure = ranked(results), results.measure
    if not rows:
        return "No arm has a result for every seed, so no arm can be called the best."
    best, confidence = rows[0], percent(results.protocol["confidence"], 0)
    spread = "one seed: no interval"
    if (ends := measure.ends(best)) is not None:
        low, high = map(measure.shown, ends)
        spread = f"{confidence}% interval {low} to {high}, {best['seeds']:g} seeds"
    mean = measure.with_unit(measure.mean(best))
    return f"{sentence(spoken(best))} has the lowest mean {measure.name}: {mean} ({spread})."


def standing(results: Results) -> str:
    """Return one sentence: the other arms from which the best one differs significantly.

    Empty where no arm is called the best, or no other arm can be compared with it.
    """
    keys = [arm_key(row) for row in ranked(results)]
    pairs = [{keys[0], other} for other in keys[1:]]
    tests = [test for test in results.tests if {test["first"], test["second"]} in pairs]
    if not tests:
        return ""
    if tests[0]["p"] is None:
        return "With one seed no test is possible: the order of the arms may be chance."
    significant = [{test["first"], test["second"]} for test in tests if test["significant"]]
    differing = [arms.spoken(key) for key in keys[1:] if {keys[0], key} in significant]
    count = sum(test["p"] is not None for test in results.tests)
    how = f"paired t-tests, Holm's correction over {count} {plural(count, 'pair')}"
    if len(differing) == len(tests):
        names = f"all {len(tests)} other arms" if len(tests) > 1 else "the other arm"
    elif differing:
        names, how = listed(differing), f"{len(differing)} of {len(tests)} other arms; {how}"
    else:
        names = "no other arm"
    return (
        f"It differs significantly from {names} ({how}); a difference that is not significant does "
        "not show that two arms are equal."
    )


def seeds_needed(results: Results) -> str | None:
    """Return the seeds needed to separate the arms, and the error that more seeds do not reduce.

    None where all tested pairs differ significantly, or none is tested.
    """
    tests = [test for test in results.tests if test["p"] is not None]
    needed = sorted(test["seeds_needed"] for test in tests if test.get("seeds_needed"))
    if not needed:
        return None
    least, most = (planned_seeds(ends) for ends in (needed[0], needed[-1]))
    ends = least if least == most else f"{least} to {most.removeprefix('about ')}"
    text = (
        f"{len(needed)} of {len(tests)} {plural(len(tests), 'pair')} of arms do not differ "
        f"significantly with {results.protocol['seeds']} seeds; {ends} seeds would be needed, with "
        "80% power, if the true differences are those observed."
    )
    split = [test["split_error"] for test in tests if test["split_error"] is not None]
    if results.folds or not split:
        return text
    return (
        f"{text} More seeds do not reduce the error from sampling the test split, which adds up to "
        f"{percent(max(split))} points to the standard error of a difference."
    )


def layers(results: Results) -> dict[str, int]:
    """Return the number of hidden layers of the arms' networks, by arm key; failed arms are absent.

    For networks without hidden layers table.csv has the sparsity of their inputs.
    """
    return {
        arm_key(run): len(run["zeros_by_layer"])
        for run in results.runs
        if run["test_error"] is not None
    }


@dataclass(frozen=True)
class Rates:
    """Learning rates of an arm, highest first, each with a number of seeds.

    `chosen` and `diverged` are of fine-tuning. `pretrain_diverged` has texts such as `layer 1, rate
    0.1`, of rates that diverged in pre-training or were too high to learn. It is empty where no
    rate failed, and for older results without this column.
    """

    arm: str
    chosen: list[tuple[float, int]]
    diverged: list[tuple[float, int]]
    pretrain_diverged: list[tuple[str, int]]


def rates(results: Results) -> list[Rates]:
    """Return the learning rates of each arm."""
    return [_rates(results, row) for row in results.table]


def _rates(results: Results, row: Row) -> Rates:
    runs = [run for run in results.runs if arm_key(run) == arm_key(row)]
    return Rates(
        name(row),
        _counted(run["learning_rate"] for run in runs if run["learning_rate"] is not None),
        _counted(rate for run in runs for rate in run["diverged"]),
        _pretraining(runs),
    )


def _pretraining(runs: Iterable[Row]) -> list[tuple[str, int]]:
    """Return layers and rates that failed; `1:0.1 2:0.1` of a run is rate 0.1 in layers 1 and 2."""
    places = Counter(place for run in runs for place in run.get("pretrain_diverged", "").split())
    return [(f"layer {place.replace(':', ', rate ')}", n) for place, n in sorted(places.items())]


def _counted(values: Iterable[float]) -> list[tuple[float, int]]:
    return sorted(Counter(values).items(), reverse=True)


def against_baseline(results: Results) -> str | None:
    """Return one sentence: the logistic regression against the best arm, paired over seeds.

    None where the dataset has no such baseline, or no arm has a mean.
    """
    best, measure = ranked(results)[:1], results.measure
    theirs = baselines.by_seed(results, "logistic", measure.key) if results.of_texts else {}
    if not best or not theirs:
        return None
    confidence = results.protocol["confidence"]
    ours = baselines.of_arm(results, arm_key(best[0]), measure.key)
    test, word = statistics.paired_test(theirs, ours, confidence), "higher"
    if test.difference < 0:
        test, word = statistics.paired_test(ours, theirs, confidence), "lower"
    spread = "one seed: no interval"
    if test.low is not None:
        ends = f"{measure.shown(test.low)} to {measure.shown(test.high)}"
        spread = f"{percent(confidence, 0)}% interval {ends}, paired over {test.n} seeds"
    mean = measure.with_unit(statistics.mean(list(theirs.values())))
    gap = f"{measure.shown(test.difference)} {measure.difference}"
    return f"Logistic regression on the same terms has {mean}, {gap} {word} ({spread})."


def baselines_note(results: Results) -> str | None:
    """Return how the baselines were made, and what was chosen; None where there are none."""
    if not baselines.table(results):
        return None
    parts = []
    if baselines.rows_of(results, "logistic"):
        parts.append(_regression(results))
    if baselines.rows_of(results, "constant"):
        stars = ", or for the RMSE the mean stars" if results.measure is RMSE else ""
        parts.append(f"Always the same answer: the most frequent class in training{stars}.")
    return " ".join(parts)


def _regression(results: Results) -> str:
    fits = baselines.rows_of(results, "logistic")
    strengths = ", ".join(f"{C:g} ({n} of {len(fits)})" for C, n in _counted(f["C"] for f in fits))
    measure = "RMSE" if results.measure is RMSE else "error"
    text = (
        "Logistic regression: scikit-learn's with an L2 penalty, on the same terms, labels and "
        f"splits; the lowest validation {measure} (ties: lower validation cost) chose its inverse "
        f"strength C: {strengths}."
    )
    stopped = sum(not row["converged"] for row in fits)
    return f"{text} {stopped} {plural(stopped, 'fit')} stopped before the end." if stopped else text
