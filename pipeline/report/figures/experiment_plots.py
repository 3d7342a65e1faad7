"""The figures of the experiments that vary something by degrees: errors as curves and clouds."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.analysis import changepoint
from pipeline.analysis.changepoint import Changepoint
from pipeline.claims.sparsity import HARMLESS
from pipeline.report.figures import chart_elements
from pipeline.report.figures.conditions import Point, Table
from pipeline.report.figures.plots import Theme
from pipeline.report.text.names import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PHASES = {
    "random": (chart_elements.DASHED, False),
    "pretrained": ("-", True),
}  # dashes, full circles


def broken(table: Table) -> Changepoint | None:
    """Return the fitted breaking point of a sparsity table, None where there is none to fit.

    As verdicts: nor where networks that learned little would place it.
    """
    rows = [row for row in table.rows if row["test_error"] is not None]
    zeros, errors = ([row[name] for row in rows] for name in ("zeros", "test_error"))
    try:
        found = changepoint.fit(zeros, errors, region=(-math.inf, math.inf))
        return None if changepoint.learned_little(errors) else found
    except ValueError:
        return None


def _panel(height: float) -> tuple["Figure", "Axes"]:
    figure = chart_elements.figure(height)
    axes = figure.add_subplot()
    axes.set_ylabel("test error, %")
    chart_elements.grid(axes)
    return figure, axes


def sparsity(table: Table, theme: Theme) -> "Figure":
    """Draw test error over zeros, in percent, one dot a network, with the fitted hinge."""
    figure, axes = _panel(4.2)
    color = chart_elements.hue("rectifier", theme)
    known = [row for row in table.rows if row["test_error"] is not None]
    low, high, _ = HARMLESS
    axes.axvspan(100 * low, 100 * high, color=theme.faint, alpha=0.5, linewidth=0)
    zeros, errors = ([100 * row[name] for row in known] for name in ("zeros", "test_error"))
    axes.plot(zeros, errors, "o", color=color, alpha=0.45, markersize=5, markeredgewidth=0)
    _log_where_wide(axes, errors)
    if (found := broken(table)) is not None:
        _hinge(axes, found, table.confidence, theme)
    axes.text(
        50 * (low + high), 0.99, "paper:\nno harm", ha="center", va="top",
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
    axes.set_xlabel("hidden outputs that are exactly 0, %")
    return figure


def _hinge(axes: "Axes", found: Changepoint, confidence: float, theme: Theme) -> None:
    low, high = found.interval(confidence)
    ends = float(found.zeros_N.min()), float(found.zeros_N.max())
    inside = [min(max(end, ends[0]), ends[1]) for end in (low, high)]
    zeros_N = np.linspace(*ends, 200)
    errors_N = found.level + found.slope * (zeros_N - found.value).clip(min=0)
    axes.plot(100 * zeros_N, 100 * errors_N, color=theme.ink)
    if found.slope <= 0:
        return
    axes.plot(
        [100 * end for end in inside], [0.03, 0.03], color=theme.ink, linewidth=4,
        transform=axes.get_xaxis_transform(), solid_capstyle="round",
    )  # fmt: skip
    axes.axvline(100 * found.value, ymax=0.84, color=theme.ink, linewidth=1, linestyle=":")


def _log_where_wide(axes: "Axes", errors: Sequence[float]) -> None:
    """Make the errors' axis logarithmic where the largest is many times the smallest."""
    if errors and min(errors) > 0 and max(errors) > 5 * min(errors):
        chart_elements.log_scale(axes)


