"""Distinct patterns of active units in rectifier networks."""

from pipeline.report.figures.plot import LINES, MEANS, curves
from pipeline.report.figures.table import Numbers, Series, Table


def series(table: Table) -> list[Series]:
    """Return the number of distinct patterns over that of test examples, by layer."""
    return table.where(activation="rectifier").series("layer", "distinct")


def information(table: Table) -> Numbers:
    """Return the information on the class in whether one unit is active, by layer."""
    arms = table.where(activation="rectifier").arms().values()
    return [
        (
            f"layer {layer:g}: class information, bits a unit",
            *(arm.where(layer=layer).point("information_bits").shown("") for arm in arms),
        )
        for layer in table.levels("layer")
    ]


FIGURES = (
    curves(
        "Is the code distributed, though sparse?",
        series,
        "distinct patterns in layer",
        needs="seed activation initialization layer distinct information_bits",
        reading=(
            f"{MEANS} {LINES} At 100% every test example has a set of active units of its own: the "
            "code is distributed, though most units are 0."
        ),
        xlabel="hidden layer, 1 the lowest",
        extra=information,
        ylabel="distinct patterns, % of examples",
        height=3.6,
    ),
)
