"""Test error and sparsity of the units proposed since 2011."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import ROWS, Plot
from pipeline.report.figures.style import Entry, Theme
from pipeline.report.figures.table import Numbers, Point, Table, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _columns(table: Table) -> tuple[dict[str, Point], dict[str, Point]]:
    """Return errors and sparsity by unit, the lowest error first and failed units last."""
    errors, zeros = table.points("activation"), table.points("activation", "zeros")
    names = sorted(errors, key=lambda name: errors[name].mean or 1.0)
    return {name: errors[name] for name in names}, {name: zeros[name] for name in names}


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw each unit's test error beside its sparsity, both in percent."""
    errors, zeros = (
        [Entry(name, point, style.hue(name, theme)) for name, point in column.items()]
        for column in _columns(table)
    )
    return style.dot_plots({style.ERROR: errors, "sparsity, %": zeros}, theme)


def means(table: Table) -> Numbers:
    """Return the mean error and sparsity of each unit."""
    errors, zeros = _columns(table)
    return numbers("unit", {"test error": errors, "sparsity": zeros})


FIGURES = (
    Plot(
        "Are the units since 2011 better?",
        needs="seed activation test_error zeros",
        draw=draw,
        reading=(
            f"{ROWS} Best at the top. If sparsity (exact zeros) were what helps, the units on top "
            "would be those far right in the other panel."
        ),
        numbers=means,
    ),
)