def hardness(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent over alpha, the rectifier, alpha without end, last."""
    figure, axes = _panel(3.4)
    points = table.points("alpha")
    alphas = sorted(points)
    finite = [math.log(alpha) for alpha in alphas if math.isfinite(alpha)]
    places = [*finite, max(finite) + 0.7][: len(alphas)]
    chart_elements.curve(
        axes,
        places,
        [points[alpha] for alpha in alphas],
        chart_elements.hue("softplus", theme),
        theme,
    )
    if math.isinf(alphas[-1]):
        last = [points[alphas[-1]]]
        chart_elements.curve(axes, places[-1:], last, chart_elements.hue("rectifier", theme), theme)
    names = [f"{alpha:g}" if math.isfinite(alpha) else "rectifier" for alpha in alphas]
    chart_elements.plain_ticks(axes.xaxis, places, names)
    axes.set_xlabel("hardness \N{GREEK SMALL LETTER ALPHA} of the softplus")
    return figure


def labels(table: Table, theme: Theme) -> "Figure":
    """Draw test error over the share of labels, both in percent, for each unit and start."""
    figure, axes = _panel(4.4)
    axes.set_xscale("log")
    for activation in table.levels("activation"):
        for initialization in table.where(activation=activation).levels("initialization"):
            mine = table.where(activation=activation, initialization=initialization)
            dashes, full = PHASES[initialization]
            over(
                axes, mine.points("share"), chart_elements.hue(activation, theme), theme, scale=100,
                label=label(activation, initialization), dashes=dashes, full=full,
            )  # fmt: skip
    chart_elements.log_scale(axes)
    shares = [100 * share for share in sorted(table.levels("share"))]
    chart_elements.plain_ticks(axes.xaxis, shares, [f"{share:g}" for share in shares])
    axes.set_xlabel("labels used in fine-tuning, %")
    chart_elements.legend_above(axes)
    return figure


def over(
    axes: "Axes", points: dict[Any, Point], color: Any, theme: Theme, *, scale: float, **style: Any
) -> None:
    """Draw a curve over levels that are numbers, places being `scale` times the level."""
    levels = sorted(points)
    places = [scale * level for level in levels]
    chart_elements.curve(axes, places, [points[level] for level in levels], color, theme, **style)


def width(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent over the width of the layers."""
    figure, axes = _panel(3.6)
    axes.set_xscale("log")
    for activation in table.levels("activation"):
        points = table.where(activation=activation).points("multiple")
        over(axes, points, chart_elements.hue(activation, theme), theme, scale=1, label=activation)
    multiples = sorted(table.levels("multiple"))
    chart_elements.plain_ticks(
        axes.xaxis, multiples, [_fraction(multiple) for multiple in multiples]
    )
    axes.set_xlabel("width of the hidden layers (1: the usual)")
    chart_elements.legend_above(axes)
    return figure


def _fraction(value: float) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


def rates(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent over the learning rate; a cross at the top where it diverged."""
    figure, axes = _panel(4.0)
    axes.set_xscale("log")
    for order, activation in enumerate(table.levels("activation")):
        points = table.where(activation=activation).points("rate")
        color, top = chart_elements.hue(activation, theme), 1 - 0.05 * order
        over(axes, points, color, theme, scale=1, label=activation, top=top)
    chart_elements.log_scale(axes)
    tens = [10.0**power for power in range(-6, 3)]
    low, high = min(table.levels("rate")), max(table.levels("rate"))
    shown = [ten for ten in tens if low * 0.99 <= ten <= high * 1.01]
    chart_elements.plain_ticks(axes.xaxis, shown, [f"{ten:g}" for ten in shown])
    axes.set_xlabel("learning rate")
    chart_elements.legend_above(axes, 3)
    return figure


def conditioning(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent over the scale alpha of the starting weights."""
    figure, axes = _panel(3.4)
    axes.set_xscale("log")
    over(axes, table.points("alpha"), chart_elements.hue("rectifier", theme), theme, scale=1)
    alphas = sorted(table.levels("alpha"))
    chart_elements.plain_ticks(axes.xaxis, alphas, [f"{alpha:g}" for alpha in alphas])
    axes.set_xlabel(
        "\N{GREEK SMALL LETTER ALPHA}: weights into the first hidden layer divided by it"
    )
    return figure
