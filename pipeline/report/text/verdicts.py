"""Claims and verdicts as text: the paper's number, the measurement, and a headline."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.analysis.results import Row
from pipeline.claims.catalogue import CLAIMS, STATED
from pipeline.claims.verdicts import CONTRADICTED, SUPPORTED, UNDECIDED
from pipeline.paper import published
from pipeline.report.text.wording import UNKNOWN, percent, plural, seeds, sentence

VERDICTS = (SUPPORTED, CONTRADICTED, UNDECIDED)

# Rules of claims.csv that are a test with a margin: the test's name, and the margin in the rule.
TESTS = {
    "non-inferiority": re.compile(r"interval lies at or below (.+?), contradicted .* The margin"),
    "equivalence": re.compile(r"interval lies within (.+?) of 0, contradicted"),
}


@dataclass(frozen=True)
class JudgedClaim:
    """A row of claims.csv in words; `test` names its test and margin, empty for other rules.

    `needed`: for an undecided claim, the number of seeds that would decide it and the standard
    error from sampling the test split, which more seeds do not reduce; else empty.
    """

    number: str
    claim: str
    source: str
    paper: str
    here: str
    interval: str
    verdict: str
    needed: str
    test: str
    rule: str
    reason: str


def judged(claims: Sequence[Row]) -> list[JudgedClaim]:
    """Return the rows of claims.csv in words."""
    return [_judged(row) for row in claims]


def _judged(row: Row) -> JudgedClaim:
    unit, low, high = row["unit"], row["low"], row["high"]
    return JudgedClaim(
        number=row["number"],
        claim=row["claim"],
        source=row["source"],
        paper=_with_unit(row["paper"], unit),
        here=here(row),
        interval="" if low is None else f"({_number(low, unit)} to {_number(high, unit)})",
        verdict=row["verdict"],
        needed=needed(row),
        test=margin_test(row["rule"]),
        rule=row["rule"],
        reason=row["reason"],
    )


def margin_test(rule: str) -> str:
    """Return the name and the margin of a rule's test; empty for a rule without a margin.

    >>> margin_test("Supported if the whole interval lies within 0.6 points of 0, contradicted if")
    'equivalence, margin 0.6 points'
    """
    for name, pattern in TESTS.items():
        if (match := pattern.search(rule)) is not None:
            return f"{name}, margin {match[1]}"
    return ""


def needed(row: Row) -> str:
    """Return the seeds that an undecided row of claims.csv needs, in brackets; empty for others."""
    if not row.get("seeds_needed"):
        return ""
    split = row["split_error"]
    limit = "" if split is None else f"; test examples ± {percent(split)} points"
    return f"({seeds(row['seeds_needed'])} needed{limit})"


def here(row: Row) -> str:
    """Return the estimate of a row of claims.csv, e.g. `2.00 points`."""
    return _with_unit(row["estimate"], row["unit"])


def _number(value: float, unit: str) -> str:
    return percent(value if unit else value / 100)


def _with_unit(value: float | None, unit: str) -> str:
    return (
        UNKNOWN if value is None else _number(value, unit) + {"points": " points"}.get(unit, unit)
    )


def paper(row: Row) -> str:
    """Return the paper's value for a claim: its number on this dataset, or others, or words.

    A star marks numbers without a second source.
    """
    if row["paper"] is not None:
        return _with_unit(row["paper"], row["unit"]) + ("*" if row["paper_mark"] == "M" else "")
    if row["key"] in STATED:
        return STATED[row["key"]]
    claim = next((claim for claim in CLAIMS if claim.key == row["key"]), None)
    numbers = [claim.paper(dataset) for dataset in published.ZEROS] if claim else []
    known = [number for number in numbers if number is not None]
    if not known:
        return UNKNOWN
    values, mark = [number.value for number in known], any(number.mark == "M" for number in known)
    ends = f"{_number(min(values), row['unit'])} to {_with_unit(max(values), row['unit'])}"
    return sentence(f"{ends}{'*' if mark else ''} on its 4 data sets")


def count(claims: Sequence[Row]) -> str:
    """Return how many claims have which verdict, e.g. `2 claims: 1 supported, 1 undecided`."""
    counts = Counter(row["verdict"] for row in claims)
    parts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    return f"{len(claims)} {plural(len(claims), 'claim')}: {parts}"


def headline(dataset: str, tested: Sequence[Row]) -> str:
    """Return how many of a dataset's claims have which verdict.

    >>> headline("digits", [])
    'On digits no claim has records yet.'
    """
    if not tested:
        return f"On {dataset} no claim has records yet."
    counts = Counter(row["verdict"] for row in tested)
    parts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    return f"On {dataset}, {len(tested)} {plural(len(tested), 'claim')} tested: {parts}."
