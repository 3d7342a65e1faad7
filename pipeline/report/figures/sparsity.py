"""Test error against sparsity, the paper's Figure 3: one dot a network, and the fitted hinge."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.analysis import changepoint
from pipeline.analysis.changepoint import Changepoint
from pipeline.claims.sparsity import HARMLESS, MOST_L1, NETWORKS
from pipeline.report.figures import style
from pipeline.report.figures.plot import PaperFigure, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Table
from pipeline.report.text.wording import number, percent

HARMLESS_RANGE = " to almost ".join(percent(end, 0) for end in HARMLESS[:2]) + "%"


def draw(table: Table, theme: Theme) -> Figure:
    """Draw test error over sparsity, in percent, with the fitted level and rise."""
    figure, axes = style.panel(4.2)
    known = [row for row in table.rows if row["test_error"] is not None]
    low, high = (100 * end for end in HARMLESS[:2])
    axes.axvspan(low, high, color=theme.faint, alpha=0.5, linewidth=0)
    zeros, errors = ([100 * row[name] for row in known] for name in ("zeros", "test_error"))
    color = style.hue("rectifier", theme)
    axes.plot(zeros, errors, "o", color=color, alpha=0.45, markersize=5, markeredgewidth=0)
    style.log_where_wide(axes, errors)
    if (fit := fitted(table)) is not None:
        _draw_fit(axes, fit, table.confidence, theme)
    axes.text(
        (low + high) / 2, 0.99, "paper:\nno harm", ha="center", va="top",
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
    axes.set_xlabel(style.SPARSITY)
    return figure


def fitted(table: Table) -> Changepoint | None:
    """Return the fitted changepoint; None where there are too few networks for a fit.

    As in the verdicts, networks that learned little allow no fit: they would decide its place.
    """
    rows = [row for row in table.rows if row["test_error"] is not None]
    zeros, errors = ([row[name] for row in rows] for name in ("zeros", "test_error"))
    try:
        fit = changepoint.fit(zeros, errors, region=(-math.inf, math.inf))
        return None if changepoint.learned_little(errors) else fit
    except ValueError:
        return None


def _draw_fit(axes: Axes, fit: Changepoint, confidence: float, theme: Theme) -> None:
    """Draw the fitted line and, where it rises, the changepoint with its interval at the foot."""
    ends = float(fit.zeros_N.min()), float(fit.zeros_N.max())
    zeros_N = np.linspace(*ends, 200)
    errors_N = fit.level + fit.slope * (zeros_N - fit.value).clip(min=0)
    axes.plot(100 * zeros_N, 100 * errors_N, color=theme.ink)
    if fit.slope <= 0:
        return
    axes.plot(
        [100 * min(max(end, ends[0]), ends[1]) for end in fit.interval(confidence)],
        [0.03, 0.03], color=theme.ink, linewidth=4, transform=axes.get_xaxis_transform(),
        solid_capstyle="round",
    )  # fmt: skip
    axes.axvline(100 * fit.value, ymax=0.84, color=theme.ink, linewidth=1, linestyle=":")


def note(table: Table) -> str:
    """Return why there is no fitted line, or none that rises; empty where there is one."""
    fit = fitted(table)
    if fit is None:
        errors = [row["test_error"] for row in table.rows if row["test_error"] is not None]
        why = changepoint.learned_little(errors) or "There are too few networks."
        return f"No line is fitted: {why[0].lower()}{why[1:]}"
    return "" if fit.slope > 0 else "The best fit is level: errors do not rise."


def lines(table: Table) -> dict[str, str]:
    """Return the size of the experiment and its changepoint beside the paper's."""
    fit = fitted(table)
    level, rise = "not fitted", "not fitted"
    if fit is not None and fit.slope > 0:
        low, high = (percent(end, 1) for end in fit.interval(table.confidence))
        level = f"{percent(fit.value, 1)}% ({low} to {high})"
        rise = f"{percent(fit.level)}%, then +{fit.slope * 10:.2f} points per 10 points"
    elif fit is not None:
        most = max(row["zeros"] for row in table.rows if row["zeros"] is not None)
        level, rise = f"no rise up to {percent(most, 1)}%", f"{percent(fit.level)}%"
    return {
        "Networks": f"{len(table.rows)}",
        "Largest L1 penalty": number(max(row["l1"] for row in table.rows)),
        "Sparsity up to which errors stay level": level,
        "Level of the error": rise,
    }


FIGURES = (
    Plot(
        "How sparse may a network be?",
        needs="seed zeros test_error l1",
        draw=draw,
        reading=(
            "Each dot is one of {networks} rectifier networks with an L1 penalty of its own. Gray: "
            f"the paper sees no harm on MNIST ({HARMLESS_RANGE}). Line: a fitted level, then a "
            "rise; bar at the foot: {confidence}% interval of where the rise begins (dotted)."
        ),
        note=note,
        paper=PaperFigure(
            "Figure 3",
            "Test error against sparsity of many networks from random starts (paper: MNIST).",
            lines,
            {
                "Networks": f"{NETWORKS[0]}*",
                "Largest L1 penalty": f"{number(MOST_L1[0])}*",
                "Sparsity up to which errors stay level": HARMLESS_RANGE,
            },
        ),
    ),
)
