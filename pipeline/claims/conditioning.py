"""Claim about the scale of starting weights: ill-conditioned parametrizations (section 3.1)."""

from collections.abc import Sequence

from pipeline.claims.claim import HIGHER, TEST_ERROR, Claim
from pipeline.claims.groups import Parts, Records, Row, where


def parts(rows: Sequence[Row]) -> Parts:
    """Return the networks of plain and of rescaled starts."""
    return {
        "rectifier networks from rescaled starts": [row for row in rows if row["alpha"] != 1],
        "rectifier networks from the plain start": where(rows, alpha=1.0),
    }


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "parametrization-matters", "13",
        "Starts that compute the same function in another scale end at higher test errors.",
        "Section 3.1", "I", TEST_ERROR,
        ("rectifier networks from rescaled starts",), ("rectifier networks from the plain start",),
        HIGHER, Records("conditioning", parts),
    ),
)  # fmt: skip
