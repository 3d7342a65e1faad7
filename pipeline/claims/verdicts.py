"""Verdicts: the records of one dataset support a claim, contradict it, or leave it undecided.

A claim is supported where the interval of its statistic, widened by Holm's correction over all
claims tested, lies wholly where the claim is true; contradicted where it lies wholly elsewhere;
undecided in between. The correction keeps the chance of one false verdict or more, of all claims of
a dataset together, at the level: worst where the true values lie right on the ends of the regions.

The margins are estimated from the data and printed beside each verdict. A verdict refers to the
printed margin, so it is false only if the interval misses the true mean. (Relative to the margin of
infinitely many seeds, false verdicts are slightly more frequent if seeds vary widely: 5.7% instead
of 5% of families in simulations.) Where all seeds share one test split, no interval covers the
variation over test splits; with cross-validation the intervals cover part of it (docs/protocol.md).
"""

import math
from collections.abc import Mapping

from pipeline.analysis import changepoint, statistics
from pipeline.analysis.comparison import Row
from pipeline.analysis.criterion import written
from pipeline.claims.catalogue import CLAIMS
from pipeline.claims.claim import ZEROS_BY_LAYER, Claim, Margin, by_number
from pipeline.claims.estimates import Estimate, Estimated, Groups, estimate, split_error
from pipeline.claims.untested import UNTESTED
from pipeline.config.arms import spoken

COLUMNS = [
    "key", "number", "claim", "source", "mark", "paper", "paper_mark", "records", "statistic",
    "unit", "estimate", "low", "high", "n", "p", "p_holm", "low_holm", "high_holm", "rule",
    "verdict", "reason", "seeds_needed", "split_error",
]  # fmt: skip

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


def judge(
    dataset: str, records: Mapping[str, Groups], *, confidence: float, significance: float
) -> list[Row]:
    """Return one row a claim, with the columns `COLUMNS`, from the groups of each table by name.

    Claims without a rule stand among the others, undecided, with what they need as the reason.

    `records` has the arms under `ARMS.name` and each experiment or probe under its name. Fractions,
    not percent. `low` and `high` bound the interval at `confidence`; `low_holm` and `high_holm` the
    one that decides, at the level at which Holm's procedure comes to this claim: `p_holm` at most
    `significance` says the same. A claim is undecided where its experiment or a group is absent, a
    seed has no network, seeds are not paired, or there is one seed. A claim that is counted needs
    no statistics and has no interval.

    `seeds_needed` is the n that would decide an undecided estimate with 80% power at its level of
    Holm's procedure; `split_error` the standard error of a test error that more seeds do not lower.
    """
    lacks = {claim: _lack(claim, records.get(claim.records.name)) for claim in CLAIMS}
    complete = {claim: records[claim.records.name] for claim in CLAIMS if lacks[claim] is None}
    counted = {
        claim: _count(claim, groups)
        for claim, groups in complete.items()
        if claim.rule.kind == "never above"
    }
    estimates = {
        claim: estimate(claim, groups) for claim, groups in complete.items() if claim not in counted
    }
    judged = counted | _tests(estimates, confidence, significance)
    for claim in estimates:
        judged[claim]["split_error"] = split_error(claim, complete[claim])
    unknown = {claim: {"verdict": UNDECIDED, "reason": lacks[claim]} for claim in CLAIMS}
    rows = [_description(claim, dataset) | judged.get(claim, unknown[claim]) for claim in CLAIMS]
    return sorted(rows + _without_rule(), key=lambda row: by_number(row["number"]))


def _without_rule() -> list[Row]:
    columns: Row = dict.fromkeys(COLUMNS)
    return [
        columns
        | {"key": claim.key, "number": claim.number, "claim": claim.wording}
        | {"source": claim.source, "mark": claim.mark}
        | {"verdict": UNDECIDED, "reason": claim.reason}
        for claim in UNTESTED
    ]


def _lack(claim: Claim, groups: Groups | None) -> str | None:
    """Return the reason why the records cannot decide the claim, None where they can."""
    if groups is None:
        return claim.records.absent.format(name=claim.records.name)
    for key in claim.groups:
        if key not in groups:
            return f"This comparison lacks: {spoken(key)}."
        if (seed := groups[key].lost) is not None:
            return f"Seed {seed} of {spoken(key)} has no network."
        if len(groups[key].seeds) < 2:
            return "One seed does not show how much seeds differ."
    if claim.estimator == "changepoint":
        failed = changepoint.learned_little(groups[claim.plus[0]].values("test_error"))
        if failed:
            return failed
    return _incomplete(claim, groups) if claim.records.pairing != "none" else None


