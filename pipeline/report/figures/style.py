"""Style of all figures: themes of light and dark pages, colors, axes, curves and dot plots.

Figures are 480 CSS pixels wide with text of 15 pixels, so that they are readable on a phone.
"""

import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.figures.table import Entry, Series
from pipeline.report.text.wording import number

WIDTH = 5.0  # inches: 480 CSS pixels
DASHED = (0, (3, 1.4))
STARTS = {"random": (DASHED, False), "pretrained": ("-", True)}  # dashes, whether circles are full
ERROR, SPARSITY = "test error, %", "sparsity: exact zeros, %"


@dataclass(frozen=True)
class Theme:
    """Colors of a page; `hues` are distinct for color-blind readers too."""

    ink: str
    faint: str
    paper: str
    hues: tuple[str, ...]


# Okabe and Ito's colors, lightened for dark pages.
LIGHT = Theme("#1d2330", "#c9ced6", "#ffffff", ("#0072b2", "#d55e00", "#009e73", "#b0548f"))
DARK = Theme("#e6e9ee", "#4a515d", "#171a20", ("#56b4e9", "#ff9248", "#2fc99b", "#e39ac5"))
HUES = {"rectifier": 0, "tanh": 1, "softplus": 2, "sigmoid": 3}  # the same in every figure

Shown = TypeVar("Shown")  # the content of a figure


def svg(draw: Callable[[Shown, Theme], Figure], shown: Shown, theme: Theme) -> bytes:
    """Return a figure as SVG: same content, same bytes, on every day and machine."""
    from matplotlib import style

    with style.context(["default", _settings(theme)]):
        content = io.BytesIO()
        draw(shown, theme).savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


