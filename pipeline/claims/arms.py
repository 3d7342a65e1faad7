"""The claims that the arms alone decide: Table 1 of the paper, and what its critics say of it."""

from pipeline.claims.claim import LITTLE_EXAMPLES, Claim, Margin, Rule

SPARSE = 0.5  # share of zeros a random start has by symmetry, and the least that "sparse" may mean
MANY_DEAD = 0.1  # share of dead units from which a layer is in effect a clearly narrower one
PRINTS_AS_NONE = 0.0005  # the largest share that is 0.0%: rounding alone makes some outputs 0
ONE_RUN_ERRORS = 2  # standard errors at which one run of each would count as a difference


def no_worse_than(group: str) -> Rule:
    """Return the rule that an error is not above that of a group by more than the margin."""
    return Rule("no higher", Margin((group,), examples=LITTLE_EXAMPLES))


OF_ARMS: tuple[Claim, ...] = (
    Claim(
        "rectifier-as-good-as-tanh", "1",
        "Without pre-training, rectifier networks make no more test errors than tanh networks, "
        "give or take the margin.",
        "Section 4.1, Table 1", "C", "test_error",
        ("rectifier-random",), ("tanh-random",), no_worse_than("tanh-random"),
    ),
    Claim(
        "rectifier-as-good-as-softplus", "2",
        "A hard zero does no harm: without pre-training, rectifier networks make no more test "
        "errors than softplus networks, give or take the margin.",
        "Section 4.1, Table 1", "C", "test_error",
        ("rectifier-random",), ("softplus-random",), no_worse_than("softplus-random"),
    ),
    Claim(
        "pretraining-leaves-rectifier", "3a",
        "With all labels, pre-training changes the test error of rectifier networks by no more "
        "than the margin.",
        "Section 4.1, Table 1", "M", "test_error",
        ("rectifier-pretrained",), ("rectifier-random",),
        Rule("equivalent", Margin(("rectifier-random",), examples=LITTLE_EXAMPLES)),
    ),
    Claim(
        "pretraining-helps-tanh", "3b",
        "Pre-training lowers the test error of tanh networks.",
        "Section 4.1, Table 1", "M", "test_error",
        ("tanh-pretrained",), ("tanh-random",), Rule("lower", 0.0),
    ),
    Claim(
        "pretraining-helps-tanh-more", "3c",
        "Pre-training lowers the test error of tanh networks by more than that of rectifier "
        "networks.",
        "Section 4.1, Table 1", "M", "test_error",
        ("tanh-pretrained", "rectifier-random"), ("tanh-random", "rectifier-pretrained"),
        Rule("lower", 0.0),
    ),
    Claim(
        "rectifier-matches-pretrained-tanh", "4a",
        "Rectifier networks without pre-training make no more test errors than tanh networks with "
        "it, give or take the margin.",
        "Section 4.1, Table 1", "M", "test_error",
        ("rectifier-random",), ("tanh-pretrained",), no_worse_than("tanh-pretrained"),
    ),
    Claim(
        "rectifier-matches-pretrained-softplus", "4b",
        "Rectifier networks without pre-training make no more test errors than softplus networks "
        "with it, give or take the margin.",
        "Section 4.1, Table 1", "M", "test_error",
        ("rectifier-random",), ("softplus-pretrained",), no_worse_than("softplus-pretrained"),
    ),
    Claim(
        "rectifier-is-sparse", "6",
        "Rectifier networks are truly sparse: at least half of their hidden outputs are exactly 0.",
        "Section 4.1", "C", "zeros", ("rectifier-random",), (), Rule("at least", SPARSE),
    ),
    Claim(
        "tanh-has-no-zeros", "10",
        "Tanh networks have 0.0% exact zeros: none, to the decimal that the paper prints.",
        "Section 4.2, Table 2", "C", "zeros_by_layer",
        ("tanh-random", "tanh-pretrained"), (), Rule("never above", PRINTS_AS_NONE),
    ),
    Claim(
        "rectifier-units-die", "24",
        "A substantial share of a rectifier network's hidden units is dead: 0 on every training "
        "example.",
        "critics: dying rectifiers", "M", "dead_units",
        ("rectifier-random",), (), Rule("at least", MANY_DEAD),
    ),
    Claim(
        "one-run-cannot-order", "30",
        "One run of each cannot tell rectifier from tanh networks: their true test errors differ "
        "by less than a single test of each resolves.",
        "critics: Table 1 shows one error a cell and no spread", "C", "test_error",
        ("rectifier-random",), ("tanh-random",),
        Rule("equivalent", Margin(("rectifier-random", "tanh-random"), times=ONE_RUN_ERRORS)),
    ),
    Claim(
        "pretraining-is-obsolete", "33",
        "With all labels pre-training is obsolete: rectifier networks without it make no more test "
        "errors than those with it, give or take the margin.",
        "critics: pre-training is obsolete", "M", "test_error",
        ("rectifier-random",), ("rectifier-pretrained",), no_worse_than("rectifier-pretrained"),
    ),
)  # fmt: skip
