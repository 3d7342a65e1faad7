"""Claims about the arms alone: Table 1 of the paper, and its critics."""

from pipeline.claims.claim import (
    DEAD_UNITS,
    LOWER,
    TEST_ERROR,
    ZEROS,
    ZEROS_BY_LAYER,
    Claim,
    Margin,
    Rule,
    equivalent_to,
    non_inferior_to,
)

SPARSE = 0.5  # share of zeros a random start has by symmetry, and the least that "sparse" may mean
MANY_DEAD = 0.1  # share of dead units from which a layer is in effect a clearly narrower one
PRINTS_AS_NONE = 0.0005  # the largest share that is 0.0%: rounding alone makes some outputs 0
ONE_RUN_ERRORS = 2  # standard errors at which one run of each would count as a difference


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "rectifier-as-good-as-tanh", "1",
        "Without pre-training, the test error of rectifier networks exceeds that of tanh networks "
        "by no more than the margin.",
        "Section 4.1, Table 1", "C", TEST_ERROR,
        ("rectifier-random",), ("tanh-random",), non_inferior_to("tanh-random"),
    ),
    Claim(
        "rectifier-as-good-as-softplus", "2",
        "A hard zero does no harm: without pre-training, the test error of rectifier networks "
        "exceeds that of softplus networks by no more than the margin.",
        "Section 4.1, Table 1", "C", TEST_ERROR,
        ("rectifier-random",), ("softplus-random",), non_inferior_to("softplus-random"),
    ),
    Claim(
        "pretraining-leaves-rectifier", "3a",
        "With all labels, pre-training changes the test error of rectifier networks by no more "
        "than the margin.",
        "Section 4.1, Table 1", "M", TEST_ERROR,
        ("rectifier-pretrained",), ("rectifier-random",),
        equivalent_to("rectifier-random"),
    ),
    Claim(
        "pretraining-helps-tanh", "3b",
        "Pre-training lowers the test error of tanh networks.",
        "Section 4.1, Table 1", "M", TEST_ERROR,
        ("tanh-pretrained",), ("tanh-random",), LOWER,
    ),
    Claim(
        "pretraining-helps-tanh-more", "3c",
        "Pre-training lowers the test error of tanh networks by more than that of rectifier "
        "networks.",
        "Section 4.1, Table 1", "M", TEST_ERROR,
        ("tanh-pretrained", "rectifier-random"), ("tanh-random", "rectifier-pretrained"),
        LOWER,
    ),
    Claim(
        "rectifier-matches-pretrained-tanh", "4a",
        "The test error of rectifier networks without pre-training exceeds that of pre-trained "
        "tanh networks by no more than the margin.",
        "Section 4.1, Table 1", "M", TEST_ERROR,
        ("rectifier-random",), ("tanh-pretrained",), non_inferior_to("tanh-pretrained"),
    ),
    Claim(
        "rectifier-matches-pretrained-softplus", "4b",
        "The test error of rectifier networks without pre-training exceeds that of pre-trained "
        "softplus networks by no more than the margin.",
        "Section 4.1, Table 1", "M", TEST_ERROR,
        ("rectifier-random",), ("softplus-pretrained",), non_inferior_to("softplus-pretrained"),
    ),
    Claim(
        "rectifier-is-sparse", "6",
        "Rectifier networks are truly sparse: at least half of their hidden outputs are exactly 0.",
        "Section 4.1", "C", ZEROS, ("rectifier-random",), (), Rule("at least", SPARSE),
    ),
    Claim(
        "tanh-has-no-zeros", "10",
        "Tanh networks have 0.0% exact zeros: none, to the decimal that the paper prints.",
        "Section 4.2, Table 2", "C", ZEROS_BY_LAYER,
        ("tanh-random", "tanh-pretrained"), (), Rule("never above", PRINTS_AS_NONE),
        stated="0.0% (its text data)",
    ),
    Claim(
        "rectifier-units-die", "24",
        "A substantial share of a rectifier network's hidden units is dead: 0 on every training "
        "example.",
        "critics: dying rectifiers", "M", DEAD_UNITS,
        ("rectifier-random",), (), Rule("at least", MANY_DEAD),
    ),
    Claim(
        "one-run-cannot-order", "30",
        "One run of each cannot tell rectifier from tanh networks: their true test errors differ "
        "by less than a single test of each resolves.",
        "critics: Table 1 shows one error a cell and no spread", "C", TEST_ERROR,
        ("rectifier-random",), ("tanh-random",),
        Rule("equivalent", Margin(("rectifier-random", "tanh-random"), times=ONE_RUN_ERRORS)),
    ),
    Claim(
        "pretraining-is-obsolete", "33",
        "With all labels pre-training is obsolete: the test error of rectifier networks without it "
        "exceeds that of pre-trained ones by no more than the margin.",
        "critics: pre-training is obsolete", "M", TEST_ERROR,
        ("rectifier-random",), ("rectifier-pretrained",), non_inferior_to("rectifier-pretrained"),
    ),
)  # fmt: skip
