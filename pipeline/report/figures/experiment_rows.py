"""The figures of the experiments that compare kinds: one row a kind, with its seeds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.analysis.results import Row
from pipeline.paper import published
from pipeline.report.figures import chart_elements
from pipeline.report.figures.chart_elements import Entry
from pipeline.report.figures.conditions import Point, Table
from pipeline.report.figures.plots import Theme
from pipeline.report.text.names import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ERROR = "test error, %"
RECIPES = {"2011": "2011", "he": "He start", "adam": "He, Adam", "today": "today's"}


def arms(table: Table, theme: Theme) -> "Figure":
    """Draw each arm's test error in percent, with the paper's as a diamond where it has one."""
    entries = _by_arm(table, theme, "test_error")
    figure, axes = _panel(len(entries))
    chart_elements.rows(axes, entries, theme)
    for y, (activation, initialization) in enumerate(_arms(table)):
        paper = published.test_error(table.dataset, activation, initialization)
        if paper is not None:
            axes.plot(100 * paper, y, "D", color=theme.ink, markersize=6)
    axes.set_xlabel(ERROR)
    return figure


def arm_zeros(table: Table, theme: Theme) -> "Figure":
    """Draw each arm's zeros beside its dead units, both in percent."""
    entries = [_by_arm(table, theme, quantity) for quantity in ("zeros", "dead_units")]
    return _beside(entries, ["exact zeros, %", "dead units, %"], theme)


def units(table: Table, theme: Theme) -> "Figure":
    """Draw each unit's test error beside its zeros, both in percent, the lowest error first."""
    errors, zeros = table.points("activation"), table.points("activation", "zeros")
    names = sorted(errors, key=lambda name: errors[name].mean or 1.0)
    entries = [
        [Entry(name, found[name], chart_elements.hue(name, theme)) for name in names]
        for found in (errors, zeros)
    ]
    return _beside(entries, [ERROR, "exact zeros, %"], theme)


def reconstruction(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent by reconstruction."""
    color = chart_elements.hue("rectifier", theme)
    points = table.points("reconstruction")
    return _alone([Entry(name, point, color) for name, point in points.items()], theme)


def ablation(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent with and without signs and penalty, by unit and start."""
    return _alone(
        [
            Entry(
                name, table.where(**levels).point(),
                chart_elements.hue(levels["activation"], theme),
                levels["initialization"] == "pretrained",
            )
            for name, levels in ablated(table)
        ],
        theme,
    )  # fmt: skip


def ablated(table: Table) -> list[tuple[str, Row]]:
    """Return each condition of the ablation with its name, in the order of the table."""
    factors = ("activation", "initialization", "signs", "penalty")
    found = list(dict.fromkeys(tuple(row[factor] for factor in factors) for row in table.rows))
    named = []
    for levels in found:
        activation, initialization, signs, penalty = levels
        name = label(activation, initialization)
        if activation == "rectifier":
            name += "\n" + ("half negated" if signs == "half negated" else "all positive")
        name += ("\n" if activation != "rectifier" else ", ") + (
            "L1" if penalty == "L1" else "no L1"
        )
        named.append((name, dict(zip(factors, levels, strict=True))))
    return named


def recipe(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent by recipe, each unit under the other."""
    entries = []
    for recipe in table.levels("recipe"):
        for activation in table.where(recipe=recipe).levels("activation"):
            point = table.where(recipe=recipe, activation=activation).point()
            name = f"{RECIPES.get(recipe, recipe)}: {activation}"
            entries.append(Entry(name, point, chart_elements.hue(activation, theme)))
    return _alone(entries, theme)


def _arms(table: Table) -> list[tuple[str, str]]:
    pairs = ((row["activation"], row["initialization"]) for row in table.rows)
    return list(dict.fromkeys(pairs))


def _by_arm(table: Table, theme: Theme, quantity: str) -> list[Entry]:
    def point(activation: str, initialization: str) -> Point:
        mine = table.where(activation=activation, initialization=initialization)
        return mine.point(quantity)

    return [
        Entry(
            label(activation, initialization), point(activation, initialization),
            chart_elements.hue(activation, theme), initialization == "pretrained",
        )
        for activation, initialization in _arms(table)
    ]  # fmt: skip


def _panel(rows: int) -> tuple["Figure", "Axes"]:
    figure = chart_elements.figure(1.0 + 0.5 * rows)
    return figure, figure.add_subplot()


def _alone(entries: Sequence[Entry], theme: Theme) -> "Figure":
    figure, axes = _panel(len(entries))
    chart_elements.rows(axes, entries, theme)
    axes.set_xlabel(ERROR)
    return figure


def _beside(panels: Sequence[Sequence[Entry]], titles: Sequence[str], theme: Theme) -> "Figure":
    """Draw two dot plots of the same rows side by side."""
    figure = chart_elements.figure(1.0 + 0.42 * len(panels[0]))
    for axes, entries, title in zip(
        figure.subplots(1, 2, sharey=True, width_ratios=[3, 2]), panels, titles, strict=True
    ):
        chart_elements.rows(axes, entries, theme)
        axes.set_xlabel(title)
    return figure
