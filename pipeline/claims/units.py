"""Claims about the units since 2011, against the rectifier."""

from collections.abc import Sequence

from pipeline.claims.claim import LOWER, TEST_ERROR, Claim, equivalent_to, non_inferior_to
from pipeline.claims.groups import Parts, Records, Row, where

LATER = ("leaky", "prelu", "elu", "gelu", "silu")  # the units since 2011 that are not maxout


def parts(rows: Sequence[Row]) -> Parts:
    """Return the rectifier and the later units."""
    return {
        "rectifier networks": where(rows, activation="rectifier"),
        "leaky rectifier networks": where(rows, activation="leaky"),
        "leaky, PReLU, ELU, GELU and SiLU networks": [
            row for row in rows if row["activation"] in LATER
        ],
        "maxout networks": [row for row in rows if row["activation"].startswith("maxout")],
    }


RECORDS = Records("units", parts)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "later-units-do-as-well", "25",
        "The test error of units since 2011 (leaky, PReLU, ELU, GELU, SiLU, on average) exceeds "
        "that of the rectifier by no more than the margin.",
        "critics: later units", "M", TEST_ERROR,
        ("leaky, PReLU, ELU, GELU and SiLU networks",), ("rectifier networks",),
        non_inferior_to("rectifier networks"), RECORDS,
    ),
    Claim(
        "maxout-beats", "26",
        "Maxout networks of as many parameters make fewer test errors than rectifier networks.",
        "critics: later units", "M", TEST_ERROR,
        ("maxout networks",), ("rectifier networks",), LOWER, RECORDS,
    ),
    Claim(
        "zeros-do-not-matter", "27",
        "Zeros do not cause low test errors: networks of rectifiers and of leaky rectifiers, which "
        "have no zeros, differ in test error by no more than the margin.",
        "critics: optimization, not sparsity", "M", TEST_ERROR,
        ("leaky rectifier networks",), ("rectifier networks",),
        equivalent_to("rectifier networks"), RECORDS,
    ),
)  # fmt: skip
