"""Test error of rectifier networks by the reconstruction used in pre-training."""

from pipeline.report.figures.plot import ROWS, dots
from pipeline.report.figures.style import ERROR
from pipeline.report.figures.table import Entry, Table


def panels(table: Table) -> dict[str, list[Entry]]:
    """Return one row a reconstruction."""
    return {ERROR: [Entry(*item) for item in table.points("reconstruction").items()]}


FIGURES = (
    dots(
        "How should a one-sided unit be rebuilt?",
        panels,
        "reconstruction",
        needs="seed reconstruction test_error",
        reading=(
            f"{ROWS} Rectifier networks, pre-trained with each way to rebuild their inputs; the "
            "paper finds softplus best on images."
        ),
    ),
)
