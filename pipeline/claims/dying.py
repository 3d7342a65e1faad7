"""Claims about dead units: learning rates that kill, and units that come back."""

from collections.abc import Sequence

from pipeline.claims.claim import DEAD_UNITS, HIGHER, Claim, Quantity, Rule
from pipeline.claims.groups import Parts, Records, Row, where

COMES_BACK = 0.01  # a share of units above which dying is not for good


def parts(rows: Sequence[Row]) -> Parts:
    """Return the networks of the highest, of the lowest and of any learning rate."""
    rates = where(rows, varied="rate")
    levels = [row["level"] for row in rates]
    return {
        "rectifier networks at the highest rate": where(rates, level=max(levels)),
        "rectifier networks at the lowest rate": where(rates, level=min(levels)),
        "rectifier networks at any rate": rates,
    }


RECORDS = Records("dying", parts, words=("varied",))

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "high-rates-kill", "24b",
        "High learning rates cause dead units: there are more at the highest rate than at the "
        "lowest.",
        "critics: dying rectifiers", "M", DEAD_UNITS,
        ("rectifier networks at the highest rate",), ("rectifier networks at the lowest rate",),
        HIGHER, RECORDS,
    ),
    Claim(
        "dead-stay-dead", "24c",
        "Dead units stay dead: at most 1% of all hidden units are dead after one epoch and active "
        "after a later one.",
        "critics: dying rectifiers", "M",
        Quantity(
            "revived",
            "share of hidden units that were dead after an epoch and alive later, of",
        ),
        ("rectifier networks at any rate",), (), Rule("no higher", COMES_BACK), RECORDS,
    ),
)  # fmt: skip
