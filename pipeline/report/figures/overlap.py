"""Active units kept, and outputs moved, when noise is added to the input."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import LINES, MEANS, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Table, by_arm, numbers
from pipeline.report.text.wording import label, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OTHERS = {change: f"another input, {change}" for change in ("same class", "other class")}


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw the share of active units that noise keeps, and how far it moves the outputs."""
    figure = style.figure(6.8)
    kept, moved = figure.subplots(2, 1, sharex=True)
    noise = table.where(change="noise")
    for axes, quantity, unit in ((kept, "overlap", "rectifier"), (moved, "relative_change", None)):
        for (activation, start), rows in noise.arms(unit).items():
            points, color = rows.averaged_points("noise", quantity), style.hue(activation, theme)
            style.curve(axes, points, color, theme, label=label(activation, start), start=start)
        style.grid(axes)
    for change, words in OTHERS.items():
        rows = table.where(activation="rectifier", initialization="random", change=change)
        level = rows.averaged("overlap").point("overlap").mean
        if level is not None:
            kept.axhline(100 * level, color=theme.ink, linewidth=1, linestyle=":")
            where = kept.get_yaxis_transform()
            kept.text(0.01, 100 * level, words, transform=where, va="bottom", ha="left")
    moved.set_xscale("log")
    style.ticks(moved.xaxis, {share: f"{100 * share:g}" for share in sorted(noise.levels("noise"))})
    moved.set_xlabel("noise added, % of the input's norm")
    kept.set_ylabel("active units kept, %")
    moved.set_ylabel("outputs moved, %")
    style.legend_above(kept, of=moved)
    return figure


def means(table: Table) -> Numbers:
    """Return the share of active units kept, by noise, in rectifier networks."""
    noise = table.where(change="noise", activation="rectifier")
    rows = numbers("noise", by_arm(noise, "noise", "overlap"), word=lambda s: f"{percent(s, 0)}%")
    return [("active units kept at", *rows[0][1:]), *rows[1:]]


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
