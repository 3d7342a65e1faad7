"""Test error with and without negated outputs and with and without the L1 penalty."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import FULL, ROWS, Plot
from pipeline.report.figures.style import Entry, Theme
from pipeline.report.figures.table import Numbers, Table, numbers
from pipeline.report.text.wording import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def conditions(table: Table) -> dict[tuple[str, str, str], Table]:
    """Return the rows of each condition, by activation, start and name of the condition."""
    named = {}
    for (activation, start), arm in table.arms().items():
        for signs in arm.levels("signs"):
            for penalty in arm.where(signs=signs).levels("penalty"):
                parts = ["L1" if penalty == "L1" else "no L1"]
                if activation == "rectifier":  # other units have outputs of both signs
                    negated = signs == "half negated"
                    parts.insert(0, "half negated" if negated else "all positive")
                name = f"{label(activation, start)}\n{', '.join(parts)}"
                named[activation, start, name] = arm.where(signs=signs, penalty=penalty)
    return named


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent, one row a condition."""
    return style.dot_plot(
        [
            Entry(name, rows.point(), style.hue(activation, theme), start == "pretrained")
            for (activation, start, name), rows in conditions(table).items()
        ],
        theme,
    )


def means(table: Table) -> Numbers:
    """Return the mean error of each condition, and what negating changes, paired by seed."""
    points = {key[-1].replace("\n", ", "): rows.point() for key, rows in conditions(table).items()}
    changes = []
    for start, arm in table.where(activation="rectifier", penalty="L1").arms().items():
        negated, positive = (arm.where(signs=signs) for signs in ("half negated", "all positive"))
        change = negated.difference(positive).shown(" points")
        changes.append((f"{label(*start)}: change by negating", change))
    return [*numbers("condition", {"test error": points}), *changes]


FIGURES = (
    Plot(
        "Do the sign trick and the L1 penalty matter?",
        needs="seed activation initialization signs penalty test_error",
        draw=draw,
        reading=(
            f"{ROWS} {FULL} Without pre-training, networks with negated outputs only start from "
            "other random weights of the same distribution: a difference there is chance."
        ),
        numbers=means,
    ),
)
