"""Claims about depth: gradients at the bottom, and the errors of deep networks (section 3.1)."""

import math
from collections.abc import Sequence

from pipeline.claims.claim import TEST_ERROR, Claim, Quantity, Rule, non_inferior_to
from pipeline.claims.groups import Parts, Records, Row, where

FALLS = -1.0  # a gradient that vanishes is below a tenth at the bottom


def parts(rows: Sequence[Row]) -> Parts:
    """Return the deepest networks with the fall of their gradients, and the shallowest."""
    depths = [row["depth"] for row in rows]
    deepest = [
        {**row, "gradient_fall": _fall(row["gradient_norms"])}
        for row in where(rows, depth=max(depths))
    ]
    groups: dict[str, Sequence[Row]] = {
        f"{activation} networks of most layers": where(deepest, activation=activation)
        for activation in ("rectifier", "tanh", "sigmoid")
    }
    shallowest = where(rows, activation="rectifier", depth=min(depths))
    return groups | {"rectifier networks of one layer": shallowest}


def _fall(gradient_norms: Sequence[float]) -> float:
    """Return log10 of the norm in the lowest hidden layer over that in the highest, >= -10."""
    lowest, highest = gradient_norms[0], gradient_norms[-2]
    return max(math.log10(lowest / highest), -10.0) if lowest > 0 and highest > 0 else -10.0


RECORDS = Records("depth", parts)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "gradients-do-not-vanish", "14a",
        "In the deepest rectifier networks, the gradient norm in the lowest hidden layer is at "
        "least a tenth of that in the highest (log10 of the ratio at least -1).",
        "Section 3.1", "C",
        Quantity(
            "gradient_fall",
            "log10 of the gradient's norm in the lowest hidden layer over that in the highest, of",
            "number",
        ),
        ("rectifier networks of most layers",), (), Rule("at least", FALLS), RECORDS,
    ),
    Claim(
        "depth-does-no-harm", "14b",
        "Without pre-training, the test error of the deepest rectifier networks exceeds that of "
        "networks of one layer by no more than the margin.",
        "Section 3.1", "I", TEST_ERROR,
        ("rectifier networks of most layers",), ("rectifier networks of one layer",),
        non_inferior_to("rectifier networks of one layer"), RECORDS,
    ),
)  # fmt: skip
