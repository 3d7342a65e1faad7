"""Test error and sparsity of the units proposed since 2011."""

from pipeline.report.figures.plot import ROWS, dots
from pipeline.report.figures.style import ERROR
from pipeline.report.figures.table import Entry, Table


def panels(table: Table) -> dict[str, list[Entry]]:
    """Return errors beside sparsity, the unit of the lowest error first and failed units last."""
    errors, zeros = table.points("activation"), table.points("activation", "zeros")
    names = sorted(errors, key=lambda name: errors[name].mean or 1.0)
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
