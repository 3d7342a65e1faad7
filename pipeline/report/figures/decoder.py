"""Test error and dead units by decoder of pre-training, with and without negated outputs."""

from dataclasses import replace

from pipeline.report.figures.plot import FULL, ROWS, dots
from pipeline.report.figures.style import ERROR
from pipeline.report.figures.table import Entry, Numbers, Point, Table

HALVES = {"dead_positive": "dead positive units, %", "dead_negated": "dead negated units, %"}


def name(decoder: str) -> str:
    """Return the name of a row: the decoder of pre-training, or a random start."""
    return "random start" if decoder == "none" else f"{decoder} decoder"


def panels(table: Table) -> dict[str, list[Entry]]:
    """Return errors beside dead units, one row a decoder and signs."""
    conditions = [
        (f"{name(decoder)}\n{signs}", decoder, table.where(decoder=decoder, signs=signs))
        for decoder in table.levels("decoder")
        for signs in table.levels("signs")
    ]
    return {
        label: [
            Entry(
                words, rows.point(quantity), start="random" if decoder == "none" else "pretrained"
            )
            for words, decoder, rows in conditions
        ]
        for label, quantity in ((ERROR, "test_error"), ("dead units, %", "dead_units"))
    }


def halves(table: Table) -> dict[str, list[Entry]]:
    """Return dead positive beside dead negated units, one row a decoder and hidden layer."""
    negated = table.where(signs="half negated")
    layers = max((len(row["dead_negated"]) for row in negated.rows), default=0)
    places = [(decoder, layer) for decoder in negated.levels("decoder") for layer in range(layers)]
    return {
        label: [
            Entry(
                f"{name(decoder)}\nlayer {layer + 1}",
                _share(negated.where(decoder=decoder), half, layer),
                start="random" if decoder == "none" else "pretrained",
            )
            for decoder, layer in places
        ]
        for half, label in HALVES.items()
    }


def _share(table: Table, half: str, layer: int) -> Point:
    """Return the share of dead units in a half of one hidden layer."""
    rows = [
        {"share": None if row["test_error"] is None else row[half][layer]} for row in table.rows
    ]
    return replace(table, rows=rows).point("share")


def changes(table: Table) -> Numbers:
    """Return the change of the error by an untied decoder, paired by seed."""
    rows: Numbers = []
    for signs in table.levels("signs"):
        tied, untied = (table.where(decoder=kind, signs=signs) for kind in ("tied", "untied"))
        change = untied.difference(tied).shown(" points")
        rows.append((f"{signs}: change by an untied decoder", change, ""))
    return rows


FIGURES = (
    dots(
        "Does a tied decoder kill negated units?",
        panels,
        "condition",
        needs="seed decoder signs test_error dead_units",
        reading=(
            f"{ROWS} {FULL} A tied decoder uses the encoder's weights transposed, so that a "
            "negated unit rebuilds minus the pattern that it detects."
        ),
        extra=changes,
    ),
    dots(
        "Which half of a layer dies?",
        halves,
        "decoder and layer",
        needs="seed decoder signs test_error dead_positive dead_negated",
        reading=f"{ROWS} {FULL} Networks with half of each hidden layer's outputs negated.",
    ),
)
