"""Claim about rectifier networks as integrate-and-fire units."""

from collections.abc import Sequence

from pipeline.claims.claim import Claim, Quantity, Rule
from pipeline.claims.groups import Parts, Records, Row, where

SPIKING_LOSS = 0.005  # half a point


def parts(rows: Sequence[Row]) -> Parts:
    """Return the networks of random starts after the most time steps."""
    most = max(row["steps"] for row in rows)
    return {
        "random rectifier, most time steps": [
            {**row, "spiking_loss": row["test_error"] - row["rate_error"]}
            for row in where(rows, steps=most, initialization="random")
        ]
    }


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "rectifiers-can-spike", "31",
        "As integrate-and-fire units a trained rectifier network makes at most half a point more "
        "test errors.",
        "critics: neurons spike", "M",
        Quantity(
            "spiking_loss", "test error as spiking units less that as rates, of", "difference"
        ),
        ("random rectifier, most time steps",), (), Rule("no higher", SPIKING_LOSS),
        Records("spiking", parts),
    ),
)  # fmt: skip
