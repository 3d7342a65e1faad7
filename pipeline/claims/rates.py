"""Claim about learning rates: every unit at its best rate of a finer grid."""

from collections.abc import Sequence

from pipeline.claims.claim import TEST_ERROR, Claim, non_inferior_to
from pipeline.claims.groups import Parts, Records, Row, by_seed, where


def parts(rows: Sequence[Row]) -> Parts:
    """Return the network of each seed at the rate with the lowest validation error."""
    return {
        f"{activation} networks at their best rate": [
            _best([row for row in part if row["test_error"] is not None] or part)
            for part in by_seed(where(rows, activation=activation))
        ]
        for activation in ("rectifier", "tanh")
    }


def _best(rows: Sequence[Row]) -> Row:
    return min(rows, key=lambda row: (row["valid_error"] or 0.0, row["rate"]))


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "grid-does-not-favor", "29",
        "Even with every unit at its best rate of a finer grid, the test error of rectifier "
        "networks exceeds that of tanh networks by no more than the margin.",
        "critics: the coarse grid of section 4.1", "M", TEST_ERROR,
        ("rectifier networks at their best rate",), ("tanh networks at their best rate",),
        non_inferior_to("tanh networks at their best rate"), Records("rates", parts),
    ),
)  # fmt: skip
