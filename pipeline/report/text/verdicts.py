"""The paper's claims with their verdicts, as the report and the README show them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.analysis.results import Row
from pipeline.report.text.summary import UNKNOWN, percent, plural

VERDICTS = ("supported", "contradicted", "undecided")


@dataclass(frozen=True)
class Judged:
    """One claim in words: what the paper has, what is found here, and what follows."""

    claim: str
    source: str
    paper: str
    here: str
    interval: str
    verdict: str
    rule: str
    reason: str


def judged(claims: Sequence[Row]) -> list[Judged]:
    """Return the rows of claims.csv in words."""
    return [_judged(row) for row in claims]


def count(claims: Sequence[Row]) -> str:
    """Return how many claims have which verdict, e.g. `2 claims: 1 supported, 1 undecided`."""
    found = Counter(row["verdict"] for row in claims)
    told = ", ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS if found[verdict])
    return f"{len(claims)} {plural(len(claims), 'claim')}: {told}"


def _judged(row: Row) -> Judged:
    unit, low, high = row["unit"], row["low"], row["high"]
    return Judged(
        claim=row["claim"],
        source=row["source"],
        paper=_with_unit(row["paper"], unit),
        here=here(row),
        interval="" if low is None else f"({_number(low, unit)} to {_number(high, unit)})",
        verdict=row["verdict"],
        rule=row["rule"],
        reason=row["reason"],
    )


def here(row: Row) -> str:
    """Return what was found for a row of claims.csv, e.g. `2.00 points`."""
    return _with_unit(row["estimate"], row["unit"])


def _number(value: float, unit: str) -> str:
    return percent(value if unit else value / 100)


def _with_unit(value: float | None, unit: str) -> str:
    return (
        UNKNOWN if value is None else _number(value, unit) + {"points": " points"}.get(unit, unit)
    )
