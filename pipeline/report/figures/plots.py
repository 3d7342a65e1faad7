"""The report's figures, in one house style, for light and for dark pages.

Drawn 480 px wide with letters of 15 px, so that they can still be read on a telephone.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pipeline.analysis import baselines
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.report.figures import image_grids
from pipeline.report.text.names import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.0  # inches: 480 px of CSS
DASHES = {"logistic": "--", "constant": ":"}


@dataclass(frozen=True)
class Theme:
    """The colors of a page; `hues` tell activations apart, for color-blind readers too."""

    ink: str
    faint: str
    paper: str
    hues: tuple[str, ...]


# Okabe and Ito's colors, lightened for dark pages.
LIGHT = Theme("#1d2330", "#c9ced6", "#ffffff", ("#0072b2", "#d55e00", "#009e73", "#b0548f"))
DARK = Theme("#e6e9ee", "#4a515d", "#171a20", ("#56b4e9", "#ff9248", "#2fc99b", "#e39ac5"))

Shown = TypeVar("Shown")  # what a figure is drawn from
Draw = Callable[[Results, Theme], "Figure"]


def svg(draw: Callable[[Shown, Theme], "Figure"], shown: Shown, theme: Theme) -> bytes:
    """Return a figure as SVG: same records, same bytes, on every day and machine."""
    from matplotlib import style

    with style.context(["default", _house(theme)]):
        content = io.BytesIO()
        draw(shown, theme).savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


def _house(theme: Theme) -> dict[str, Any]:
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
        "text.parse_math": False,  # names of arms are the user's
        "svg.hashsalt": "figures",
        "svg.fonttype": "none",  # letters as text: half the bytes of letters as outlines
        "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    }


def _figure(height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def _hue(results: Results, row: Row, theme: Theme) -> str:
    activations = list(dict.fromkeys(other["activation"] for other in results.table))
    return theme.hues[activations.index(row["activation"]) % len(theme.hues)]


def _face(row: Row, hue: str, theme: Theme) -> str:
    """Tell the initializations apart by fill: pre-trained full, random hollow."""
    return hue if row["initialization"] == "pretrained" else theme.paper


def errors_by_arm(results: Results, theme: Theme) -> "Figure":
    """Draw each arm's test error in percent, or its test RMSE in stars: the seeds, their mean and
    interval, the paper's, and the baselines as lines."""
    figure = _figure(1.0 + 0.6 * len(results.table))
    axes = figure.add_subplot()
    for y, row in enumerate(results.table):
        _draw_errors(axes, y, row, results, theme)
    axes.set_yticks(range(len(results.table)), [_name(row) for row in results.table])
    axes.set_ylim(len(results.table) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel(f"{results.measure.name}, {results.measure.unit}")
    what = results.measure
    for row in baselines.near(results):
        value = (what.mean(row) or 0.0) * what.scale
        axes.axvline(value, color=theme.ink, linestyle=DASHES[row["baseline"]], linewidth=1.4)
    return figure


def _name(row: Row) -> str:
    return label(row["activation"], row["initialization"])


def _draw_errors(axes: "Axes", y: int, row: Row, results: Results, theme: Theme) -> None:
    hue, what = _hue(results, row, theme), results.measure
    mean, ends = what.mean(row), what.ends(row)
    if mean is None:
        middle = axes.get_yaxis_transform()
        axes.text(0.5, y + 0.3, "failed: no average", transform=middle, ha="center", va="center")
    else:
        runs = (run for run in results.runs if arm_key(run) == arm_key(row))
        seeds = [run[what.key] * what.scale for run in runs]
        axes.plot(seeds, [y + 0.27] * len(seeds), ".", color=hue, alpha=0.5, markersize=6)
        if ends is not None:
            bar = [end * what.scale for end in ends]
            axes.plot(bar, [y, y], color=hue, linewidth=3.5, solid_capstyle="round")
        at, face = mean * what.scale, _face(row, hue, theme)
        axes.plot(at, y, "o", color=hue, markerfacecolor=face, markersize=9, markeredgewidth=2)
    if row["paper_test_error"] is not None:
        axes.plot(row["paper_test_error"] * 100, y, "D", color=theme.ink, markersize=6)


def validation_curves(results: Results, theme: Theme) -> "Figure":
    """Draw each arm's mean validation error in percent, and the networks in training, by epoch."""
    figure = _figure(5.2)
    errors, training = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for row in results.table:
        curve = results.curves["arms"][arm_key(row)]
        if curve is not None:
            _draw_curve((errors, training), curve, row, results, theme)
    if all(min(line.get_ydata()) > 0 for line in errors.lines):
        _log_scale(errors)
    for axes in (errors, training):
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    errors.set_ylabel("validation error, %")
    training.set_ylabel("in training")
    training.set_ylim(bottom=0)
    training.set_xlabel("epoch of fine-tuning")
    if errors.lines:
        errors.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.45, 1), columnspacing=1.2)
    return figure


