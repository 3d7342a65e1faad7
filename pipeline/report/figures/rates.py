"""Test error against the learning rate."""

import math

from pipeline.report.figures.plot import MEANS, curves
from pipeline.report.text.wording import number


def _power(rate: float) -> str:
    """Return the label of a power of ten; empty for other rates, which have no room."""
    return number(rate) if math.isclose(math.log10(rate) % 1, 0, abs_tol=1e-9) else ""


FIGURES = (
    curves(
        "Does the grid of learning rates favor a unit?",
        lambda table: table.series("rate"),
        "learning rate",
        needs="seed activation rate test_error",
        reading=f"{MEANS} A wide valley forgives a coarse grid of learning rates.",
        xlabel="learning rate",
        log="xy",
        tick=_power,
    ),
)
