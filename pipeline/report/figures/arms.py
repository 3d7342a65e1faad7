"""Figures of the arms: errors, validation curves, sparsity, filters; for both HTML pages."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.analysis import baselines
from pipeline.analysis.results import Results, arm_key
from pipeline.paper import published
from pipeline.report.figures import image_grids, style
from pipeline.report.figures.plot import FULL, ROWS, dots
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Entry, Table
from pipeline.report.text.wording import label, name, percent, sentence

BASELINES = {"logistic": ("--", "Dashed line"), "constant": (":", "Dotted line")}


# Figures of the claims page, drawn from runs.csv.


def _entries(table: Table, quantity: str) -> list[Entry]:
    return [Entry(label(*arm), rows.point(quantity), *arm) for arm, rows in table.arms().items()]


def errors(table: Table) -> dict[str, list[Entry]]:
    """Return each arm's error, and the paper's where it has one."""
    papers = [published.test_error(table.dataset, *arm) for arm in table.arms()]
    pairs = zip(_entries(table, "test_error"), papers, strict=True)
    return {style.ERROR: [replace(entry, paper=paper) for entry, paper in pairs]}


def sparsity(table: Table) -> dict[str, list[Entry]]:
    """Return each arm's sparsity beside its dead units."""
    quantities = {"sparsity, %": "zeros", "dead units, %": "dead_units"}
    return {title: _entries(table, quantity) for title, quantity in quantities.items()}


def _diamonds(table: Table) -> str:
    known = any(published.test_error(table.dataset, *arm) for arm in table.arms())
    return "Diamond: the paper's number." if known else ""


FIGURES = (
    dots(
        "Which unit, from which start, makes the fewest errors?",
        errors,
        "arm",
        needs="seed activation initialization test_error",
        reading=f"{ROWS} {FULL}",
        note=_diamonds,
    ),
    dots(
        "Which networks are sparse, and which have dead units?",
        sparsity,
        "arm",
        needs="seed activation initialization zeros dead_units",
        reading=(
            f"{ROWS} Left: share of hidden outputs that are exactly 0 on the test examples; right: "
            "share of hidden units that are 0 for every training example."
        ),
    ),
)


# Figures of the results page, drawn from the comparison of arms.


def _colors(results: Results, theme: Theme) -> dict[str, str]:
    return style.hues((row["activation"] for row in results.table), theme)


def errors_by_arm(results: Results, theme: Theme) -> Figure:
    """Draw each arm's test error in percent, or its test RMSE in stars, with baselines as lines."""
    colors, measure = _colors(results, theme), results.measure
    runs = Table(results.dataset, results.runs, results.protocol["confidence"])
    papers = [row["paper_test_error"] for row in results.table]
    pairs = zip(_entries(runs, measure.key), papers, strict=True)
    entries = [replace(entry, paper=paper) for entry, paper in pairs]
    figure = style.figure(1.0 + 0.6 * len(entries))
    axes = figure.add_subplot()
    style.rows(axes, entries, theme, scale=measure.scale, colors=colors)
    axes.set_xlabel(f"{measure.name}, {measure.unit}")
    for row in baselines.near(results):
        value, dashes = row[f"{measure.key}_mean"] * measure.scale, BASELINES[row["baseline"]][0]
        axes.axvline(value, color=theme.ink, linestyle=dashes, linewidth=1.4)
    return figure


def errors_caption(results: Results) -> str:
    """Return how to read the errors by arm, the paper's numbers and the baselines."""
    seeds, confidence = results.protocol["seeds"], percent(results.protocol["confidence"], 0)
    measure = results.measure
    parts = [f"Circle: mean {measure.name} (full: pre-trained; hollow: random)."]
    if seeds > 1:
        parts.append(f"Bar: its {confidence}% interval; dots: the {seeds} seeds.")
    if any(row["paper_test_error"] is not None for row in results.table):
        parts.append("Diamond: the paper's number.")
    near = [row["baseline"] for row in baselines.near(results)]
    for row in baselines.table(results):
        if row["baseline"] in near:
            parts.append(f"{BASELINES[row['baseline']][1]}: {row['name']}.")
        else:
            parts.append(
                f"Far to the right: {row['name']}, {measure.with_unit(measure.mean(row))}."
            )
    if seeds > 1:
        parts.append("Seeds are paired: tests can separate arms whose bars overlap.")
    return " ".join(parts)


