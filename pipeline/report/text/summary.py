"""Results of one dataset in sentences: every number in them comes from the results."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.analysis import baselines, statistics
from pipeline.analysis.criterion import RMSE
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.report.text.wording import equals, name, percent, plural, seeds, sentence, spoken


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
        return "No arm has a result for each seed, so none can be called the best."
    best, confidence = rows[0], percent(results.protocol["confidence"], 0)
    spread = "one seed: no interval"
    if (ends := measure.ends(best)) is not None:
        low, high = map(measure.shown, ends)
        spread = f"{confidence}% interval {low} to {high}, {best['seeds']:g} seeds"
    mean = measure.with_unit(measure.mean(best))
    return f"{sentence(spoken(best))} has the lowest mean {measure.name}: {mean} ({spread})."


def standing(results: Results) -> list[str]:
    """Return sentences on how surely the best arm differs from the others."""
    rows = ranked(results)
    if len(rows) < 2:
        return ["There is no second arm to compare it with."] if rows else []
    tests = [_test(results, arm_key(rows[0]), arm_key(other)) for other in rows[1:]]
    if tests[0]["p"] is None:
        return ["One seed allows no test: the order of the arms may be chance."]
    sentences = [_against_next(results, rows[1], tests[0])]
    if len(tests) > 1:
        significant = sum(test["significant"] for test in tests)
        sentences.append(
            f"{sentence(spoken(rows[0]))} differs significantly from {significant} of the "
            f"{len(tests)} arms with a higher mean."
        )
    return sentences


def _test(results: Results, best: str, other: str) -> Row:
    """Return the paired test of two arms as `other - best`."""
    test = next(row for row in results.tests if {row["first"], row["second"]} == {best, other})
    if test["first"] == other or test["p"] is None:
        return test
    turned = {"difference_mean": -test["difference_mean"], "low": -test["high"]}
    return test | turned | {"high": -test["low"]}


def _against_next(results: Results, second: Row, test: Row) -> str:
    measure = results.measure
    gap, low, high = (measure.shown(test[key]) for key in ("difference_mean", "low", "high"))
    pairs = sum(row["p"] is not None for row in results.tests)
    confidence = percent(results.protocol["confidence"], 0)
    facts = (
        f"{gap} {measure.difference} higher ({confidence}% interval {low} to {high}; "
        f"{equals(test['p_holm'])} after Holm's correction over {pairs} {plural(pairs, 'pair')})"
    )
    arm = f"{spoken(second)} ({measure.with_unit(measure.mean(second))})"
    if test["significant"]:
        return f"The next arm, {arm}, is {facts}: a significant difference."
    return (
        f"The next arm, {arm}, is {facts}: the test does not separate the two, "
        "which is not to say that they are equal."
    )


def seeds_needed(results: Results) -> str | None:
    """Return the seeds that would tell the arms apart, and what they would not decide.

    None where all tested pairs differ significantly, or none is tested.
    """
    tests = [test for test in results.tests if test["p"] is not None]
    needed = sorted(test["seeds_needed"] for test in tests if test.get("seeds_needed"))
    if not needed:
        return None
    ends = " to ".join(map(seeds, sorted({needed[0], needed[-1]})))
    text = (
        f"{len(needed)} of {len(tests)} {plural(len(tests), 'pair')} of arms are not separated by "
        f"{results.protocol['seeds']} seeds; {ends} would do, with 80% power, if the differences "
        "are as observed."
    )
    split = [test["split_error"] for test in tests if test["split_error"] is not None]
    if results.folds or not split:
        return text
    return (
        f"{text} More seeds do not change the choice of test examples, which adds up to "
        f"{percent(max(split))} points to the standard error of a difference."
    )


def agreement(results: Results) -> str | None:
    """Return how many of the paper's errors lie in our intervals; None where there are none."""
    known = [row for row in ranked(results) if row["paper_test_error"] is not None]
    bounded = [row for row in known if row["test_error_low"] is not None]
    if not bounded:
        return None
    inside = sum(
        row["test_error_low"] <= row["paper_test_error"] <= row["test_error_high"]
        for row in bounded
    )
    return f"The paper's test error lies inside our interval for {inside} of {len(bounded)} arms."


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

    `chosen` and `diverged` are of fine-tuning. `pretrain_diverged` has the hidden layer before the
    rate; it is empty where pre-training diverged nowhere, and where the records do not have it.
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
    """Return diverged layers and rates; `1:0.1 2:0.1` of a run is rate 0.1 in layers 1 and 2."""
    places = Counter(place for run in runs for place in run.get("pretrain_diverged", "").split())
    return [(f"layer {place.replace(':', ', rate ')}", n) for place, n in sorted(places.items())]


def _counted(values: Iterable[float]) -> list[tuple[float, int]]:
    return sorted(Counter(values).items(), reverse=True)


def divergence(results: Results) -> str:
    """Return one sentence: the arms that diverged, at which rates and for how many seeds."""
    seeds = results.protocol["seeds"]
    parts = [
        f"{arm.arm}, at "
        + ", ".join(f"{rate:g} ({n} of {seeds} seeds)" for rate, n in arm.diverged)
        for arm in rates(results)
        if arm.diverged
    ]
    text = f"Diverged in fine-tuning: {'; '.join(parts) or 'no arm at any learning rate'}."
    arms = [arm.arm for arm in rates(results) if arm.pretrain_diverged]
    return f"{text} Diverged in pre-training: {'; '.join(arms)} (rates below)." if arms else text


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
    return f"Logistic regression on the same terms has {mean}: {gap} {word} ({spread})."


def baselines_note(results: Results) -> str | None:
    """Return how the baselines were made, and what was chosen; None where there are none."""
    if not baselines.table(results):
        return None
    parts = []
    if baselines.rows_of(results, "logistic"):
        parts.append(_regression(results))
    if baselines.rows_of(results, "constant"):
        stars = ", for the RMSE its mean stars" if results.measure is RMSE else ""
        parts.append(f"Always the same answer: the training part's most frequent class{stars}.")
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
