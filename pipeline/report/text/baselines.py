"""What is said of the baselines: how the best arm stands to them, and how they were made."""

from collections import Counter

from pipeline.analysis import baselines, statistics
from pipeline.analysis.baselines import by_seed, of_arm, rows_of
from pipeline.analysis.criterion import RMSE
from pipeline.analysis.results import Results, arm_key
from pipeline.report.text.summary import percent, plural, ranked


def against(results: Results) -> str | None:
    """Return one sentence: how the logistic regression stands to the best arm, over the same seeds;
    None where one of the two is not there."""
    best, measure = ranked(results)[:1], results.measure
    theirs = by_seed(results, "logistic", measure.key) if results.of_texts else {}
    if not best or not theirs:
        return None
    confidence = results.protocol["confidence"]
    ours = of_arm(results, arm_key(best[0]), measure.key)
    test = statistics.paired_test(theirs, ours, confidence)
    if test.difference < 0:
        test = statistics.paired_test(ours, theirs, confidence)
        word = "lower"
    else:
        word = "higher"
    spread = "one seed: no interval"
    if test.low is not None:
        ends = f"{measure.shown(test.low)} to {measure.shown(test.high)}"
        spread = f"{percent(confidence, 0)}% interval {ends}, paired over {test.n} seeds"
    mean = measure.with_unit(statistics.mean(list(theirs.values())))
    gap = f"{measure.shown(test.difference)} {measure.difference}"
    return f"Logistic regression on the same terms has {mean}: {gap} {word} ({spread})."


def note(results: Results) -> str | None:
    """Return how the baselines were made, and what was chosen; None where there are none."""
    fits, constant = rows_of(results, "logistic"), rows_of(results, "constant")
    if not baselines.table(results):
        return None
    parts = []
    if fits:
        parts.append(_regression(results))
    if constant:
        stars = ", for the RMSE its mean stars" if results.measure is RMSE else ""
        parts.append(f"Always the same answer: the training part's most frequent class{stars}.")
    return " ".join(parts)


def _regression(results: Results) -> str:
    fits = rows_of(results, "logistic")
    chosen = sorted(Counter(row["C"] for row in fits).items(), reverse=True)
    told = ", ".join(f"{value:g} ({n} of {len(fits)})" for value, n in chosen)
    what = "RMSE" if results.measure is RMSE else "error"
    text = (
        "Logistic regression: scikit-learn's with an L2 penalty, on the same terms, labels and "
        f"splits; the lowest validation {what} (ties: lower validation cost) chose its inverse "
        f"strength C: {told}."
    )
    stopped = sum(not row["converged"] for row in fits)
    if stopped:
        text += f" {stopped} {plural(stopped, 'fit')} stopped before the end."
    return text
