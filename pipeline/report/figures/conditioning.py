"""Test error of starts that compute the same function at another scale of weights."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import MEANS, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Table, numbers
from pipeline.report.text.wording import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent over the scale alpha of the starting weights."""
    figure, axes = style.panel(3.4)
    axes.set_xscale("log")
    points = table.points("alpha")
    style.curve(axes, points, style.hue("rectifier", theme), theme)
    style.ticks(axes.xaxis, {alpha: f"{alpha:g}" for alpha in sorted(points)})
    axes.set_xlabel(f"{ALPHA}: weights into the first hidden layer divided by it")
    return figure


def means(table: Table) -> Numbers:
    """Return the mean error by scale."""
    return numbers(ALPHA, {"test error": table.points("alpha")}, word=number)


FIGURES = (
    Plot(
        "Does it matter how a rectifier network is parametrized?",
        needs="seed alpha test_error",
        draw=draw,
        reading=(
            f"{MEANS} All start from the same function; only its parametrization differs. "
            f"{ALPHA} = 1 is the plain start."
        ),
        numbers=means,
    ),
)
