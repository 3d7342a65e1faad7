"""Test error of rectifier and tanh networks under the recipes from 2011 to today's."""

from typing import TYPE_CHECKING

from pipeline.report.figures import style
from pipeline.report.figures.plot import ROWS, Plot
from pipeline.report.figures.style import Entry, Theme
from pipeline.report.figures.table import Numbers, Table, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECIPES = {"2011": "2011", "he": "He start", "adam": "He, Adam", "today": "today's"}


def draw(table: Table, theme: Theme) -> "Figure":
    """Draw test error in percent by recipe, the units below each other."""
    entries = []
    for recipe in table.levels("recipe"):
        for activation, point in table.where(recipe=recipe).points("activation").items():
            name = f"{RECIPES.get(recipe, recipe)}: {activation}"
            entries.append(Entry(name, point, style.hue(activation, theme)))
    return style.dot_plot(entries, theme)


def means(table: Table) -> Numbers:
    """Return the mean errors by recipe, and their difference, paired by seed."""
    units = {name: table.where(activation=name) for name in table.levels("activation")}
    columns = {name: rows.points("recipe") for name, rows in units.items()}
    (head, *rows) = numbers("recipe", columns, word=lambda recipe: RECIPES.get(recipe, recipe))
    rectifier, tanh = (table.where(activation=name) for name in ("rectifier", "tanh"))
    gaps = [
        rectifier.where(recipe=recipe).difference(tanh.where(recipe=recipe)).shown(" points")
        for recipe in table.levels("recipe")
    ]
    return [
        (*head, "rectifier \N{MINUS SIGN} tanh"),
        *((*r, g) for r, g in zip(rows, gaps, strict=True)),
    ]


FIGURES = (
    Plot(
        "Does today's recipe close the gap between units?",
        needs="seed activation recipe test_error",
        draw=draw,
        reading=f"{ROWS} Each recipe adds to the one above it.",
        numbers=means,
    ),
)
