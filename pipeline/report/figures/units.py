"""Test error and sparsity of the units proposed since 2011."""

import math

from pipeline.report.figures.plot import ROWS, dots
from pipeline.report.figures.style import ERROR
from pipeline.report.figures.table import Entry, Table


def panels(table: Table) -> dict[str, list[Entry]]:
    """Return errors beside sparsity, the unit of the lowest error first and failed units last."""
    errors, zeros = table.points("activation"), table.points("activation", "zeros")
    means = {name: math.inf if point.mean is None else point.mean for name, point in errors.items()}
    names = sorted(errors, key=means.__getitem__)
    return {
        label: [Entry(name, points[name], name) for name in names]
        for label, points in ((ERROR, errors), ("sparsity, %", zeros))
    }


FIGURES = (
    dots(
        "Are the units since 2011 better?",
        panels,
        "unit",
        needs="seed activation test_error zeros",
        reading=(
            f"{ROWS} Best at the top. If sparsity (exact zeros) were what helps, the units on top "
            "would be those far right in the other panel."
        ),
    ),
)
