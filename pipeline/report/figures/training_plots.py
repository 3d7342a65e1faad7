"""The figures of what happens in training: gradients over layers, dead units over epochs."""

import math
from typing import TYPE_CHECKING

from pipeline.report.figures import chart_elements
from pipeline.report.figures.conditions import Table
from pipeline.report.figures.experiment_plots import over
from pipeline.report.figures.plots import Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VARIED = {"rate": "learning rate", "l1": "L1 penalty", "bias": "bias at the start"}


def depth(table: Table, theme: Theme) -> "Figure":
    """Draw, over depth, test error in percent; and the gradient's norm by layer of the deepest."""
    figure = chart_elements.figure(6.6)
    errors, norms = figure.subplots(2, 1)
    for activation in table.levels("activation"):
        color, mine = chart_elements.hue(activation, theme), table.where(activation=activation)
        over(errors, mine.points("depth"), color, theme, scale=1, label=activation)
        layers = gradient_norms(mine)
        norms.plot(range(1, len(layers) + 1), layers, color=color, marker="o", markersize=6)
    chart_elements.log_scale(errors)
    chart_elements.log_scale(norms)
    errors.set_xlabel("hidden layers")
    errors.set_ylabel("test error, %")
    deepest = int(max(table.levels("depth")))
    for axes in (errors, norms):
        axes.set_xticks(range(1, deepest + 1))
    norms.set_xlabel(f"hidden layer of the networks of {deepest}, 1 the lowest")
    norms.set_ylabel("norm of the gradient")
    for axes in (errors, norms):
        chart_elements.grid(axes)
    chart_elements.legend_above(errors)
    return figure


def number(value: float) -> str:
    """Return a level as people read it, with a minus sign in place of a hyphen."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def gradient_norms(table: Table) -> list[float]:
    """Return the geometric mean over seeds of each hidden layer's norm in the deepest networks.

    A layer in which some seed's norm is 0 has none: NaN. Without an average of the errors there is
    none of the norms: no layers.
    """
    deep = table.where(depth=max(table.levels("depth")))
    if deep.point().mean is None:
        return []
    layers = zip(*(row["gradient_norms"][:-1] for row in deep.rows), strict=True)
    return [
        math.exp(sum(map(math.log, layer)) / len(layer)) if min(layer) > 0 else math.nan
        for layer in layers
    ]


def dying(table: Table, theme: Theme) -> "Figure":
    """Draw the share of dead units in percent over epochs, one panel for each thing varied."""
    factors = [factor for factor in VARIED if factor in table.levels("varied")]
    figure = chart_elements.figure(0.6 + 2.5 * len(factors))
    panels = figure.subplots(len(factors), 1, sharex=True, squeeze=False)[:, 0]
    for axes, factor in zip(panels, factors, strict=True):
        mine = table.where(varied=factor)
        levels = sorted(mine.levels("level"))
        for order, level in enumerate(levels):
            strength = 0.45 + 0.55 * order / max(len(levels) - 1, 1)
            shares = [100 * share for share in dead_by_epoch(mine.where(level=level))]
            color = chart_elements.shade(chart_elements.hue("rectifier", theme), theme, strength)
            name = number(level) if shares else f"{number(level)} (failed)"
            axes.plot(range(1, len(shares) + 1), shares, color=color, label=name)
        axes.set_ylabel("dead units, %")
        axes.set_ylim(bottom=0)
        axes.legend(title=VARIED[factor], loc="center left", bbox_to_anchor=(1, 0.5))
        chart_elements.grid(axes)
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    return figure


def dead_by_epoch(table: Table) -> list[float]:
    """Return the mean over seeds of the share of dead units after each epoch.

    A network that has stopped keeps counting with its last share. Where one failed there is no
    mean: no epochs.
    """
    if table.point().mean is None:
        return []
    lists = [row["dead_by_epoch"] for row in table.rows]
    epochs = range(max(map(len, lists), default=0))
    return [
        sum(shares[min(epoch, len(shares) - 1)] for shares in lists) / len(lists)
        for epoch in epochs
    ]
