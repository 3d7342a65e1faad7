"""Findings of a verification as text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from pipeline.verification.agreement import Agreement, Difference, Rule, compare_files

State = Literal["same bytes", "same values", "same within rounding", "different", "not verified"]
STATES: tuple[State, ...] = get_args(State)
SHOWN = 20  # differences of a file that are listed
NAMED = 4  # files that a reason names


@dataclass(frozen=True)
class Finding:
    """State of a file or of measured numbers, how many numbers it has, and lines of detail.

    What is not verified has the reason as its one detail.
    """

    name: str
    state: State
    numbers: int = 0
    details: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The finding in words: one line, and one for each detail."""
        count = f", {self.numbers} numbers" if self.numbers else ""
        return [f"{self.state}: {self.name}{count}", *(f"    {line}" for line in self.details)]


def not_verified(findings: Sequence[Finding]) -> list[str]:
    """Return a line for each reason why something was not verified, with the first names."""
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state == "not verified":
            reasons.setdefault(finding.details[0], []).append(finding.name)
    return [
        f"not verified: {', '.join(names[:NAMED])}"
        + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        + f": {reason}"
        for reason, names in reasons.items()
    ]


def of(name: str, agreement: Agreement) -> Finding:
    """Return the finding of a comparison; differences are named by row and column."""
    wrong, differences = agreement.wrong, agreement.differences
    if not differences:
        state: State = "same bytes" if agreement.same_bytes else "same values"
        return Finding(name, state, agreement.numbers)
    shown = [_named(difference) for difference in (wrong or differences)[:SHOWN]]
    if more := len(wrong or differences) - len(shown):
        shown.append(f"and {more} more")
    state = "different" if wrong else "same within rounding"
    return Finding(name, state, agreement.numbers, shown)


def of_file(path: Path, again: bytes, rule: Rule) -> Finding:
    """Return the finding of a file, absent ones included, and of the content derived again."""
    if not path.exists():
        return Finding(str(path), "not verified", details=["not on this disk"])
    try:
        return of(str(path), compare_files(path.name, path.read_bytes(), again, rule))
    except ValueError as error:
        return Finding(str(path), "different", details=[f"cannot be read: {error}"])


def _named(difference: Difference) -> str:
    row, column, recorded, derived, _ = difference
    return f"{row}, {column}: recorded {recorded or 'nothing'}, derived {derived or 'nothing'}"


def summary(findings: Sequence[Finding]) -> str:
    """Return a line for each state: how many files, and numbers in them, have it."""
    lines = []
    for state in STATES:
        these = [finding for finding in findings if finding.state == state]
        numbers = sum(finding.numbers for finding in these)
        words = f" with {numbers:,} numbers" if numbers else ""
        lines.append(f"{state + ':':20}{len(these):4} files{words}")
    return "\n".join(lines)
