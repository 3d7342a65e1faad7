"""Claim about the complexity of inputs: richer ones have more active units (section 2.2)."""

from collections.abc import Sequence

from pipeline.claims.claim import HIGHER, Claim, Quantity
from pipeline.claims.groups import Parts, Records, Row, where


def parts(rows: Sequence[Row]) -> Parts:
    """Return every layer of the random rectifier, complexity measured in compressed bytes."""
    levels = {"activation": "rectifier", "initialization": "random", "measure": "bytes"}
    return {"random rectifier, all layers": where(rows, **levels)}


RECORDS = Records("complexity", parts, words=("measure",), lists=("active_by_tenth",))

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "richer-inputs-more-units", "17b",
        "Richer inputs (more bytes when compressed) have more active units in rectifier networks.",
        "Section 2.2", "I",
        Quantity(
            "correlation",
            "rank correlation of active units and complexity of the input, of",
            "number",
        ),
        ("random rectifier, all layers",), (), HIGHER, RECORDS,
    ),
)  # fmt: skip
