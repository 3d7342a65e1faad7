"""The figure of what zeros save: products that skip zeros beside dense ones (results/cost.json)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.analysis.results import Row
from pipeline.report.figures import chart_elements
from pipeline.report.figures.plots import Theme
from pipeline.report.text.summary import percent, sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DENSE = "dense"
STYLES = {
    "dense again": ":",
    "dense by torch": chart_elements.DASHED,
    "rows gathered": "-",
    "torch sparse CSR": chart_elements.DASHED,
    "each row's own": "-.",
}
NAMES = {"forward": "outputs", "backward": "way back", "update": "weights' update"}


@dataclass(frozen=True)
class Cost:
    """One device's times: rows of products, times of units in ms, and where they were taken."""

    products: list[Row]
    units: Mapping[str, Mapping[str, float]]
    machine: Mapping[str, Any]

    def contenders(self, direction: str) -> list[str]:
        """Return what competes with the dense product."""
        rows = [row["contender"] for row in self.products if row["direction"] == direction]
        return [name for name in dict.fromkeys(rows) if name != DENSE]

    def speeds(self, direction: str, contender: str) -> dict[float, float]:
        """Return how many times as fast as the dense product, by share of zeros."""
        return {
            row["zeros"]: row["times_the_speed"]
            for row in self.products
            if (row["direction"], row["contender"]) == (direction, contender)
        }


def cost(measured: Cost, theme: Theme) -> "Figure":
    """Draw the speed of sparse products, in that of dense ones, over zeros in percent."""
    directions = [name for name in NAMES if measured.contenders(name)]
    figure = chart_elements.figure(0.8 + 2.8 * len(directions))
    panels = figure.subplots(len(directions), 1, sharex=True, squeeze=False)[:, 0]
    for axes, direction in zip(panels, directions, strict=True):
        for name in measured.contenders(direction):
            speeds = measured.speeds(direction, name)
            shares = [100 * share for share in speeds]
            color = theme.ink if name.startswith(DENSE) else theme.hues[0]
            style = {"linestyle": STYLES.get(name, "-"), "label": name}
            axes.plot(shares, list(speeds.values()), marker="o", color=color, markersize=5, **style)
        chart_elements.log_scale(axes)
        axes.axhline(1, color=theme.ink, linewidth=0.8)
        axes.set_ylabel(f"{NAMES[direction]},\ntimes as fast as dense")
        chart_elements.grid(axes)
    panels[-1].set_xlabel("zeros, %")
    styles = {line.get_label(): line for axes in panels for line in axes.lines[:-1]}
    panels[0].legend(
        styles.values(), styles.keys(), ncols=2, loc="lower center", bbox_to_anchor=(0.45, 1)
    )
    return figure


def caption(measured: Cost) -> str:
    """Return where zeros begin to pay, and what a function costs."""
    machine = measured.machine
    where = f"{machine['device']}, {machine['processor']}, torch {machine['torch']}"
    parts = [
        "Above the line skipping zeros is faster than this engine's dense product, the search for "
        "them included; 'dense again' is the noise. One layer of 1,000 units, mini-batches of 10, "
        f"one run ({where})."
    ]
    for direction, name in NAMES.items():
        for contender in measured.contenders(direction):
            if not contender.startswith(DENSE):
                parts.append(_pays(name, contender, measured.speeds(direction, contender)))
    times = ", ".join(f"{name} {row['ms']:.3g}" for name, row in measured.units.items())
    return " ".join([*parts, f"A unit's function on such a block takes, in ms: {times}."])


def _pays(direction: str, contender: str, speeds: Mapping[float, float]) -> str:
    most = max(speeds)
    faster = [share for share in sorted(speeds) if speeds[share] > 1]
    best = f"{speeds[most]:.2g} times as fast as dense at {percent(most, 0)}%"
    start = f"from {percent(faster[0], 0)}% zeros on" if faster else "at no share tried"
    return f"{sentence(direction)}, {contender}: faster {start}, {best}."
