"""The marks that the figures of the experiments are drawn with: colors, bars, bands, rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.report.figures.conditions import Point
from pipeline.report.figures.plots import WIDTH, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# One hue an activation, the same in every figure; all others are drawn in ink.
HUES = {"rectifier": 0, "tanh": 1, "softplus": 2, "sigmoid": 3}
DASHED = (0, (3, 1.4))
SUPERSCRIPTS = str.maketrans(
    "-0123456789",
    "\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ZERO}\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT TWO}"
    "\N{SUPERSCRIPT THREE}\N{SUPERSCRIPT FOUR}\N{SUPERSCRIPT FIVE}\N{SUPERSCRIPT SIX}"
    "\N{SUPERSCRIPT SEVEN}\N{SUPERSCRIPT EIGHT}\N{SUPERSCRIPT NINE}",
)


@dataclass(frozen=True)
class Entry:
    """One row of a dot plot: its name, its point, its color, and whether its circle is full."""

    name: str
    point: Point
    hue: str
    full: bool = True


def hue(activation: str, theme: Theme) -> str:
    """Return an activation's color."""
    return theme.hues[HUES[activation]] if activation in HUES else theme.ink


def shade(color: str, theme: Theme, strength: float) -> tuple[float, ...]:
    """Return a color mixed with the paper's: strength 1 is the color, 0 the paper."""
    from matplotlib.colors import to_rgb

    pairs = zip(to_rgb(theme.paper), to_rgb(color), strict=True)
    return tuple(low + (high - low) * strength for low, high in pairs)


def figure(height: float) -> "Figure":
    """Return an empty figure of the house's width, its height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def grid(axes: "Axes", axis: Any = "y") -> None:
    """Draw a grid behind everything else."""
    axes.grid(axis=axis)
    axes.set_axisbelow(True)


def plain_ticks(axis: Any, places: Sequence[float], labels: Sequence[str]) -> None:
    """Set the ticks of an axis, also of a logarithmic one, and no others."""
    axis.set_ticks(list(places), labels=list(labels))
    axis.set_ticks([], minor=True)


def log_scale(axes: "Axes") -> None:
    """Make the vertical axis logarithmic, with ticks that read as numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    subs = (1, 2, 3, 5) if high / low < 100 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _tick(value: float) -> str:
    """Return a tick of a logarithmic axis, small powers of ten as such."""
    power = round(math.log10(value))
    if value >= 0.001 or not math.isclose(value, 10.0**power):
        return f"{value:g}"
    return "10" + str(power).translate(SUPERSCRIPTS)


def curve(
    axes: "Axes",
    places: Sequence[float],
    points: Sequence[Point],
    color: Any,
    theme: Theme,
    *,
    label: str = "",
    dashes: Any = "-",
    full: bool = True,
    top: float = 1.0,
) -> None:
    """Draw means with intervals, in percent, joined by a line; curves stand a little apart.

    A cross stands for what was lost: at the top, or where `top` says as a share of the height.
    """
    pairs = list(zip(places, points, strict=True))
    known = [(x, 100 * point.mean) for x, point in pairs if point.mean is not None]
    xs, means = [x for x, _ in known], [mean for _, mean in known]
    aside = _aside(axes)
    lines = axes.plot(
        xs, means, color=color, linestyle=dashes, marker="o", markersize=6,
        markerfacecolor=color if full else theme.paper, markeredgewidth=1.6, label=label or None,
    )  # fmt: skip
    for x, point in pairs:
        if point.low is not None and point.high is not None:
            ends = [100 * point.low, 100 * point.high]
            lines += axes.plot([x, x], ends, color=color, linewidth=1.4)
    for line in lines:
        line.set_transform(aside)
    lost = [x for x, point in pairs if point.mean is None]
    if lost:  # marks of no data would stand in the figure's corner, and count in its layout
        above = axes.get_xaxis_transform()
        axes.plot(lost, [top] * len(lost), "x", color=color, transform=above, clip_on=False)


def _aside(axes: "Axes") -> Any:
    """Return where the next curve is drawn: beside those that are there, by a few points."""
    from matplotlib.transforms import ScaledTranslation

    order = len(axes.get_legend_handles_labels()[0])
    points = (order + 1) // 2 * 2.5 * (1 if order % 2 else -1)
    return axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)


def rows(axes: "Axes", entries: Sequence[Entry], theme: Theme, *, scale: float = 100) -> None:
    """Draw one row an entry: its seeds as dots, its interval as a bar, its mean as a circle."""
    for y, entry in enumerate(entries):
        _row(axes, y, entry, theme, scale)
    axes.set_yticks(range(len(entries)), [entry.name for entry in entries])
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")


def _row(axes: "Axes", y: int, entry: Entry, theme: Theme, scale: float) -> None:
    point, color = entry.point, entry.hue
    seeds = [value * scale for value in point.values]
    if seeds:
        axes.plot(seeds, [y + 0.27] * len(seeds), ".", color=color, alpha=0.5, markersize=5)
    if point.mean is None:
        middle = axes.get_yaxis_transform()
        axes.text(0.5, y, "failed: no average", transform=middle, ha="center", va="center")
        return
    if point.low is not None and point.high is not None:
        ends = [point.low * scale, point.high * scale]
        axes.plot(ends, [y, y], color=color, linewidth=3.5, solid_capstyle="round")
    axes.plot(
        point.mean * scale, y, "o", color=color, markersize=8, markeredgewidth=2,
        markerfacecolor=color if entry.full else theme.paper,
    )  # fmt: skip


def legend_above(axes: "Axes", columns: int = 2, *, of: "Axes | None" = None) -> None:
    """Put the legend, of these axes or of others, above the axes, where no line can be."""
    handles, names = (of or axes).get_legend_handles_labels()
    if names:
        axes.legend(
            handles, names, ncols=columns, loc="lower center", bbox_to_anchor=(0.45, 1),
            columnspacing=1.2,
        )  # fmt: skip
