"""Firing rate of a leaky integrate-and-fire neuron, and the units fitted to it (Figure 2)."""

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from pipeline.probes import neuron
from pipeline.report.figures import style
from pipeline.report.figures.plot import PaperFigure, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Table
from pipeline.report.text.wording import percent

REFRACTORY_MS, MOST_HZ = 2.0, 200.0  # of the curve that is drawn


def drawn_fits(table: Table) -> tuple[neuron.Neuron, dict[str, neuron.Fit]]:
    """Return the neuron that is drawn and the fits to it, over the widest range of currents."""
    rows = table.where(t_ref_ms=REFRACTORY_MS, most_rate_hz=MOST_HZ)
    rows = rows if rows.rows else table
    row = min(rows.rows, key=lambda row: row["least_mv"])
    settings = ("t_ref_ms", "most_rate_hz", "least_mv")
    fields = ("activation", "scale_hz", "gain_per_na", "threshold_na", "misfit")
    fits = {
        fit["activation"]: neuron.Fit(*(fit[name] for name in fields))
        for fit in rows.where(**{name: row[name] for name in settings}).rows
    }
    return replace(neuron.CORTICAL, refractory_ms=row["t_ref_ms"]), fits


def draw(table: Table, theme: Theme) -> Figure:
    """Draw a neuron's firing rate in Hz over its input current in nA, with each unit's best fit."""
    cell, fits = drawn_fits(table)
    figure, axes = style.panel(4.6, "firing rate, Hz")
    rows = table.where(t_ref_ms=cell.refractory_ms).rows
    ends = (
        cell.current(min(row["least_mv"] for row in rows)),
        cell.current_for(max(row["most_rate_hz"] for row in rows)),
    )
    current_N = np.linspace(*ends, 121)
    axes.plot(current_N, cell.rate(current_N), color=theme.ink, linewidth=3.2, label="neuron")
    for name, fit in fits.items():
        # Softplus of a high gain is the rectifier: dashed, so that both show.
        dashes = style.DASHED if name == "softplus" else "-"
        color = style.hue(name, theme)
        axes.plot(current_N, fit.rate(current_N), color=color, linestyle=dashes, label=name)
    axes.set_xlabel("input current, nA")
    style.legend_above(axes, 3)
    return figure


def lines(table: Table) -> dict[str, str]:
    """Return the range of each unit's misfit over all neurons and ranges of rates."""
    misfits = {
        name: [row["misfit"] for row in table.where(activation=name).rows]
        for name in table.levels("activation")
    }
    return {
        f"Misfit of the {name}": f"{percent(min(values), 1)} to {percent(max(values), 1)}%"
        for name, values in misfits.items()
    }


FIGURES = (
    Plot(
        "Which unit is nearest to a neuron's firing rate?",
        needs="activation t_ref_ms most_rate_hz least_mv misfit scale_hz gain_per_na threshold_na",
        draw=draw,
        reading=(
            f"A leaky integrate-and-fire neuron with {REFRACTORY_MS:g} ms of rest after a spike, "
            "and the nearest fit of each unit. Like the rectifier it is silent below a threshold; "
            "it bends where the rectifier is straight. Softplus may grow as hard as a rectifier, "
            "and then lies on it (dashed)."
        ),
        paper=PaperFigure(
            "Figure 2",
            "Firing rate of a leaky integrate-and-fire neuron, and the units fitted to it, at all "
            "refractory periods and ranges of rates tried. Misfit: root mean square, in % of the "
            "highest rate. The paper's figure has no numbers.",
            lines,
            alike=True,
        ),
    ),
)
