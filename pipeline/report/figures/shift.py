"""Test error against the distance of mean outputs from 0."""

from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.figures.plot import FULL, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Series, Table, numbers
from pipeline.report.text.wording import label


def draw(table: Table, theme: Theme) -> Figure:
    """Draw test error over distance from mean 0, both means over layers, a dot a network."""
    figure, axes = style.panel(4.2)
    for (activation, start), rows in table.arms().items():
        color, (_, full) = style.hue(activation, theme), style.STARTS[start]
        shifts, errors = (
            [100 * value for value in rows.averaged(quantity).point(quantity).values]
            for quantity in ("shift", "test_error")
        )
        axes.plot(
            shifts, errors, "o", color=color, markerfacecolor=color if full else theme.paper,
            markersize=6, label=label(activation, start),
        )  # fmt: skip
    axes.set_xlabel("length of the mean output, % of an output's")
    style.legend_above(axes)
    return figure


def means(table: Table) -> Numbers:
    """Return the distance from mean 0 and the error of each arm."""
    columns = [
        Series(
            word,
            {
                label(*arm): rows.averaged(quantity).point(quantity)
                for arm, rows in table.arms().items()
            },
        )
        for quantity, word in (("shift", "distance from mean 0"), ("test_error", "test error"))
    ]
    return numbers("arm", *columns)


FIGURES = (
    Plot(
        "Are outputs of mean 0 better?",
        needs="seed activation initialization layer shift test_error",
        draw=draw,
        reading=(
            f"Each dot is one of {{seeds}} seeds of an arm; mean over hidden layers. {FULL} At 0 "
            "the outputs of each unit average out over the test examples, at 100 they are the same "
            "for all. If mean 0 helps, the cloud climbs to the right."
        ),
        numbers=means,
    ),
)
