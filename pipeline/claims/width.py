"""Claims about width: as many and twice as many rectifiers as tanh units (section 3.1)."""

from collections.abc import Sequence

from pipeline.claims.claim import HIGHER, TEST_ERROR, Claim, non_inferior_to
from pipeline.claims.groups import Parts, Records, Row, where


def parts(rows: Sequence[Row]) -> Parts:
    """Return the narrowest networks, and tanh beside twice as many rectifiers."""
    tanh = where(rows, activation="tanh")
    rectifier = where(rows, activation="rectifier")
    multiples = {row["multiple"] for row in tanh}
    return {
        "the narrowest tanh networks": where(tanh, multiple=min(multiples)),
        "rectifier networks as narrow": where(rectifier, multiple=min(multiples)),
        "tanh networks of any width": tanh,
        "rectifier networks twice as wide": [
            row for row in rectifier if row["multiple"] / 2 in multiples
        ],
    }


RECORDS = Records("width", parts, pairing="levels")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "one-sided-needs-more", "18a",
        "In narrow networks as many rectifiers as tanh units make more test errors.",
        "Section 3.1", "I", TEST_ERROR,
        ("rectifier networks as narrow",), ("the narrowest tanh networks",), HIGHER, RECORDS,
    ),
    Claim(
        "twice-as-many-suffice", "18b",
        "With twice as many units, the test error of rectifier networks exceeds that of tanh "
        "networks by no more than the margin.",
        "Section 3.1", "I", TEST_ERROR,
        ("rectifier networks twice as wide",), ("tanh networks of any width",),
        non_inferior_to("tanh networks of any width"), RECORDS,
    ),
)  # fmt: skip
