"""Test error against the learning rate."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import MEANS, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Point, Table, numbers
from pipeline.report.text.wording import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _curves(table: Table) -> dict[str, dict[float, Point]]:
    return {name: table.where(activation=name).points("rate")
            for name in table.levels("activation")}  # fmt: skip


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent over the learning rate; a cross at the top where it diverged."""
    figure, axes = style.panel(4.0)
    axes.set_xscale("log")
    for order, (activation, points) in enumerate(_curves(table).items()):
        color, top = style.hue(activation, theme), 1 - 0.05 * order
        style.curve(axes, points, color, theme, label=activation, top=top)
    style.log_scale(axes)
    rates = table.levels("rate")
    tens = [10.0**power for power in range(-6, 3)]
    shown = [ten for ten in tens if min(rates) * 0.99 <= ten <= max(rates) * 1.01]
    style.ticks(axes.xaxis, {ten: f"{ten:g}" for ten in shown})
    axes.set_xlabel("learning rate")
    style.legend_above(axes, 3)
    return figure


def means(table: Table) -> Numbers:
    """Return the mean error by learning rate."""
    return numbers("learning rate", _curves(table), word=number)


FIGURES = (
    Plot(
        "Does the grid of learning rates favor a unit?",
        needs="seed activation rate test_error",
        draw=draw,
        reading=f"{MEANS} A wide valley forgives a coarse grid of learning rates.",
        numbers=means,
    ),
)