def _settings(theme: Theme) -> dict[str, Any]:
    """Return the settings of matplotlib."""
    ink = ["text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"]
    return dict.fromkeys(ink, theme.ink) | {
        "font.size": 11.5,
        "axes.labelsize": 11.5,
        "axes.titlesize": 11.5,
        "legend.fontsize": 11,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "grid.color": theme.faint,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.8,
        "text.parse_math": False,  # users name activations
        "svg.hashsalt": "figures",
        "svg.fonttype": "none",  # letters as text: half the bytes of letters as outlines
        "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    }


def figure(height: float) -> Figure:
    """Return an empty figure of a height in inches."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def panel(height: float, ylabel: str = ERROR) -> tuple[Figure, Axes]:
    """Return a figure with one panel and a grid of horizontal lines."""
    drawn = figure(height)
    axes = drawn.add_subplot()
    axes.set_ylabel(ylabel)
    grid(axes)
    return drawn, axes


def hue(activation: str, theme: Theme) -> str:
    """Return the color of an activation; ink for all but the four of `HUES`."""
    return theme.hues[HUES[activation]] if activation in HUES else theme.ink


def hues(activations: Iterable[str], theme: Theme) -> dict[str, str]:
    """Return the colors of activations: those of `HUES`, and the free hues in turn for others."""
    names = list(dict.fromkeys(activations))
    taken = [HUES[name] for name in names if name in HUES]
    free = [color for index, color in enumerate(theme.hues) if index not in taken] or [theme.ink]
    others = [name for name in names if name not in HUES]
    return {name: hue(name, theme) for name in names} | {
        name: free[index % len(free)] for index, name in enumerate(others)
    }


def shade(color: str, theme: Theme, strength: float) -> tuple[float, ...]:
    """Return a mix of the page's color (strength 0) and another color (strength 1)."""
    from matplotlib.colors import to_rgb

    pairs = zip(to_rgb(theme.paper), to_rgb(color), strict=True)
    return tuple(low + (high - low) * strength for low, high in pairs)


def level_color(index: int, levels: int, theme: Theme) -> tuple[float, ...]:
    """Return the rectifier's color, stronger for higher ones of several ordered levels."""
    strength = 0.45 + 0.55 * index / max(levels - 1, 1)
    return shade(hue("rectifier", theme), theme, strength)


def grid(axes: Axes, axis: Any = "y") -> None:
    """Draw a grid behind everything else."""
    axes.grid(axis=axis)
    axes.set_axisbelow(True)


def ticks(axis: Any, labels: Mapping[float, str]) -> None:
    """Set the ticks of an axis, linear or logarithmic, to these places and no others."""
    axis.set_ticks(list(labels), labels=list(labels.values()))
    axis.set_ticks([], minor=True)


def log_scale(axes: Axes, axis: str = "y") -> None:
    """Make an axis, "x" or "y", logarithmic, with ticks that read as numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ruler = getattr(axes, f"{axis}axis")
    if not math.isfinite(ruler.get_minpos()):  # every network was lost
        return
    axes.set(**{f"{axis}scale": "log"})
    low, high = getattr(axes, f"get_{axis}lim")()
    subs = (1, 2, 3, 5) if high / low < 100 else (1, 3) if high / low < 1000 else (1,)
    ruler.set_major_locator(LogLocator(subs=subs))
    ruler.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    ruler.set_minor_formatter(NullFormatter())


def log_where_wide(axes: Axes, values: Sequence[float], axis: str = "y") -> None:
    """Make an axis logarithmic where the largest of its values is many times the smallest."""
    if values and min(values) > 0 and max(values) > 5 * min(values):
        log_scale(axes, axis)


def tick(value: float) -> str:
    """Return the label of a tick; small powers of ten have a superscript."""
    power = round(math.log10(value))
    if value >= 0.001 or not math.isclose(value, 10.0**power):
        return f"{value:g}"
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def curves(
    axes: Axes,
    series: Sequence[Series],
    theme: Theme,
    *,
    scale: float = 1,
    tick: Callable[[float], str] = number,
) -> None:
    """Draw a curve for each of several series, and a tick at each level times `scale`."""
    for order, one in enumerate(series):
        curve(axes, one, theme, scale=scale, top=1 - 0.05 * order)
    places = sorted({scale * level for one in series for level in one.points})
    ticks(axes.xaxis, {place: tick(place) for place in places})


def curve(axes: Axes, series: Series, theme: Theme, *, scale: float = 1, top: float = 1.0) -> None:
    """Draw means with intervals, in percent, joined by a line; curves stand slightly apart.

    Places are the levels times `scale`. A cross marks a point without a mean, at `top` as a
    fraction of the panel's height.
    """
    color, (dashes, full) = hue(series.activation, theme), STARTS[series.start]
    pairs = [(scale * level, series.points[level]) for level in sorted(series.points)]
    known = [(x, 100 * point.mean) for x, point in pairs if point.mean is not None]
    xs, means = [x for x, _ in known], [mean for _, mean in known]
    aside = _aside(axes)
    lines = axes.plot(
        xs, means, color=color, linestyle=dashes, marker="o", markersize=6, label=series.name,
        markerfacecolor=color if full else theme.paper, markeredgewidth=1.6,
    )  # fmt: skip
    for x, point in pairs:
        if point.low is not None and point.high is not None:
            ends = [100 * point.low, 100 * point.high]
            lines += axes.plot([x, x], ends, color=color, linewidth=1.4)
    for line in lines:
        line.set_transform(aside)
    lost = [x for x, point in pairs if point.mean is None]
    if lost:  # without data its markers would stand in the figure's corner and widen the layout
        above = axes.get_xaxis_transform()
        axes.plot(lost, [top] * len(lost), "x", color=color, transform=above, clip_on=False)


def curve_figure(
    series: Sequence[Series],
    theme: Theme,
    xlabel: str,
    *,
    ylabel: str = ERROR,
    height: float = 4.0,
    log: str = "",
    scale: float = 1,
    tick: Callable[[float], str] = number,
) -> Figure:
    """Return a figure of one panel of curves; `log` names its logarithmic axes, e.g. "xy"."""
    drawn, axes = panel(height, ylabel)
    if "x" in log:
        axes.set_xscale("log")
    curves(axes, series, theme, scale=scale, tick=tick)
    if "y" in log:
        log_scale(axes)
    axes.set_xlabel(xlabel)
    if len(series) > 1:
        legend_above(axes, 3 if len(series) == 3 else 2)
    return drawn


def _aside(axes: Axes) -> Any:
    """Return the transform of the next curve: a few points beside the curves drawn so far."""
    from matplotlib.transforms import ScaledTranslation

    order = len(axes.get_legend_handles_labels()[0])
    points = (order + 1) // 2 * 2.5 * (1 if order % 2 else -1)
    return axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)


def rows(
    axes: Axes,
    entries: Sequence[Entry],
    theme: Theme,
    *,
    scale: float = 100,
    colors: Mapping[str, str] | None = None,
) -> None:
    """Draw one row an entry: dots are seeds, the bar is the interval, the circle is the mean.

    Values are times `scale`; `colors` are by activation, `hue` without them.
    """
    for y, entry in enumerate(entries):
        color = colors[entry.activation] if colors else hue(entry.activation, theme)
        _row(axes, y, entry, color, color if STARTS[entry.start][1] else theme.paper, scale)
        if entry.paper is not None:
            axes.plot(entry.paper * scale, y, "D", color=theme.ink, markersize=6)
    axes.set_yticks(range(len(entries)), [entry.name for entry in entries])
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")


def _row(axes: Axes, y: int, entry: Entry, color: str, face: str, scale: float) -> None:
    point = entry.point
    seeds = [value * scale for value in point.values]
    if seeds:
        axes.plot(seeds, [y + 0.27] * len(seeds), ".", color=color, alpha=0.5, markersize=5)
    if point.low is not None and point.high is not None:
        ends = [point.low * scale, point.high * scale]
        axes.plot(ends, [y, y], color=color, linewidth=3.5, solid_capstyle="round")
    if point.mean is None:
        middle = axes.get_yaxis_transform()
        axes.text(0.5, y, "failed: no average", transform=middle, ha="center", va="center")
        return
    axes.plot(
        point.mean * scale, y, "o", color=color, markerfacecolor=face, markersize=8,
        markeredgewidth=2,
    )  # fmt: skip


def dot_figure(panels: Mapping[str, Sequence[Entry]], theme: Theme) -> Figure:
    """Return a figure of one or two dot plots of the same rows, by their labels below."""
    entries = next(iter(panels.values()))
    lines = sum(entry.name.count("\n") for entry in entries)
    drawn = figure(1.0 + 0.46 * len(entries) + 0.16 * lines)
    ratios = [3, 2][: len(panels)]
    beside = drawn.subplots(1, len(panels), sharey=True, width_ratios=ratios, squeeze=False)[0]
    for axes, (xlabel, entries) in zip(beside, panels.items(), strict=True):
        rows(axes, entries, theme)
        log_where_wide(axes, [value for entry in entries for value in entry.point.values], "x")
        axes.set_xlabel(xlabel)
    return drawn


def legend_above(axes: Axes, columns: int = 2, *, of: Axes | None = None) -> None:
    """Put the legend, of these axes or of others, above the axes, where no line can be."""
    handles, names = (of or axes).get_legend_handles_labels()
    unique = dict(zip(names, handles, strict=True))
    if unique:
        axes.legend(
            unique.values(), unique.keys(), ncols=columns, loc="lower center",
            bbox_to_anchor=(0.45, 1), columnspacing=1.2,
        )  # fmt: skip
