"""Last line that a stage prints: its output, a key figure if there is one, and the path."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pipeline.analysis.comparison import Outcome

Records = Sequence[dict[str, Any]]


def line(stage: str, *names: str, made: str, place: Path | str) -> str:
    """Return the line of a stage with these arguments.

    >>> line("baseline", "digits", made="constant", place="results/digits/baselines.csv")
    'baseline digits: constant: results/digits/baselines.csv'
    """
    return f"{' '.join([stage, *names])}: {made}: {place}"


def count(n: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "file"), count(1000, "file")
    ('1 file', '1,000 files')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def mean(
    records: Records, split: Literal["test", "valid"], seeds: int, confidence: float | None = None
) -> str:
    """Return the mean error, of ratings the RMSE, of records of seeds; its interval if asked for.

    `seeds` counts those without a result too.
    """
    from pipeline.analysis import criterion, statistics

    rated = all(f"{split}_rmse" in record for record in records)
    measure = criterion.RMSE if rated and records else criterion.ERROR
    key = measure.key.replace("test", split)
    known = [record[key] for record in records if record[key] is not None]
    if len(known) < seeds:
        return f"{seeds - len(known)} of {count(seeds, 'seed')} without a result (rates diverged)"
    summary = statistics.summarize(known, confidence or 0.5)
    name = measure.name if split == "test" else measure.name.replace("test", "validation")
    text = f"{name} {measure.with_unit(summary.mean)}"
    if confidence is None:
        return text if seeds == 1 else f"{text} (mean of {seeds} seeds)"
    if summary.low is None:
        return f"{text} (1 seed: no interval)"
    ends = f"{measure.shown(summary.low)} to {measure.shown(summary.high)}"
    return f"{text} ({100 * confidence:g}% interval {ends}, {seeds} seeds)"


def lowest(results: "Sequence[Outcome]", confidence: float) -> str:
    """Return the number of arms, and the lowest mean test error, or RMSE, with its arm."""
    from pipeline.analysis import comparison
    from pipeline.config import arms

    arm_count = count(len(results), "arm")
    key = "test_rmse" if comparison.of_ratings(results) else "test_error"
    means = [(value, one) for one in results if (value := one.mean(key)) is not None]
    if not means:
        return f"{arm_count}, none with a result for every seed"
    best = min(means, key=lambda pair: pair[0])[1]
    figure = mean(best.records, "test", len(best.records), confidence)
    return f"{arm_count}, lowest {figure} of {arms.spoken(best.arm.key)}"
