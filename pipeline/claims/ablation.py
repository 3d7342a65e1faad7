"""Claims about the L1 penalty and the signs of rectifier networks (section 4.1)."""

from collections.abc import Sequence

from pipeline.claims.arms import PRINTS_AS_NONE
from pipeline.claims.claim import (
    HIGHER,
    LOWER,
    TEST_ERROR,
    ZEROS,
    ZEROS_BY_LAYER,
    Claim,
    Rule,
    equivalent_to,
    non_inferior_to,
)
from pipeline.claims.groups import Parts, Records, Row, where


def parts(rows: Sequence[Row]) -> Parts:
    """Return the networks with and without the penalty, and with and without signs."""
    groups: dict[str, Sequence[Row]] = {
        "tanh with the penalty": where(rows, activation="tanh", penalty="L1")
    }
    for initialization, name in (("random", "random"), ("pretrained", "pre-trained")):
        rectifiers = where(rows, activation="rectifier", initialization=initialization)
        negated = where(rectifiers, signs="half negated")
        with_penalty = where(negated, penalty="L1")
        groups[f"{name} rectifier with the penalty"] = with_penalty
        groups[f"{name} rectifier without it"] = where(negated, penalty="none")
        groups[f"{name} rectifier, half negated"] = with_penalty
        groups[f"{name} rectifier, all positive"] = where(
            rectifiers, signs="all positive", penalty="L1"
        )
    return groups


RECORDS = Records("ablation", parts, words=("signs", "penalty"))

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "penalty-makes-no-zeros-of-tanh", "10b",
        "An L1 penalty gives tanh networks small outputs, but no zeros (to the decimal printed).",
        "Section 2.2", "I", ZEROS_BY_LAYER,
        ("tanh with the penalty",), (), Rule("never above", PRINTS_AS_NONE), RECORDS,
    ),
    Claim(
        "penalty-makes-sparser", "11a",
        "The L1 penalty makes rectifier networks sparser.",
        "Section 3.1", "C", ZEROS,
        ("random rectifier with the penalty",), ("random rectifier without it",),
        HIGHER, RECORDS,
    ),
    Claim(
        "penalty-costs-nothing", "11b",
        "The L1 penalty raises the test error of rectifier networks by no more than the margin.",
        "Section 3.1", "I", TEST_ERROR,
        ("random rectifier with the penalty",), ("random rectifier without it",),
        non_inferior_to("random rectifier without it"), RECORDS,
    ),
    Claim(
        "signs-need-pretraining", "12a",
        "Without pre-training, negating half of the outputs changes the test error by no more than "
        "the margin.",
        "algebra of section 4.1", "I", TEST_ERROR,
        ("random rectifier, half negated",), ("random rectifier, all positive",),
        equivalent_to("random rectifier, all positive"), RECORDS,
    ),
    Claim(
        "signs-help-pretraining", "12b",
        "With pre-training, negating half of the outputs lowers the test error.",
        "Section 4.1", "C", TEST_ERROR,
        ("pre-trained rectifier, half negated",), ("pre-trained rectifier, all positive",),
        LOWER, RECORDS,
    ),
)  # fmt: skip
