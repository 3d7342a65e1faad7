"""What a dataset's results say, in words: every number in a sentence comes from the results."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.analysis import criterion
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.config import arms
from pipeline.config.params import PAPER_IMAGES
from pipeline.report.text.names import label

UNKNOWN = criterion.UNKNOWN


def percent(share: float | None, digits: int = 2) -> str:
    """Return a share in [0, 1] in percent, without the sign; `UNKNOWN` for None.

    >>> percent(0.0314), percent(0.5, 0)
    ('3.14', '50')
    """
    return criterion.written(None if share is None else share * 100, digits)


def p_value(p: float | None) -> str:
    """Return a p-value to three digits, with a floor; `UNKNOWN` for None.

    >>> p_value(0.0471), p_value(0.00002), p_value(1.0)
    ('0.0471', '< 0.001', '1')
    """
    if p is None:
        return UNKNOWN
    return "< 0.001" if p < 0.001 else f"{p:.3g}"


def equals(p: float | None) -> str:
    """Return `p = 0.0471`, or `p < 0.001`."""
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def epochs(schedule: Mapping[str, Any]) -> str:
    """Return the most epochs of a schedule, and of a generated dataset how many images they take.

    >>> epochs({"epochs": 10, "images": 20000})
    '10 epochs (20,000 fresh images)'
    """
    images = schedule.get("images")
    total = PAPER_IMAGES if images == "paper" else images
    fresh = f" ({total:,} fresh images)" if total else ""
    return f"{schedule['epochs']} {plural(schedule['epochs'], 'epoch')}{fresh}"


def name(row: Row) -> str:
    """Return the arm of a row of table.csv or runs.csv as tables name it: `tanh, random`."""
    return label(row["activation"], row["initialization"])


def spoken(row: Row) -> str:
    """Return the arm of a row of table.csv or runs.csv as sentences name it: `random tanh`."""
    return arms.spoken(arm_key(row))


def sentence(text: str) -> str:
    """Return text with a capital at its start and everything else as it was.

    >>> sentence("random ELU")
    'Random ELU'
    """
    return text[:1].upper() + text[1:]


def pair(results: Results, test: Row) -> tuple[str, str]:
    """Return the two arms of a row of tests.csv, e.g. `tanh: random` and `pre-trained`."""
    rows = {arm_key(row): row for row in results.table}
    first, second = (name(rows[test[end]]) for end in ("first", "second"))
    activation = rows[test["first"]]["activation"]
    if activation == rows[test["second"]]["activation"]:
        first, second = (text.removeprefix(f"{activation}, ") for text in (first, second))
        first = f"{activation}: {first}"
    return first, second


def ranked(results: Results) -> list[Row]:
    """Return the rows of table.csv that have a mean of the measure, lowest first."""
    means = [(results.measure.mean(row), row) for row in results.table]
    known = [(mean, row) for mean, row in means if mean is not None]
    return [row for _, row in sorted(known, key=lambda pair: pair[0])]


def failed(results: Results) -> list[Row]:
    """Return the rows of table.csv of arms in which some seed has no network."""
    return [row for row in results.table if row["test_error_mean"] is None]


def answer(results: Results) -> str:
    """Return one sentence: which arm has the lowest mean of the measure, and how low."""
    rows, what = ranked(results), results.measure
    if not rows:
        return "No arm has a result for each seed, so none can be called the best."
    best, confidence = rows[0], percent(results.protocol["confidence"], 0)
    spread = "one seed: no interval"
    if (ends := what.ends(best)) is not None:
        low, high = map(what.shown, ends)
        spread = f"{confidence}% interval {low} to {high}, {best['seeds']:g} seeds"
    mean = what.with_unit(what.mean(best))
    return f"{sentence(spoken(best))} has the lowest mean {what.name}: {mean} ({spread})."


def standing(results: Results) -> list[str]:
    """Return sentences that say how surely the best arm differs from the others."""
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
    what = results.measure
    gap, low, high = (what.shown(test[column]) for column in ("difference_mean", "low", "high"))
    pairs = sum(row["p"] is not None for row in results.tests)
    confidence = percent(results.protocol["confidence"], 0)
    facts = (
        f"{gap} {what.difference} higher ({confidence}% interval {low} to {high}; "
        f"{equals(test['p_holm'])} after Holm's correction over {pairs} {plural(pairs, 'pair')})"
    )
    arm = f"{spoken(second)} ({what.with_unit(what.mean(second))})"
    if test["significant"]:
        return f"The next arm, {arm}, is {facts}: a significant difference."
    return (
        f"The next arm, {arm}, is {facts}: the test does not separate the two, "
        "which is not to say that they are equal."
    )


def plural(n: int, noun: str) -> str:
    """Return the noun for n things.

    >>> plural(1, "seed"), plural(2, "seed")
    ('seed', 'seeds')
    """
    return noun if n == 1 else f"{noun}s"


def agreement(results: Results) -> str | None:
    """Return how many of the paper's numbers lie in our intervals; None where there are none."""
    known = [row for row in ranked(results) if row["paper_test_error"] is not None]
    bounded = [row for row in known if row["test_error_low"] is not None]
    if not bounded:
        return None
    inside = sum(
        row["test_error_low"] <= row["paper_test_error"] <= row["test_error_high"]
        for row in bounded
    )
    return f"The paper's test error lies inside our interval for {inside} of {len(bounded)} arms."


def divergence(results: Results) -> str:
    """Return one sentence: at which rates, and for how many seeds, which arms diverged."""
    seeds = results.protocol["seeds"]
    parts = [
        f"{each.arm}, at "
        + ", ".join(f"{rate:g} ({n} of {seeds} seeds)" for rate, n in each.diverged)
        for each in rates(results)
        if each.diverged
    ]
    return f"Diverged in fine-tuning: {'; '.join(parts) or 'no arm at any learning rate'}."


def layers(results: Results) -> dict[str, int]:
    """Return the number of hidden layers of the arms' networks, by arm key; failed arms have none.

    Networks without any have the zeros of their inputs in table.csv.
    """
    return {
        arm_key(run): len(run["zeros_by_layer"])
        for run in results.runs
        if run["test_error"] is not None
    }


@dataclass(frozen=True)
class Rates:
    """How many seeds of an arm chose each fine-tuning learning rate, and diverged at it."""

    arm: str
    chosen: list[tuple[float, int]]
    diverged: list[tuple[float, int]]


def rates(results: Results) -> list[Rates]:
    """Return the learning rates of each arm, highest rate first."""
    return [_rates(results, row) for row in results.table]


def _rates(results: Results, row: Row) -> Rates:
    runs = [run for run in results.runs if arm_key(run) == arm_key(row)]
    chosen = Counter(run["learning_rate"] for run in runs if run["learning_rate"] is not None)
    diverged = Counter(rate for run in runs for rate in run["diverged"])
    return Rates(name(row), *(sorted(n.items(), reverse=True) for n in (chosen, diverged)))
