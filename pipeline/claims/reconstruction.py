"""Claims about the reconstructions of one-sided units in pre-training (section 3.2)."""

from collections.abc import Sequence

from pipeline.claims.claim import HIGHER, LOWER, TEST_ERROR, Claim
from pipeline.claims.groups import Parts, Records, Row, where


def parts(rows: Sequence[Row]) -> Parts:
    """Return two reconstructions, and for each the others together."""
    groups: dict[str, Sequence[Row]] = {}
    for kind in ("softplus", "rectifier"):
        groups[f"{kind} reconstruction"] = where(rows, reconstruction=kind)
        groups[f"the reconstructions other than {kind}"] = [
            row for row in rows if row["reconstruction"] != kind
        ]
    return groups


RECORDS = Records("reconstruction", parts, words=("reconstruction",))

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "softplus-reconstructs-best", "15a",
        "On images softplus reconstruction gives lower test errors than the other three do on "
        "average.",
        "Section 3.2", "C", TEST_ERROR,
        ("softplus reconstruction",), ("the reconstructions other than softplus",),
        LOWER, RECORDS,
    ),
    Claim(
        "rectifier-reconstructs-worst", "15b",
        "Rectifier reconstruction gives higher test errors than the other three do on average.",
        "Section 3.2", "I", TEST_ERROR,
        ("rectifier reconstruction",), ("the reconstructions other than rectifier",),
        HIGHER, RECORDS,
    ),
)  # fmt: skip
