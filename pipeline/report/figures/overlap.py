"""Active units kept, and outputs moved, when noise is added to the input."""

from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.figures.plot import LINES, MEANS, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Table, numbers
from pipeline.report.text.wording import number, percent

OTHERS = {change: f"another input, {change}" for change in ("same class", "other class")}


def draw(table: Table, theme: Theme) -> Figure:
    """Draw the share of active units that noise keeps, and how far it moves the outputs."""
    figure = style.figure(6.8)
    kept, moved = figure.subplots(2, 1, sharex=True)
    noise = table.where(change="noise")
    moved.set_xscale("log")
    style.curves(kept, noise.where(activation="rectifier").series("noise", "overlap"), theme)
    style.curves(
        moved, noise.series("noise", "relative_change"), theme,
        tick=lambda share: number(100 * share),
    )  # fmt: skip
    for axes in (kept, moved):
        style.grid(axes)
    for change, words in OTHERS.items():
        rows = table.where(activation="rectifier", initialization="random", change=change)
        level = rows.averaged("overlap").point("overlap").mean
        if level is not None:
            kept.axhline(100 * level, color=theme.ink, linewidth=1, linestyle=":")
            where = kept.get_yaxis_transform()
            kept.text(0.01, 100 * level, words, transform=where, va="bottom", ha="left")
    moved.set_xlabel("noise added, % of the input's norm")
    kept.set_ylabel("active units kept, %")
    moved.set_ylabel("outputs moved, %")
    style.legend_above(kept, of=moved)
    return figure


def means(table: Table) -> Numbers:
    """Return the share of active units kept, by noise, in rectifier networks."""
    noise = table.where(change="noise", activation="rectifier")
    series = noise.series("noise", "overlap")
    return numbers("active units kept at", *series, word=lambda share: f"{percent(share, 0)}%")


FIGURES = (
    Plot(
        "Do small changes of the input leave active units as they are?",
        needs="seed activation initialization layer change noise overlap relative_change",
        draw=draw,
        reading=(
            f"{MEANS} {LINES} Means over hidden layers. Above: of the units active before or after "
            "the change, the share active both times; a robust code keeps them under noise and "
            "shares fewer with another input (dotted, random rectifier). Below: how far the "
            "outputs move."
        ),
        numbers=means,
    ),
)
