"""Share of dead units over epochs, by learning rate, L1 penalty and starting bias."""

from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.figures.plot import Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Table
from pipeline.report.text.wording import number

VARIED = {"rate": "learning rate", "l1": "L1 penalty", "bias": "bias at the start"}


def _varied(table: Table) -> dict[str, dict[float, Table]]:
    """Return the rows of each level of each factor that was varied, the lowest level first."""
    factors = {name: table.where(varied=name) for name in VARIED if name in table.levels("varied")}
    return {
        name: {level: rows.where(level=level) for level in sorted(rows.levels("level"))}
        for name, rows in factors.items()
    }


def draw(table: Table, theme: Theme) -> Figure:
    """Draw the share of dead units in percent over epochs, one panel for each factor varied."""
    varied = _varied(table)
    figure = style.figure(0.6 + 2.5 * len(varied))
    panels = figure.subplots(len(varied), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (factor, levels) in zip(panels, varied.items(), strict=True):
        for order, (level, rows) in enumerate(levels.items()):
            shares = [100 * share for share in dead_by_epoch(rows)]
            name = number(level) if shares else f"{number(level)} (failed)"
            color = style.level_color(order, len(levels), theme)
            axes.plot(range(1, len(shares) + 1), shares, color=color, label=name)
        axes.set_ylabel("dead units, %")
        axes.set_ylim(bottom=0)
        axes.legend(title=VARIED[factor], loc="center left", bbox_to_anchor=(1, 0.5))
        style.grid(axes)
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    return figure


def dead_by_epoch(table: Table) -> list[float]:
    """Return the mean over seeds of the share of dead units after each epoch.

    A network that has stopped keeps its last share. Where a seed failed there is no epoch.
    """
    if table.point().mean is None:
        return []
    lists = [row["dead_by_epoch"] for row in table.rows]
    epochs = range(max(map(len, lists), default=0))
    return [
        sum(shares[min(epoch, len(shares) - 1)] for shares in lists) / len(lists)
        for epoch in epochs
    ]


def means(table: Table) -> Numbers:
    """Return dead and revived units, and the error, of the chosen networks at each level."""
    rows = [
        (
            f"{VARIED[factor]} {number(level)}",
            *(part.point(name).shown() for name in ("dead_units", "revived", "test_error")),
        )
        for factor, levels in _varied(table).items()
        for level, part in levels.items()
    ]
    return [("level", "dead units", "revived units", "test error"), *rows]


FIGURES = (
    Plot(
        "When do rectifiers die, and do they come back?",
        needs="seed varied level test_error dead_units dead_by_epoch revived",
        draw=draw,
        reading=(
            "Share of hidden units that are 0 for every training example, after each epoch, mean "
            "over {seeds} seeds; the stronger the color, the higher the level. A line that falls: "
            "dead units came back."
        ),
        numbers=means,
    ),
)
