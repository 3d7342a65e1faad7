"""Whether the runs of one dataset support a claim, contradict it, or leave it undecided.

A claim is supported where the interval of its statistic, widened by Holm's correction over all
claims tested, lies wholly where the claim is true; contradicted where it lies wholly elsewhere;
undecided in between. The correction keeps the chance of one false verdict or more, of all claims of
a dataset together, at the level: worst where the true values lie right on the ends of the regions.

The margins come from the data and are printed beside each verdict. A verdict is about the margin
printed, so it is false only where the interval misses the true mean, whatever the margin is. (Held
against the margin that endless seeds would give, errors are a little more frequent where seeds
scatter widely: simulated, 5.7% instead of 5% of families.) The seeds share one test split: what
another split would do is in no interval.
"""

import math
from collections.abc import Mapping, Sequence

from pipeline.analysis import statistics
from pipeline.analysis.claims import CLAIMS, Claim, Margin, spoken
from pipeline.analysis.comparison import Outcome, Row
from pipeline.analysis.estimates import Estimate, estimate, holm_levels

VERDICTS = [
    "key", "number", "claim", "source", "mark", "paper", "paper_mark", "statistic", "estimate",
    "low", "high", "n", "p", "p_holm", "low_holm", "high_holm", "rule", "verdict", "reason",
]  # fmt: skip

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


def judge(results: Sequence[Outcome], *, confidence: float, significance: float) -> list[Row]:
    """Return one row a claim, with the columns `VERDICTS`, from the arms of one dataset.

    Fractions, not percent. `low` and `high` bound the interval at `confidence`; `low_holm` and
    `high_holm` the one that decides, at the level at which Holm's procedure comes to this claim:
    `p_holm` at most `significance` says the same. A claim is undecided where an arm is absent, a
    seed has no network, or there is one seed. A claim that is counted needs no statistics and has
    no interval. The order of `results` does not matter.

    Raises ValueError for arms of several datasets, and for arms whose seeds differ.
    """
    arms = {outcome.arm.key: outcome for outcome in results}
    datasets = {outcome.arm.dataset for outcome in results}
    if len(datasets) > 1:
        raise ValueError(f"arms of several datasets: {', '.join(sorted(datasets))}")
    lacks = {claim: _lack(claim, arms) for claim in CLAIMS}
    complete = [claim for claim in CLAIMS if lacks[claim] is None]
    counted = {claim: _count(claim, arms) for claim in complete if claim.rule.kind == "never above"}
    estimates = {claim: estimate(claim, arms) for claim in complete if claim not in counted}
    judged = counted | _tests(estimates, confidence, significance)
    unknown = {claim: {"verdict": UNDECIDED, "reason": lacks[claim]} for claim in CLAIMS}
    return [
        _description(claim, "".join(datasets)) | judged.get(claim, unknown[claim])
        for claim in CLAIMS
    ]


def _lack(claim: Claim, arms: Mapping[str, Outcome]) -> str | None:
    """Return why the records cannot decide the claim, None where they can."""
    for key in claim.arms:
        if key not in arms:
            return f"There is no {spoken(key)} in this comparison."
        for record in arms[key].records:
            if record["test_error"] is None:
                return f"Seed {record['seed']} of {spoken(key)} has no network."
        if len(arms[key].records) < 2:
            return "One seed does not show how much seeds differ."
    return None


def _description(claim: Claim, dataset: str) -> Row:
    row: Row = dict.fromkeys(VERDICTS)
    paper = claim.paper(dataset)
    row |= {"key": claim.key, "number": claim.number, "claim": claim.wording}
    row |= {"source": claim.source, "mark": claim.mark, "statistic": claim.statistic}
    row |= {"paper": paper and paper.value, "paper_mark": paper and paper.mark}
    return row | {"rule": rule(claim, None)}


def _count(claim: Claim, arms: Mapping[str, Outcome]) -> Row:
    """Return the verdict on what is counted: every layer of every seed has to bear it out."""
    most = claim.rule.bound
    assert isinstance(most, float)
    records = [record for key in claim.arms for record in arms[key].records]
    shares = [share for record in records for share in record[claim.quantity]]
    agree = sum(share <= most for share in shares)
    return {
        "estimate": max(shares),
        "n": len({record["seed"] for record in records}),
        "verdict": SUPPORTED if agree == len(shares) else CONTRADICTED,
        "reason": f"Counted: it holds in {agree} of {len(shares)} layers, of all seeds and arms.",
    }


def _tests(
    estimates: Mapping[Claim, Estimate], confidence: float, significance: float
) -> dict[Claim, Row]:
    p_values = [found.p for found in estimates.values()]
    adjusted, levels = statistics.holm(p_values), holm_levels(p_values, significance)
    rows = {}
    for (claim, found), p_holm, level in zip(estimates.items(), adjusted, levels, strict=True):
        rows[claim] = _intervals(found, confidence, 1 - level) | {
            "p_holm": p_holm,
            "rule": rule(claim, found.bound),
            "verdict": _verdict(found, p_holm, significance),
            "reason": reason(claim, found, 1 - level),
        }
    return rows


def _intervals(found: Estimate, confidence: float, widened: float) -> Row:
    low, high = found.interval(confidence)
    low_holm, high_holm = found.interval(widened)
    return {
        "estimate": found.value,
        "low": low,
        "high": high,
        "n": found.n,
        "p": found.p,
        "low_holm": low_holm,
        "high_holm": high_holm,
    }


def _verdict(found: Estimate, p_holm: float, significance: float) -> str:
    if p_holm > significance:
        return UNDECIDED
    return SUPPORTED if found.inside else CONTRADICTED


def rule(claim: Claim, bound: float | None) -> str:
    """Return a claim's rule in words, with its bound, a fraction, where that is known."""
    if claim.rule.kind == "never above":
        assert isinstance(claim.rule.bound, float)
        most = f"{100 * claim.rule.bound:g}%"
        return f"Supported if no value is above {most}, else contradicted: a count."
    limit = "the margin" if bound is None else _shown(claim, bound)
    place = {
        "lower": f"below {limit}",
        "no higher": f"at or below {limit}",
        "at least": f"at or above {limit}",
        "equivalent": f"within {limit} of 0",
    }[claim.rule.kind]
    margin = claim.rule.bound
    why = f" The margin is {margin.words}." if isinstance(margin, Margin) else ""
    return (
        f"Supported if the whole interval lies {place}, contradicted if none of it does, "
        f"otherwise undecided.{why}"
    )


def reason(claim: Claim, found: Estimate, confidence: float) -> str:
    """Return where the interval that decides, at `confidence`, lies: one sentence."""
    low, high = found.interval(confidence)
    ends = [end for end in (found.low, found.high) if math.isfinite(end)]
    if across := [end for end in ends if low <= end <= high]:
        place = f"reaches across {_shown(claim, *across, joint='and')}"
    elif found.low < low and high < found.high and len(ends) > 1:
        place = f"lies wholly between {_shown(claim, *ends, joint='and')}"
    else:
        nearest = min(ends, key=lambda end: abs(found.value - end))
        place = f"lies wholly {'above' if low > nearest else 'below'} {_shown(claim, nearest)}"
    bounds = _shown(claim, low, high, joint="to")
    return f"The interval that decides (at {100 * confidence:.4g}%), {bounds}, {place}."


def _shown(claim: Claim, *values: float, joint: str = "") -> str:
    texts = [f"{100 * value:z.2f}".replace("-", "\N{MINUS SIGN}") for value in values]
    return f" {joint} ".join(texts) + (" points" if claim.minus else "%")
