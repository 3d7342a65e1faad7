"""Claim about linear classifiers on hidden layers (section 2.2)."""

from collections.abc import Sequence

from pipeline.claims.claim import LOWER, Claim, Quantity
from pipeline.claims.groups import Parts, Records, Row, where


def parts(rows: Sequence[Row]) -> Parts:
    """Return the input and the top layer of the random rectifier."""
    # In a column of another name than networks' errors: its resolution is not one test example.
    probed = [
        {**row, "probe_error": row["test_error"]}
        for row in where(rows, activation="rectifier", initialization="random")
    ]
    top = max(row["layer"] for row in rows)
    return {
        "the input": where(probed, layer=0),
        "the top layer of random rectifier": where(probed, layer=top),
    }


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "codes-are-separable", "17c",
        "The top hidden layer of a rectifier network is easier for a linear classifier than the "
        "input.",
        "Section 2.2", "I", Quantity("probe_error", "test error of a linear classifier on"),
        ("the top layer of random rectifier",), ("the input",), LOWER,
        Records("separability", parts),
    ),
)  # fmt: skip
