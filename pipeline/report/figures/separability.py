"""Test error of linear classifiers on the outputs of each layer."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import LINES, MEANS, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Table, by_arm, numbers
from pipeline.report.text.wording import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw the test error of linear classifiers over layers, 0 the input, in percent."""
    figure, axes = style.panel(4.4)
    for (activation, start), rows in table.arms().items():
        color, name = style.hue(activation, theme), label(activation, start)
        style.curve(axes, rows.points("layer"), color, theme, label=name, start=start)
    style.ticks(axes.xaxis, {layer: f"{layer:g}" for layer in sorted(table.levels("layer"))})
    axes.set_xlabel("layer that is classified, 0 the input")
    style.legend_above(axes)
    return figure


def means(table: Table) -> Numbers:
    """Return the mean error by layer."""
    return numbers("layer", by_arm(table, "layer"), word="{:g}".format)


FIGURES = (
    Plot(
        "Is a higher layer easier for a linear classifier?",
        needs="seed activation initialization layer test_error",
        draw=draw,
        reading=(
            f"{MEANS} {LINES} Logistic regression on the outputs of one layer; a curve that falls: "
            "each layer makes the classes easier to separate by a plane."
        ),
        numbers=means,
    ),
)
