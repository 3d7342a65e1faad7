"""Benchmark figure: time of a net-step over the number of networks, with lower bounds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.figures.style import WIDTH, Theme

HUES = {"engine": 0, "sequential": 1, "torch.func": 2, "JAX": 3}  # by the start of a name
DASHES = {  # by a part of a name
    "again": ":",
    "no graph": style.DASHED, "1 thread": style.DASHED,
    "compiled": style.DASHED,
    "CUDA graph": style.DASHED, "numpy": style.DASHED, "scikit-learn": ":",
}  # fmt: skip
FLOORS = {"one sweep": "3 passes", "autograd": "6 passes", "arithmetic": "arithmetic"}
APART = 0.058  # of the height of a panel: one line of letters
SHARE = 0.5  # of the figure's width that a panel has, beside the names


def speed(bench: Mapping[str, Any], theme: Theme) -> Figure:
    """Draw one panel a size: milliseconds a net-step over K, one line a contender."""
    sizes = list(dict.fromkeys(row["size"] for row in bench["net_steps"]))
    figure = Figure(figsize=(WIDTH, 0.3 + 3.9 * len(sizes)))  # names stand outside the panels
    panels = figure.subplots(len(sizes), 1, squeeze=False)[:, 0]
    figure.subplots_adjust(left=0.13, right=0.13 + SHARE, top=0.965, bottom=0.065, hspace=0.22)
    for axes, size in zip(panels, sizes, strict=True):
        rows = [row for row in bench["net_steps"] if row["size"] == size and "absent" not in row]
        floors = bench["limits"][size]["floors_ms"]
        _panel(axes, rows, {FLOORS[name]: floors[name] for name in FLOORS if name in floors}, theme)
        axes.set_title(f"{size} size: ms a net-step", loc="left")
    panels[-1].set_xlabel("networks trained, K")
    return figure


def _panel(
    axes: Axes, rows: Sequence[Mapping[str, Any]], floors: Mapping[str, float], theme: Theme
) -> None:
    networks = sorted({row["networks"] for row in rows})
    ends: list[tuple[float, str, str]] = []  # last value, name, color
    for name in dict.fromkeys(row["contender"] for row in rows):
        times = {
            row["networks"]: row["ms_per_net_step"] for row in rows if row["contender"] == name
        }
        hue = next((theme.hues[HUES[key]] for key in HUES if name.startswith(key)), theme.ink)
        dashes = next((DASHES[key] for key in DASHES if key in name), "-")
        width = 3.0 if name == "engine" else 1.4
        xs = list(times)
        axes.plot(
            xs, list(times.values()), color=hue, linestyle=dashes, linewidth=width, marker="o",
            markersize=4,
        )  # fmt: skip
        if not name.endswith("again"):
            ends.append((times[xs[-1]], name.removeprefix("sequential "), hue))
    for name, value in floors.items():
        axes.axhline(value, color=theme.ink, linewidth=0.9, linestyle=(0, (1, 2)))
        ends.append((value, f"floor: {name}", theme.ink))
    axes.set_xscale("log")
    style.ticks(axes.xaxis, {K: str(K) for K in networks})
    style.log_scale(axes)
    style.grid(axes)
    _names(axes, ends)


def _names(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write the names beside the ends of their lines, without overlap."""
    low, high = (math.log(limit) for limit in axes.get_ylim())
    ordered = sorted(ends)
    wanted = [(math.log(value) - low) / (high - low) for value, *_ in ordered]
    for (_, name, color), end, place in zip(ordered, wanted, apart(wanted), strict=True):
        line = {"arrowstyle": "-", "color": color, "linewidth": 0.6, "relpos": (0, 0.5)}
        axes.annotate(
            name, xy=(1, end), xytext=(1.06, place), xycoords="axes fraction", color=color,
            va="center", fontsize=9, annotation_clip=False, arrowprops=line,
        )  # fmt: skip


def apart(wanted: Sequence[float]) -> list[float]:
    """Return ascending places as near to these as names of one line's height can stand.

    >>> [round(place, 3) for place in apart([0.5, 0.5, 0.9])]
    [0.471, 0.529, 0.9]
    """
    groups: list[list[float]] = []  # of names that touch: they stand around their mean
    for place in wanted:
        groups.append([place])
        while len(groups) > 1 and _foot(groups[-1]) < _foot(groups[-2]) + APART * len(groups[-2]):
            last = groups.pop()
            groups[-1] += last
    return [_foot(group) + APART * n for group in groups for n in range(len(group))]


def _foot(group: Sequence[float]) -> float:
    """Return the place of the lowest name of a group."""
    return sum(group) / len(group) - APART * (len(group) - 1) / 2
