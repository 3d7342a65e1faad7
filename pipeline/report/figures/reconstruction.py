"""Test error by the reconstruction that pre-trained rectifier networks."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import ROWS, Plot
from pipeline.report.figures.style import Entry, Theme
from pipeline.report.figures.table import Numbers, Table, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent, one row a reconstruction."""
    color = style.hue("rectifier", theme)
    points = table.points("reconstruction")
    return style.dot_plot([Entry(name, point, color) for name, point in points.items()], theme)


def means(table: Table) -> Numbers:
    """Return the mean error of each reconstruction."""
    return numbers("reconstruction", {"test error": table.points("reconstruction")})


FIGURES = (
    Plot(
        "How should a one-sided unit be rebuilt?",
        needs="seed reconstruction test_error",
        draw=draw,
        reading=(
            f"{ROWS} Rectifier networks, pre-trained with each way to rebuild their inputs; the "
            "paper finds softplus best on images."
        ),
        numbers=means,
    ),
)