def _incomplete(claim: Claim, groups: Groups) -> str | None:
    """Return the record that a claim about seeds lacks, None where it lacks none."""
    first = claim.groups[0]
    for key in claim.groups:
        if groups[key].seeds != groups[first].seeds:
            return f"The seeds of {spoken(first)} are not those of {spoken(key)}."
        if (seed := groups[key].gap) is not None:
            return f"Seed {seed} of {spoken(key)} lacks records."
        if claim.records.pairing == "levels" and groups[key].levels != groups[first].levels:
            names = spoken(first), spoken(key)
            return "The number of records per seed differs between {} and {}.".format(*names)
    return None


def _description(claim: Claim, dataset: str) -> Row:
    row: Row = dict.fromkeys(COLUMNS)
    paper = claim.paper(dataset)
    row |= {"key": claim.key, "number": claim.number, "claim": claim.wording}
    row |= {"source": claim.source, "mark": claim.mark, "records": claim.records.name}
    row |= {"statistic": claim.statistic, "unit": claim.unit}
    row |= {"paper": paper and paper.value, "paper_mark": paper and paper.mark}
    return row | {"rule": _rule(claim, None)}


def _count(claim: Claim, groups: Groups) -> Row:
    """Return the verdict on a counted claim: every value of every seed must bear it out."""
    most = claim.rule.bound
    assert isinstance(most, float)
    values = [value for key in claim.groups for value in groups[key].values(claim.quantity.column)]
    agree = sum(value <= most for value in values)
    what = "layers" if claim.quantity == ZEROS_BY_LAYER else "values"
    return {
        "estimate": max(values),
        "n": len({seed for key in claim.groups for seed in groups[key].seeds}),
        "verdict": SUPPORTED if agree == len(values) else CONTRADICTED,
        "reason": f"Counted: it holds in {agree} of {len(values)} {what}, of all seeds and groups.",
    }


def _tests(
    estimates: Mapping[Claim, Estimated], confidence: float, significance: float
) -> dict[Claim, Row]:
    """Return the verdicts on estimates, tested together by Holm's procedure."""
    p_values = [estimated.p for estimated in estimates.values()]
    adjusted, levels = statistics.holm(p_values), statistics.holm_levels(p_values, significance)
    rows: dict[Claim, Row] = {}
    for (claim, estimated), p_holm, level in zip(estimates.items(), adjusted, levels, strict=True):
        decided = SUPPORTED if estimated.inside else CONTRADICTED
        row: Row = dict(zip(("low", "high"), estimated.interval(confidence), strict=True))
        row |= zip(("low_holm", "high_holm"), estimated.interval(1 - level), strict=True)
        rows[claim] = row | {
            "estimate": estimated.value,
            "n": estimated.n,
            "p": estimated.p,
            "p_holm": p_holm,
            "rule": _rule(claim, estimated.bound),
            "verdict": UNDECIDED if p_holm > significance else decided,
            "reason": _reason(claim, estimated, 1 - level),
        }
        if p_holm > significance and isinstance(estimated, Estimate):
            rows[claim]["seeds_needed"] = estimated.seeds_needed(level)
    return rows


def _rule(claim: Claim, bound: float | None) -> str:
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


def _reason(claim: Claim, estimated: Estimated, confidence: float) -> str:
    """Return the place of the deciding interval, at `confidence`, in one sentence."""
    low, high = estimated.interval(confidence)
    ends = [end for end in (estimated.low, estimated.high) if math.isfinite(end)]
    if across := [end for end in ends if low <= end <= high]:
        place = f"reaches across {_shown(claim, *across, joint='and')}"
    elif estimated.low < low and high < estimated.high and len(ends) > 1:
        place = f"lies wholly between {_shown(claim, *ends, joint='and')}"
    else:
        nearest = min(ends, key=lambda end: abs(estimated.value - end))
        place = f"lies wholly {'above' if low > nearest else 'below'} {_shown(claim, nearest)}"
    bounds = _shown(claim, low, high, joint="to")
    return f"The interval that decides (at {100 * confidence:.4g}%), {bounds}, {place}."


def _shown(claim: Claim, *values: float, joint: str = "") -> str:
    scale = 100 if claim.unit else 1
    texts = [written(scale * value, 2) for value in values]
    return f" {joint} ".join(texts) + {"points": " points", "%": "%", "": ""}[claim.unit]
