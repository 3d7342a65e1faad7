"""Whether the records of one dataset support a claim, contradict it, or leave it undecided.

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
from collections.abc import Mapping

from pipeline.analysis import changepoint, statistics
from pipeline.analysis.comparison import Row
from pipeline.claims.catalogue import CLAIMS, order
from pipeline.claims.claim import ARMS, Claim, Margin, spoken
from pipeline.claims.estimates import Estimated, Groups, estimate, holm_levels
from pipeline.claims.sparse_products import CPU, CUDA
from pipeline.claims.texts import RATINGS
from pipeline.claims.untested import ELSEWHERE

VERDICTS = [
    "key", "number", "claim", "source", "mark", "paper", "paper_mark", "records", "statistic",
    "unit", "estimate", "low", "high", "n", "p", "p_holm", "low_holm", "high_holm", "rule",
    "verdict", "reason",
]  # fmt: skip

OF_NETWORKS = {"sparsity"}  # tables in which each seed is another network, not a repetition
MATCHED = {"labels", "width"}  # those whose groups are compared level by level
NOT_RUN = {
    ARMS: "The arms were not run on this dataset.",
    RATINGS: "It needs arms on reviews with stars: the dataset amazon-stars, yelp, or your own.",
    CPU: "Times were not measured on a CPU: `DEVICE=cpu make cost` does it.",
    CUDA: "Times were not measured on a GPU: `DEVICE=cuda make cost` does it.",
}
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


def judge(
    dataset: str, found: Mapping[str, Groups], *, confidence: float, significance: float
) -> list[Row]:
    """Return one row a claim, with the columns `VERDICTS`, from the groups of networks by records.

    Claims that have no rule stand among the others, undecided, with what they need as the reason.

    `found` has the arms under `claim.ARMS` and each experiment under its name. Fractions, not
    percent. `low` and `high` bound the interval at `confidence`; `low_holm` and `high_holm` the
    one that decides, at the level at which Holm's procedure comes to this claim: `p_holm` at most
    `significance` says the same. A claim is undecided where its experiment or a group is absent, a
    seed has no network, seeds are not paired, or there is one seed. A claim that is counted needs
    no statistics and has no interval.
    """
    lacks = {claim: _lack(claim, found.get(claim.records)) for claim in CLAIMS}
    complete = {claim: found[claim.records] for claim in CLAIMS if lacks[claim] is None}
    counted = {
        claim: _count(claim, groups)
        for claim, groups in complete.items()
        if claim.rule.kind == "never above"
    }
    estimates = {
        claim: estimate(claim, groups) for claim, groups in complete.items() if claim not in counted
    }
    judged = counted | _tests(estimates, confidence, significance)
    unknown = {claim: {"verdict": UNDECIDED, "reason": lacks[claim]} for claim in CLAIMS}
    rows = [_description(claim, dataset) | judged.get(claim, unknown[claim]) for claim in CLAIMS]
    return sorted(rows + _without_rule(), key=lambda row: order(row["number"]))


def _without_rule() -> list[Row]:
    columns: Row = dict.fromkeys(VERDICTS)
    return [
        columns
        | {"key": each.key, "number": each.number, "claim": each.wording, "source": each.source}
        | {"mark": each.mark, "verdict": UNDECIDED, "reason": each.reason}
        for each in ELSEWHERE
    ]


def _lack(claim: Claim, groups: Groups | None) -> str | None:
    """Return why the records cannot decide the claim, None where they can."""
    if groups is None:
        return NOT_RUN.get(
            claim.records, f"The experiment `{claim.records}` was not run on this dataset."
        )
    for key in claim.groups:
        if key not in groups:
            return f"There is no {spoken(key)} in this comparison."
        if (seed := groups[key].lost) is not None:
            return f"Seed {seed} of {spoken(key)} has no network."
        if len(groups[key].seeds) < 2:
            return "One seed does not show how much seeds differ."
    first = claim.groups[0]
    if claim.estimator == "breaking point":
        failed = changepoint.learned_little(groups[first].values("test_error"))
        if failed:
            return failed
    return _incomplete(claim, groups) if claim.records not in OF_NETWORKS else None


def _incomplete(claim: Claim, groups: Groups) -> str | None:
    """Return which record of a claim about seeds is missing, None where none is."""
    first = claim.groups[0]
    for key in claim.groups:
        if groups[key].seeds != groups[first].seeds:
            return f"The seeds of {spoken(first)} are not those of {spoken(key)}."
        if (seed := groups[key].gap) is not None:
            return f"Seed {seed} of {spoken(key)} lacks records."
        if claim.records in MATCHED and groups[key].levels != groups[first].levels:
            return f"There are more records of {spoken(first)} than of {spoken(key)}, or fewer."
    return None


def _description(claim: Claim, dataset: str) -> Row:
    row: Row = dict.fromkeys(VERDICTS)
    paper = claim.paper(dataset)
    row |= {"key": claim.key, "number": claim.number, "claim": claim.wording}
    row |= {"source": claim.source, "mark": claim.mark, "records": claim.records}
    row |= {"statistic": claim.statistic, "unit": claim.unit}
    row |= {"paper": paper and paper.value, "paper_mark": paper and paper.mark}
    return row | {"rule": rule(claim, None)}


def _count(claim: Claim, groups: Groups) -> Row:
    """Return the verdict on what is counted: every value of every seed has to bear it out."""
    most = claim.rule.bound
    assert isinstance(most, float)
    values = [value for key in claim.groups for value in groups[key].values(claim.quantity)]
    agree = sum(value <= most for value in values)
    what = "layers" if claim.quantity == "zeros_by_layer" else "values"
    return {
        "estimate": max(values),
        "n": len({seed for key in claim.groups for seed in groups[key].seeds}),
        "verdict": SUPPORTED if agree == len(values) else CONTRADICTED,
        "reason": f"Counted: it holds in {agree} of {len(values)} {what}, of all seeds and groups.",
    }


def _tests(
    estimates: Mapping[Claim, Estimated], confidence: float, significance: float
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


def _intervals(found: Estimated, confidence: float, widened: float) -> Row:
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


def _verdict(found: Estimated, p_holm: float, significance: float) -> str:
    if p_holm > significance:
        return UNDECIDED
    return SUPPORTED if found.inside else CONTRADICTED


def rule(claim: Claim, bound: float | None) -> str:
    """Return a claim's rule in words, with its bound, a fraction, where that is known."""
    if claim.rule.kind == "never above":
        assert isinstance(claim.rule.bound, float)
        most = f"{100 * claim.rule.bound:g}%"
        return f"Supported if no value is above {most}, else contradicted: a count."
    if bound is None and not isinstance(claim.rule.bound, Margin):
        bound = claim.rule.bound
    limit = "the margin" if bound is None else _shown(claim, bound)
    place = {
        "between": f"between {limit} and {_shown(claim, claim.rule.upper)}",
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


def reason(claim: Claim, found: Estimated, confidence: float) -> str:
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
    scale = 100 if claim.unit else 1
    texts = [f"{scale * value:z.2f}".replace("-", "\N{MINUS SIGN}") for value in values]
    return f" {joint} ".join(texts) + {"points": " points", "%": "%", "": ""}[claim.unit]
