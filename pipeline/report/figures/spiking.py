"""Test error of rectifier networks converted to integrate-and-fire neurons."""

from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.figures.plot import LINES, MEANS, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Table, numbers
from pipeline.report.text.wording import number

BRAIN = (95, 99)  # percent of neurons that are silent at a time, as the paper cites it


def draw(table: Table, theme: Theme) -> Figure:
    """Draw test error, and silent units, of integrate-and-fire units over time steps."""
    figure = style.figure(6.6)
    errors, silent = figure.subplots(2, 1, sharex=True)
    silent.set_xscale("log")
    style.curves(errors, table.series("steps"), theme)
    style.curves(silent, table.series("steps", "silent_units"), theme)
    for (activation, _), rows in table.arms().items():
        rate = rows.averaged("rate_error").point("rate_error").mean
        if rate is not None:
            color = style.hue(activation, theme)
            errors.axhline(100 * rate, color=color, linewidth=1, linestyle=":")
    silent.axhspan(*BRAIN, color=theme.faint, alpha=0.6, linewidth=0)
    silent.text(
        0.99, sum(BRAIN) / 2, "brain", transform=silent.get_yaxis_transform(), ha="right",
        va="center",
    )  # fmt: skip
    style.log_scale(errors)
    silent.set_xlabel("time steps")
    silent.set_ylim(0, 100)
    errors.set_ylabel(style.ERROR)
    silent.set_ylabel("silent units, %")
    for axes in (errors, silent):
        style.grid(axes)
    style.legend_above(errors)
    return figure


def means(table: Table) -> Numbers:
    """Return the error by time steps and as rates, and silent units after the last step."""
    last = table.where(steps=max(table.levels("steps"))).arms().values()
    rates, silent = (
        [rows.point(quantity).shown() for rows in last]
        for quantity in ("rate_error", "silent_units")
    )
    errors = numbers("test error after steps", *table.series("steps"), word=number)
    return [*errors, ("test error as rates", *rates), ("silent after the last step", *silent)]


FIGURES = (
    Plot(
        "Does a rectifier network survive as spiking neurons?",
        needs="seed activation initialization steps test_error rate_error silent_units",
        draw=draw,
        reading=(
            f"{MEANS} {LINES} Trained rectifier networks whose units add up their input and spike "
            "at a threshold. Above, dotted: error with rates in place of spikes, as trained. "
            f"Below: hidden units without a spike so far; gray: the {BRAIN[0]} to {BRAIN[1]}% of "
            "the brain that the paper cites."
        ),
        numbers=means,
    ),
)
