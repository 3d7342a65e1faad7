"""Claims about unlabeled examples: pre-training where labels are few (Figure 4)."""

from collections.abc import Sequence

from pipeline.claims.claim import LOWER, TEST_ERROR, Claim
from pipeline.claims.groups import Parts, Records, Row, where

# Figure 4, NORB, by unit: what pre-training does at few labels and with all; the shares of labels
# are only in the figure.
FIGURE_4: dict[str, tuple[str, str]] = {
    "rectifier": ("gains much", "the curves meet"),
    "tanh": ("gains", "gains"),
}

FEW = 0.1  # the largest share of labels that counts as few


def parts(rows: Sequence[Row]) -> Parts:
    """Return the rectifier at few labels and tanh at any share, by initialization."""
    few = [row for row in rows if row["share"] <= FEW]
    return {
        f"{name} {words}": where(part, activation=activation, initialization=initialization)
        for initialization, name in (("random", "random"), ("pretrained", "pre-trained"))
        for activation, part, words in (
            ("rectifier", few, "rectifier with few labels"),
            ("tanh", rows, "tanh at any share of labels"),
        )
    }


RECORDS = Records("labels", parts, pairing="levels")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "unlabeled-help-rectifier", "5a",
        "With few labels (a tenth at most), pre-training on all inputs lowers the test error of "
        "rectifier networks.",
        "Section 4.1, Figure 4", "C", TEST_ERROR,
        ("pre-trained rectifier with few labels",), ("random rectifier with few labels",),
        LOWER, RECORDS, stated="lower (NORB, Figure 4)",
    ),
    Claim(
        "unlabeled-help-tanh", "5b",
        "Pre-training on all inputs lowers the test error of tanh networks over all shares of "
        "labels together.",
        "Section 4.1, Figure 4", "C", TEST_ERROR,
        ("pre-trained tanh at any share of labels",), ("random tanh at any share of labels",),
        LOWER, RECORDS, stated="lower at every share (NORB, Figure 4)",
    ),
)  # fmt: skip
