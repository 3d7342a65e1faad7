"""Test error against the width of the hidden layers."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import MEANS, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Point, Table, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _curves(table: Table) -> dict[str, dict[float, Point]]:
    return {name: table.where(activation=name).points("multiple")
            for name in table.levels("activation")}  # fmt: skip


def _fraction(value: float) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent over the width of the layers."""
    figure, axes = style.panel(3.6)
    axes.set_xscale("log")
    for activation, points in _curves(table).items():
        style.curve(axes, points, style.hue(activation, theme), theme, label=activation)
    multiples = sorted(table.levels("multiple"))
    style.ticks(axes.xaxis, {multiple: _fraction(multiple) for multiple in multiples})
    axes.set_xlabel("width of the hidden layers (1: the usual)")
    style.legend_above(axes)
    return figure


def means(table: Table) -> Numbers:
    """Return the mean error by width."""
    return numbers("width", _curves(table), word=_fraction)


FIGURES = (
    Plot(
        "Does a one-sided unit need twice as many?",
        needs="seed activation multiple test_error",
        draw=draw,
        reading=(
            f"{MEANS} If one-sided units need twice as many, the rectifier's curve is that of tanh "
            "moved right by one doubling."
        ),
        numbers=means,
    ),
)
