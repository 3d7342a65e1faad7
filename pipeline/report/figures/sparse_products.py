"""Speed of products that skip zeros, against dense products (results/cost.json)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from pipeline.analysis.results import Row
from pipeline.report.figures import style
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers
from pipeline.report.text.wording import percent, sentence

DENSE = "dense"
STYLES = {
    "dense again": ":",
    "dense by torch": style.DASHED,
    "rows gathered": "-",
    "torch sparse CSR": style.DASHED,
    "each row's own": "-.",
}
DIRECTIONS = {"forward": "outputs", "backward": "gradients", "update": "weight update"}


@dataclass(frozen=True)
class Cost:
    """One device's times: rows of products, times of units in ms, and where they were taken."""

    products: list[Row]
    units: Mapping[str, Mapping[str, float]]
    machine: Mapping[str, Any]

    def contenders(self, direction: str) -> list[str]:
        """Return the names of the products that are compared with the dense one."""
        rows = [row["contender"] for row in self.products if row["direction"] == direction]
        return [name for name in dict.fromkeys(rows) if name != DENSE]

    def speeds(self, direction: str, contender: str) -> dict[float, float]:
        """Return the speed in units of the dense product's, by share of zeros."""
        return {
            row["zeros"]: row["times_the_speed"]
            for row in self.products
            if (row["direction"], row["contender"]) == (direction, contender)
        }


def cost(measured: Cost, theme: Theme) -> Figure:
    """Draw the speed of sparse products, in that of dense ones, over zeros in percent."""
    directions = [name for name in DIRECTIONS if measured.contenders(name)]
    figure = style.figure(0.8 + 2.8 * len(directions))
    panels = figure.subplots(len(directions), 1, sharex=True, squeeze=False)[:, 0]
    for axes, direction in zip(panels, directions, strict=True):
        for name in measured.contenders(direction):
            speeds = measured.speeds(direction, name)
            shares = [100 * share for share in speeds]
            color = theme.ink if name.startswith(DENSE) else theme.hues[0]
            look = {"linestyle": STYLES.get(name, "-"), "label": name}
            axes.plot(shares, list(speeds.values()), marker="o", color=color, markersize=5, **look)
        style.log_scale(axes)
        axes.axhline(1, color=theme.ink, linewidth=0.8)
        axes.set_ylabel(f"{DIRECTIONS[direction]},\ntimes as fast as dense")
        style.grid(axes)
    panels[-1].set_xlabel(style.SPARSITY)
    style.legend_above(panels[0])
    return figure


def caption(measured: Cost) -> str:
    """Return how to read the figure, and where it was measured."""
    machine = measured.machine
    return (
        "Above the line, skipping zeros is faster than this engine's dense product, the search for "
        "zeros included; 'dense again' is the noise. One layer of 1,000 units, mini-batches of 10, "
        f"one run ({machine['device']}, {machine['processor']}, torch {machine['torch']})."
    )


def speeds(measured: Cost) -> Numbers:
    """Return from which sparsity each product is faster than dense, and the time of each unit."""
    rows = [
        (f"{sentence(name)}, {contender}", *_pays(measured.speeds(direction, contender)))
        for direction, name in DIRECTIONS.items()
        for contender in measured.contenders(direction)
        if not contender.startswith(DENSE)
    ]
    units = [(f"{sentence(name)} unit, its function", f"{row['ms']:.3g} ms", "")
             for name, row in measured.units.items()]  # fmt: skip
    return [("product", "faster than dense from", "speed at most zeros"), *rows, *units]


def _pays(speeds: Mapping[float, float]) -> tuple[str, str]:
    most, faster = max(speeds), [share for share in sorted(speeds) if speeds[share] > 1]
    start = f"{percent(faster[0], 0)}% zeros" if faster else "no share tried"
    return start, f"{speeds[most]:.2g} \N{MULTIPLICATION SIGN} dense at {percent(most, 0)}%"
