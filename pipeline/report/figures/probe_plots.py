"""The figures of the probes: what codes are like, and what neurons are like."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.probes import neuron
from pipeline.report.figures import chart_elements
from pipeline.report.figures.conditions import Table
from pipeline.report.figures.experiment_plots import PHASES, over
from pipeline.report.figures.plots import Theme
from pipeline.report.text.names import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPARSE = "rectifier"  # the one unit of the arms whose outputs are exactly 0
BRAIN = (95, 99)  # percent of neurons that are silent at a time, as the paper cites it
REFRACTORY_MS, MOST_HZ = 2.0, 200.0  # of the curve that is drawn


def starts(table: Table, activation: str | None = None) -> list[tuple[str, str, Table]]:
    """Return the arms of a table, of one activation or all: activation, start, rows."""
    pairs = dict.fromkeys((row["activation"], row["initialization"]) for row in table.rows)
    return [
        (name, start, table.where(activation=name, initialization=start))
        for name, start in pairs
        if activation in (None, name)
    ]


def _style(name: str, start: str, theme: Theme) -> dict[str, Any]:
    dashes, full = PHASES[start]
    return {"color": chart_elements.hue(name, theme), "dashes": dashes, "full": full}


def _arm(
    axes: "Axes", arm: tuple[str, str, Table], factor: str, quantity: str, theme: Theme
) -> None:
    """Draw a quantity of an arm over the levels of a factor, the mean over layers."""
    name, start, mine = arm
    points = {
        level: mine.where(**{factor: level}).averaged(quantity).point(quantity)
        for level in mine.levels(factor)
    }
    style = _style(name, start, theme)
    over(axes, points, style.pop("color"), theme, scale=1, label=label(name, start), **style)


def overlap(table: Table, theme: Theme) -> "Figure":
    """Draw how many active units noise leaves as they are, and how much it moves the outputs."""
    figure = chart_elements.figure(6.8)
    same, moved = figure.subplots(2, 1, sharex=True)
    noise = table.where(change="noise")
    for arm in starts(noise, SPARSE):
        _arm(same, arm, "noise", "overlap", theme)
    for arm in starts(noise):
        _arm(moved, arm, "noise", "relative_change", theme)
    mine = table.where(activation=SPARSE, initialization="random")
    for change in ("same class", "other class"):
        level = mine.where(change=change).averaged("overlap").point("overlap").mean
        if level is not None:
            _level(same, 100 * level, f"another input, {change}", theme)
    moved.set_xscale("log")
    levels = sorted(noise.levels("noise"))
    chart_elements.plain_ticks(moved.xaxis, levels, [f"{100 * share:g}" for share in levels])
    moved.set_xlabel("noise added, % of the input's norm")
    same.set_ylabel("active units kept, %")
    moved.set_ylabel("outputs moved, %")
    for axes in (same, moved):
        chart_elements.grid(axes)
    chart_elements.legend_above(same, of=moved)
    return figure


def _level(axes: "Axes", height: float, words: str, theme: Theme) -> None:
    axes.axhline(height, color=theme.ink, linewidth=1, linestyle=":")
    where = axes.get_yaxis_transform()
    axes.text(0.01, height, words, transform=where, va="bottom", ha="left")


def complexity(table: Table, theme: Theme) -> "Figure":
    """Draw the active units of rectifier networks over the complexity of the input, in tenths."""
    figure = chart_elements.figure(3.8)
    axes = figure.add_subplot()
    mine = table.where(activation=SPARSE, initialization="random", measure="bytes")
    layers = sorted(mine.levels("layer"))
    for layer in layers:
        lists = [row["active_by_tenth"] for row in mine.where(layer=layer).rows]
        shares = [100 * sum(tenth) / len(tenth) for tenth in zip(*lists, strict=True)]
        strength = 0.45 + 0.55 * layer / max(layers)
        color = chart_elements.shade(chart_elements.hue(SPARSE, theme), theme, strength)
        tenths = range(1, len(shares) + 1)
        axes.plot(tenths, shares, "o-", color=color, markersize=5, label=f"layer {layer:g}")
    axes.set_xticks([1, 4, 7, 10])
    axes.set_xlabel("tenth of the test examples, 10 the most complex")
    axes.set_ylabel("active units, %")
    chart_elements.grid(axes)
    chart_elements.legend_above(axes, 3)
    return figure


def separability(table: Table, theme: Theme) -> "Figure":
    """Draw the test error of linear classifiers over layers, 0 the input, in percent."""
    figure = chart_elements.figure(4.4)
    axes = figure.add_subplot()
    for arm in starts(table):
        _arm(axes, arm, "layer", "test_error", theme)
    _layers(axes, table.levels("layer"), "layer that is classified, 0 the input")
    axes.set_ylabel("test error, %")
    chart_elements.legend_above(axes)
    return figure


def _layers(axes: "Axes", layers: Sequence[float], name: str) -> None:
    axes.set_xticks(sorted(layers), [f"{layer:g}" for layer in sorted(layers)])
    axes.set_xlabel(name)
    chart_elements.grid(axes)


def patterns(table: Table, theme: Theme) -> "Figure":
    """Draw, by layer of rectifier networks, patterns per example, in percent."""
    figure = chart_elements.figure(3.6)
    axes = figure.add_subplot()
    for arm in starts(table, SPARSE):
        _arm(axes, arm, "layer", "distinct", theme)
    _layers(axes, table.levels("layer"), "hidden layer, 1 the lowest")
    axes.set_ylabel("own patterns, %")
    chart_elements.legend_above(axes)
    return figure


def shift(table: Table, theme: Theme) -> "Figure":
    """Draw test error over distance from mean 0, the mean over layers, a dot a network."""
    figure = chart_elements.figure(4.2)
    axes = figure.add_subplot()
    for name, start, mine in starts(table):
        style = _style(name, start, theme)
        inside = style["color"] if style["full"] else theme.paper
        shifts, errors = ([100 * value for value in mine.averaged(quantity).point(quantity).values]
                          for quantity in ("shift", "test_error"))  # fmt: skip
        axes.plot(shifts, errors, "o", color=style["color"], markerfacecolor=inside,
                  markersize=6, label=label(name, start))  # fmt: skip
    axes.set_xlabel("mean output's length, % of an output's")
    axes.set_ylabel("test error, %")
    chart_elements.grid(axes)
    chart_elements.legend_above(axes)
    return figure


def spiking(table: Table, theme: Theme) -> "Figure":
    """Draw test error, and silent units, of integrate-and-fire units over time steps."""
    figure = chart_elements.figure(6.6)
    errors, silent = figure.subplots(2, 1, sharex=True)
    for arm in starts(table):
        _arm(errors, arm, "steps", "test_error", theme)
        _arm(silent, arm, "steps", "silent_units", theme)
        rate = arm[2].averaged("rate_error").point("rate_error").mean
        if rate is not None:
            errors.axhline(
                100 * rate, color=chart_elements.hue(arm[0], theme), linewidth=1, linestyle=":"
            )
    silent.axhspan(*BRAIN, color=theme.faint, alpha=0.6, linewidth=0)
    silent.text(0.99, sum(BRAIN) / 2, "brain", transform=silent.get_yaxis_transform(),
                ha="right", va="center")  # fmt: skip
    chart_elements.log_scale(errors)
    silent.set_xscale("log")
    steps = sorted(table.levels("steps"))
    chart_elements.plain_ticks(silent.xaxis, steps, [f"{step:g}" for step in steps])
    silent.set_xlabel("time steps")
    silent.set_ylim(0, 100)
    errors.set_ylabel("test error, %")
    silent.set_ylabel("silent units, %")
    for axes in (errors, silent):
        chart_elements.grid(axes)
    chart_elements.legend_above(errors)
    return figure


def drawn_fits(table: Table) -> tuple[neuron.Neuron, dict[str, neuron.Fit]]:
    """Return the neuron that is drawn and the fits to it: of the widest range of currents."""
    mine = table.where(t_ref_ms=REFRACTORY_MS, most_rate_hz=MOST_HZ)
    mine = mine if mine.rows else table
    row = min(mine.rows, key=lambda row: row["least_mv"])
    settings = ("t_ref_ms", "most_rate_hz", "least_mv")
    rows = mine.where(**{name: row[name] for name in settings}).rows
    fields = ("activation", "scale_hz", "gain_per_na", "threshold_na", "misfit")
    fits = {each["activation"]: neuron.Fit(*(each[name] for name in fields)) for each in rows}
    return replace(neuron.CORTICAL, refractory_ms=row["t_ref_ms"]), fits


def rate_curve(table: Table, theme: Theme) -> "Figure":
    """Draw a neuron's firing rate in Hz over its input current in nA, with each unit's best fit."""
    cell, fits = drawn_fits(table)
    figure = chart_elements.figure(4.6)
    axes = figure.add_subplot()
    rows = table.where(t_ref_ms=cell.refractory_ms).rows
    ends = (
        cell.current(min(row["least_mv"] for row in rows)),
        cell.current_for(max(row["most_rate_hz"] for row in rows)),
    )
    current_N = np.linspace(*ends, 121)
    axes.plot(current_N, cell.rate(current_N), color=theme.ink, linewidth=3.2, label="neuron")
    for name, fit in fits.items():
        # Softplus of a high gain is the rectifier: dashed, so that both show.
        color, dashes = (
            chart_elements.hue(name, theme),
            chart_elements.DASHED if name == "softplus" else "-",
        )
        axes.plot(current_N, fit.rate(current_N), color=color, linestyle=dashes, label=name)
    axes.set_xlabel("input current, nA")
    axes.set_ylabel("firing rate, Hz")
    chart_elements.grid(axes)
    chart_elements.legend_above(axes, 3)
    return figure
