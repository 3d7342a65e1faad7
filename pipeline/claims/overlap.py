"""Claim about small changes of the input: active units stay as they are (section 2.2)."""

from collections.abc import Sequence

from pipeline.claims.claim import Claim, Quantity, Rule
from pipeline.claims.groups import Parts, Records, Row, where

STAYS = 0.8  # share of the active units that a small change is to leave as they are
SMALL = 0.1  # the noise, relative to the input, that counts as a small change


def parts(rows: Sequence[Row]) -> Parts:
    """Return every layer of the random rectifier under a small change."""
    levels = {"activation": "rectifier", "initialization": "random", "noise": SMALL}
    return {"random rectifier, a tenth of noise": where(rows, **levels)}


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "active-units-stay", "17a",
        "Noise of a tenth of the input's norm leaves at least 80% of the active units of a "
        "rectifier network as they are.",
        "Section 2.2", "I",
        Quantity(
            "overlap",
            "overlap of the active units before and after a small change of the input, of",
        ),
        ("random rectifier, a tenth of noise",), (), Rule("at least", STAYS),
        Records("overlap", parts, words=("change",)),
    ),
)  # fmt: skip
