"""Distinct patterns of active units in rectifier networks."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import LINES, MEANS, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Table, numbers
from pipeline.report.text.wording import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw, by layer of rectifier networks, patterns per example, in percent."""
    figure, axes = style.panel(3.6, "own patterns, %")
    for (activation, start), rows in table.arms("rectifier").items():
        points, color = rows.points("layer", "distinct"), style.hue(activation, theme)
        style.curve(axes, points, color, theme, label=label(activation, start), start=start)
    style.ticks(axes.xaxis, {layer: f"{layer:g}" for layer in sorted(table.levels("layer"))})
    axes.set_xlabel("hidden layer, 1 the lowest")
    style.legend_above(axes)
    return figure


def means(table: Table) -> Numbers:
    """Return, for random rectifier networks, patterns and information about the class by layer."""
    random = table.where(activation="rectifier", initialization="random")
    patterns = numbers(
        "layer", {"own patterns": random.points("layer", "distinct")}, word="{:g}".format
    )
    bits = numbers("layer", {"": random.points("layer", "information_bits")}, unit="")
    head = (*patterns[0], "information on the class, bits a unit")
    return [head, *((*row, bit[1]) for row, bit in zip(patterns[1:], bits[1:], strict=True))]


FIGURES = (
    Plot(
        "Is the code distributed, though sparse?",
        needs="seed activation initialization layer distinct information_bits",
        draw=draw,
        reading=(
            f"{MEANS} {LINES} At 100% every test example has a set of active units of its own: the "
            "code is distributed, though most units are 0."
        ),
        numbers=means,
    ),
)
