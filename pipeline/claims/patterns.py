"""Claim about patterns of active units: the code is distributed (section 2.2)."""

from collections.abc import Sequence

from pipeline.claims.claim import Claim, Quantity, Rule
from pipeline.claims.groups import Parts, Records, Row, where

DISTINCT = 0.95  # patterns per example from which on nearly every example has its own


def parts(rows: Sequence[Row]) -> Parts:
    """Return every layer of the random rectifier."""
    levels = {"activation": "rectifier", "initialization": "random"}
    return {"random rectifier, all layers": where(rows, **levels)}


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "codes-are-distributed", "17d",
        "Rectifier codes are distributed: the number of distinct patterns of active units is at "
        "least 95% of the number of test examples, in every layer on average.",
        "Section 2.2", "I",
        Quantity("distinct", "distinct patterns of active units per test example, of"),
        ("random rectifier, all layers",), (), Rule("at least", DISTINCT),
        Records("patterns", parts),
    ),
)  # fmt: skip
