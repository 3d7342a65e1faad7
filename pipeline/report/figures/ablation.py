"""Test error with and without negated outputs and with and without the L1 penalty."""

from pipeline.report.figures.plot import FULL, ROWS, dots
from pipeline.report.figures.style import ERROR
from pipeline.report.figures.table import Entry, Numbers, Table
from pipeline.report.text.wording import label


def panels(table: Table) -> dict[str, list[Entry]]:
    """Return one row a condition."""
    entries = []
    for (activation, start), arm in table.arms().items():
        for signs in arm.levels("signs"):
            for penalty in arm.where(signs=signs).levels("penalty"):
                parts = ["L1" if penalty == "L1" else "no L1"]
                if activation == "rectifier":  # other units have outputs of both signs
                    parts.insert(0, "half negated" if signs == "half negated" else "all positive")
                name = f"{label(activation, start)}\n{', '.join(parts)}"
                point = arm.where(signs=signs, penalty=penalty).point()
                entries.append(Entry(name, point, activation, start))
    return {ERROR: entries}


def changes(table: Table) -> Numbers:
    """Return the change of the error by negating half of the outputs, paired by seed."""
    rows: Numbers = []
    for start, arm in table.where(activation="rectifier", penalty="L1").arms().items():
        negated, positive = (arm.where(signs=signs) for signs in ("half negated", "all positive"))
        change = negated.difference(positive).shown(" points")
        rows.append((f"{label(*start)}: change by negating", change))
    return rows


FIGURES = (
    dots(
        "Do the sign trick and the L1 penalty matter?",
        panels,
        "condition",
        needs="seed activation initialization signs penalty test_error",
        reading=(
            f"{ROWS} {FULL} Without pre-training, networks with negated outputs only start from "
            "other random weights of the same distribution: a difference there is chance."
        ),
        extra=changes,
    ),
)