def _draw_curve(
    panels: tuple["Axes", "Axes"], curve: Row, row: Row, results: Results, theme: Theme
) -> None:
    hue = _hue(results, row, theme)
    dashes = "-" if row["initialization"] == "pretrained" else (0, (3, 1.4))
    epochs = range(1, len(curve["training"]) + 1)
    percent = [error * 100 for error in curve["valid_error"]]
    alone: dict[str, Any] = {"marker": "o"} if len(epochs) == 1 else {}  # one epoch makes no line
    panels[0].plot(epochs, percent, color=hue, linestyle=dashes, label=_name(row), **alone)
    panels[1].plot(epochs, curve["training"], color=hue, linestyle=dashes, **alone)


def _log_scale(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def zeros_by_layer(results: Results, theme: Theme) -> "Figure":
    """Draw the share of exact zeros of each arm and hidden layer, in percent, as a shaded table."""
    curves = results.curves["arms"]
    rows = [row for row in results.table if curves[arm_key(row)] is not None]
    depth = max(len(results.protocol["hidden"]), 1)
    figure = _figure(0.9 + 0.42 * len(results.table))
    axes = figure.add_subplot()
    axes.set_xlim(-0.5, depth - 0.5)
    for y, row in enumerate(rows):
        shares = curves[arm_key(row)]["zeros_by_layer"]
        for x, share in enumerate(shares):
            _draw_share(axes, (x, y), share, theme)
        if not shares:
            axes.text(0, y, "no layer", ha="center", va="center")
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_xticks(range(depth), [str(layer + 1) for layer in range(depth)])
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("hidden layer, 1 the lowest")
    return figure


def _draw_share(axes: "Axes", at: tuple[int, int], share: float, theme: Theme) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    low, high = np.array(to_rgb(theme.paper)), np.array(to_rgb(theme.hues[0]))
    shade = tuple(low + (high - low) * (0.06 + 0.94 * share))
    x, y = at
    cell = Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=shade, edgecolor="none")
    axes.add_patch(cell)
    luminance = float(np.dot(shade, [0.299, 0.587, 0.114]))
    ink = "#10131a" if luminance > 0.5 else "#ffffff"
    axes.text(x, y, f"{share * 100:.1f}%", ha="center", va="center", color=ink)


def first_filters(results: Results, theme: Theme) -> "Figure":
    """Draw the weights into first-layer units, each scaled alone: grey is 0, white positive."""
    rows = [row for row in results.table if arm_key(row) in results.filters]
    height = (len(rows) + 1) // 2
    figure = _figure(0.2 + 2.15 * max(height, 1))
    for index, row in enumerate(rows):
        axes = figure.add_subplot(height, 2, index + 1)
        axes.imshow(
            image_grids.mosaic(results.filters[arm_key(row)], results.shape), interpolation="none"
        )
        axes.set_title(_name(row), pad=5)
        axes.set_axis_off()
    return figure
