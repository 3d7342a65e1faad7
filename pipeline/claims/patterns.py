"""Claim about patterns of active units: the code is distributed (section 2.2)."""

from collections.abc import Sequence

from pipeline.claims.claim import Claim, Quantity, Rule
from pipeline.claims.groups import Parts, Records, Row, where

OWN_PATTERNS = 0.95  # share of distinct patterns from which nearly every example has its own


def parts(rows: Sequence[Row]) -> Parts:
    """Return every layer of the random rectifier."""
    levels = {"activation": "rectifier", "initialization": "random"}
    return {"random rectifier, all layers": where(rows, **levels)}


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "codes-are-distributed", "17d",
        "Rectifier codes are distributed: at least 95% of the test examples have a pattern of "
        "active units of their own, in every layer on average.",
        "Section 2.2", "I",
        Quantity(
            "distinct", "share of test examples with a pattern of active units of their own, of"
        ),
        ("random rectifier, all layers",), (), Rule("at least", OWN_PATTERNS),
        Records("patterns", parts),
    ),
)  # fmt: skip