def validation_curves(results: Results, theme: Theme) -> Figure:
    """Draw each arm's mean validation error in percent, and the networks in training, by epoch."""
    figure = style.figure(5.2)
    errors, training = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    colors = _colors(results, theme)
    for row in results.table:
        curve = results.curves["arms"][arm_key(row)]
        if curve is None:
            continue
        epochs = range(1, len(curve["training"]) + 1)
        look: dict[str, Any] = {"marker": "o"} if len(epochs) == 1 else {}  # one epoch is no line
        dashes = style.STARTS[row["initialization"]][0]
        look |= {"color": colors[row["activation"]], "linestyle": dashes}
        percents = [100 * error for error in curve["valid_error"]]
        errors.plot(epochs, percents, label=name(row), **look)
        training.plot(epochs, curve["training"], **look)
    if errors.lines and all(min(line.get_ydata()) > 0 for line in errors.lines):
        style.log_scale(errors)
    for axes in (errors, training):
        style.grid(axes)
    errors.set_ylabel("validation error, %")
    training.set_ylabel("in training")
    training.set_ylim(bottom=0)
    training.set_xlabel("epoch of fine-tuning")
    style.legend_above(errors)
    return figure


def sparsity_by_layer(results: Results, theme: Theme) -> Figure:
    """Draw the sparsity of each arm and hidden layer, in percent, as a shaded table."""
    curves = results.curves["arms"]
    rows = [row for row in results.table if curves[arm_key(row)] is not None]
    depth = max(len(results.protocol["hidden"]), 1)
    figure = style.figure(0.9 + 0.42 * len(results.table))
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
    axes.set_yticks(range(len(rows)), [name(row) for row in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("hidden layer, 1 the lowest")
    return figure


def _draw_share(axes: Axes, at: tuple[int, int], share: float, theme: Theme) -> None:
    from matplotlib.patches import Rectangle

    shade = style.shade(theme.hues[0], theme, 0.06 + 0.94 * share)
    x, y = at
    cell = Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=shade, edgecolor="none")
    axes.add_patch(cell)
    luminance = float(np.dot(shade, [0.299, 0.587, 0.114]))
    ink = "#10131a" if luminance > 0.5 else "#ffffff"
    axes.text(x, y, f"{share * 100:.1f}%", ha="center", va="center", color=ink)


def first_filters(results: Results, theme: Theme) -> Figure:
    """Draw the weights into first-layer units, each scaled alone: gray is 0, white positive."""
    rows = [row for row in results.table if arm_key(row) in results.filters]
    height = (len(rows) + 1) // 2
    figure = style.figure(0.2 + 2.15 * max(height, 1))
    for index, row in enumerate(rows):
        axes = figure.add_subplot(height, 2, index + 1)
        mosaic = image_grids.mosaic(results.filters[arm_key(row)], results.shape)
        axes.imshow(mosaic, interpolation="none")
        axes.set_title(name(row), pad=5)
        axes.set_axis_off()
    return figure


Drawing = Callable[[Results, Theme], Figure]
RESULTS_FIGURES: list[tuple[str, Drawing, Callable[[Results], str]]] = [
    ("{} by arm", errors_by_arm, errors_caption),
    (
        "Validation error by epoch",
        validation_curves,
        lambda results: (
            f"Solid: pre-trained; dashed: random. Above: {results.curves['rule']}. Below: networks "
            "still in training."
        ),
    ),
    (
        "Sparsity by hidden layer",
        sparsity_by_layer,
        lambda _: (
            "Share of hidden outputs that are exactly 0 on the test examples, mean over seeds. Of "
            "the paper's units only the rectifier makes exact zeros by design."
        ),
    ),
    (
        "First-layer filters",
        first_filters,
        lambda results: (
            f"{sentence(results.protocol['filters']['rule'])}. Each is scaled by its own largest "
            "weight: gray is 0, white positive, black negative. Training makes strokes and blobs; "
            "a random start is even noise."
        ),
    ),
]
