"""Claims about tied and untied decoders of the auto-encoders: dead units and test errors.

The decision rules were written before the experiment was run. On 2026-11-28 the finding that
pre-training makes rectifiers worse was withdrawn, since all arms had a tied decoder (docs/log.md).
"""

from collections.abc import Sequence

from pipeline.claims.claim import (
    DEAD_UNITS,
    LOWER,
    TEST_ERROR,
    Claim,
    Quantity,
    Rule,
    non_inferior_to,
)
from pipeline.claims.groups import Parts, Records, Row, where

ALIKE = 0.05  # the difference of two shares of dead units, 5 points, that does not count

TIED = "pre-trained rectifier, tied decoder"
UNTIED = "pre-trained rectifier, untied decoder"
RANDOM = "random rectifier, half negated"
GAP = Quantity(
    "gap", "dead share of the negated half less that of the positive half, in", "difference"
)
LOWEST, BETWEEN, HIGHEST = (
    f"the {layers}, untied decoder"
    for layers in ("lowest hidden layer", "hidden layers in between", "highest hidden layer")
)


def parts(rows: Sequence[Row]) -> Parts:
    """Return half-negated networks by start and decoder, and those of the untied one by layer."""
    negated = where(rows, signs="half negated")
    untied = where(negated, decoder="untied")
    gaps = [_gaps(row) for row in untied]
    return {
        TIED: where(negated, decoder="tied"),
        UNTIED: untied,
        RANDOM: where(negated, initialization="random"),
        LOWEST: [layer for layers in gaps for layer in layers[:1]],
        BETWEEN: [layer for layers in gaps for layer in layers[1:-1]],
        HIGHEST: [layer for layers in gaps for layer in layers[-1:]],
    }


def _gaps(row: Row) -> list[Row]:
    """Return one row a hidden layer, the lowest first, with the gap between its halves."""
    pairs = list(zip(row["dead_positive"], row["dead_negated"], strict=True))
    if row["test_error"] is None:  # no network: one row that marks each layer as lost
        return [{"seed": row["seed"], "test_error": None, "gap": None}] * 3
    return [{**row, "gap": negated - positive} for positive, negated in pairs]


RECORDS = Records(
    "decoder", parts, words=("decoder", "signs"), lists=("dead_positive", "dead_negated")
)


def alike(key: str, number: str, layers: str, group: str) -> Claim:
    """Return the claim that both halves of some layers have as many dead units."""
    return Claim(
        key, number,
        f"With an untied decoder the negated half of {layers} has as many dead units as the "
        "positive half, to within 5 points.",
        "docs/log.md, 2026-11-28", "I", GAP, (group,), (), Rule("equivalent", ALIKE), RECORDS,
    )  # fmt: skip


CLAIMS: tuple[Claim, ...] = (
    alike("untied-halves-alike-lowest", "36a", "the lowest hidden layer", LOWEST),
    alike("untied-halves-alike-between", "36b", "the hidden layers in between", BETWEEN),
    alike("untied-halves-alike-highest", "36c", "the highest hidden layer", HIGHEST),
    Claim(
        "untied-kills-fewer", "36d",
        "With half of the outputs negated, an untied decoder leaves fewer units dead than a tied "
        "one.",
        "docs/log.md, 2026-11-28", "I", DEAD_UNITS, (UNTIED,), (TIED,), LOWER, RECORDS,
    ),
    Claim(
        "untied-pretraining-does-no-harm", "37",
        "With an untied decoder, pre-training raises the test error of rectifier networks by no "
        "more than the margin.",
        "docs/log.md, 2026-11-25, withdrawn", "I", TEST_ERROR,
        (UNTIED,), (RANDOM,), non_inferior_to(RANDOM), RECORDS,
    ),
    Claim(
        "untied-beats-tied", "38",
        "With half of the outputs negated, networks pre-trained with an untied decoder make fewer "
        "test errors than with a tied one.",
        "docs/log.md, 2026-11-28", "I", TEST_ERROR, (UNTIED,), (TIED,), LOWER, RECORDS,
    ),
)  # fmt: skip
