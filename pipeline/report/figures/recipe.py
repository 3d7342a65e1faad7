"""Test error of rectifier and tanh networks under the recipes from 2011 to today's."""

from pipeline.report.figures.plot import ROWS, dots
from pipeline.report.figures.style import ERROR
from pipeline.report.figures.table import Entry, Numbers, Table
from pipeline.report.text.wording import MINUS

RECIPES = {"2011": "2011", "he": "He start", "adam": "He, Adam", "today": "today's"}


def panels(table: Table) -> dict[str, list[Entry]]:
    """Return one row a recipe and unit."""
    return {
        ERROR: [
            Entry(f"{RECIPES.get(recipe, recipe)}: {activation}", point, activation)
            for recipe in table.levels("recipe")
            for activation, point in table.where(recipe=recipe).points("activation").items()
        ]
    }


def gaps(table: Table) -> Numbers:
    """Return the error of rectifier less that of tanh networks by recipe, paired by seed."""
    rows: Numbers = []
    for recipe in table.levels("recipe"):
        rectifier, tanh = (
            table.where(recipe=recipe, activation=name) for name in ("rectifier", "tanh")
        )
        name = f"{RECIPES.get(recipe, recipe)}: rectifier {MINUS} tanh"
        rows.append((name, rectifier.difference(tanh).shown(" points")))
    return rows


FIGURES = (
    dots(
        "Does today's recipe close the gap between units?",
        panels,
        "recipe",
        needs="seed activation recipe test_error",
        reading=f"{ROWS} Each recipe adds to the one above it.",
        extra=gaps,
    ),
)
