"""Test error against depth, and gradient norms by layer of the deepest networks."""

import math

from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.figures.plot import MEANS, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Table, numbers
from pipeline.report.text.wording import number


def draw(table: Table, theme: Theme) -> Figure:
    """Draw, over depth, test error in percent; and the gradient's norm by layer of the deepest."""
    figure = style.figure(6.6)
    errors, norms = figure.subplots(2, 1)
    style.curves(errors, table.series("depth"), theme)
    for activation in table.levels("activation"):
        color, layers = style.hue(activation, theme), gradient_norms(table, activation)
        norms.plot(range(1, len(layers) + 1), layers, color=color, marker="o", markersize=6)
    deepest = int(max(table.levels("depth")))
    for axes in (errors, norms):
        style.log_scale(axes)
        style.grid(axes)
    norms.set_xticks(range(1, deepest + 1))
    errors.set_xlabel("hidden layers")
    errors.set_ylabel(style.ERROR)
    norms.set_xlabel(f"hidden layer of the networks of {deepest}, 1 the lowest")
    norms.set_ylabel("norm of the gradient")
    style.legend_above(errors)
    return figure


def gradient_norms(table: Table, activation: str) -> list[float]:
    """Return the norm of each hidden layer's gradient in the deepest networks of an activation."""
    return norms_by_layer(table.where(activation=activation, depth=max(table.levels("depth"))))


def norms_by_layer(table: Table) -> list[float]:
    """Return the geometric mean over networks of each hidden layer's norm, from the lowest up.

    A layer in which some network's norm is 0 is NaN. Where a seed failed there is no layer.
    """
    if table.point().mean is None:
        return []
    layers = zip(*(row["gradient_norms"][:-1] for row in table.rows), strict=True)
    return [
        math.exp(sum(map(math.log, layer)) / len(layer)) if min(layer) > 0 else math.nan
        for layer in layers
    ]


def means(table: Table) -> Numbers:
    """Return the mean error by depth, and the lowest layer's gradient norm over the highest's."""
    norms = [gradient_norms(table, activation) for activation in table.levels("activation")]
    ratios = [f"{layers[0] / layers[-1]:.2g}" if len(layers) > 1 else "" for layers in norms]
    errors = numbers("hidden layers", *table.series("depth"), word=number)
    return [*errors, ("gradient norm, lowest over highest layer", *ratios)]


FIGURES = (
    Plot(
        "Do gradients reach the bottom of a deep network?",
        needs="seed activation depth test_error gradient_norms",
        draw=draw,
        reading=(
            f"{MEANS} Below: norm of each hidden layer's weight gradient, geometric mean over "
            "training and seeds; a line that falls to the left is a gradient that vanishes on its "
            "way down."
        ),
        numbers=means,
    ),
)
