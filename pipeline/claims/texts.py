"""The claims about texts: the paper's Table 2, on any dataset whose labels are ratings.

Written before the arms on amazon-stars had been scored.
"""

from pipeline.claims.claim import Claim, Rule

RATINGS = "ratings"  # the records of the arms, where labels are ratings
LOWER = Rule("lower", 0.0)

OF_TEXTS: tuple[Claim, ...] = (
    Claim(
        "one-layer-beats-none-on-texts", "19a",
        "On reviews a pre-trained rectifier network of one layer predicts stars better than a "
        "softmax on the terms.",
        "Section 4.2, Table 2", "C", "test_rmse",
        ("rectifier-1-pretrained",), ("linear-random",), LOWER, RATINGS,
    ),
    Claim(
        "three-layers-beat-one-on-texts", "19b",
        "On reviews a pre-trained rectifier network of three layers predicts stars better than one "
        "of one layer.",
        "Section 4.2, Table 2", "C", "test_rmse",
        ("rectifier-pretrained",), ("rectifier-1-pretrained",), LOWER, RATINGS,
    ),
    Claim(
        "rectifier-beats-tanh-on-texts", "19c",
        "On reviews three pre-trained layers of rectifiers predict stars better than three of "
        "tanh.",
        "Section 4.2, Table 2", "C", "test_rmse",
        ("rectifier-pretrained",), ("tanh-pretrained",), LOWER, RATINGS,
    ),
    Claim(
        "texts-need-pretraining", "20",
        "On reviews a rectifier network of three layers predicts stars better with pre-training "
        "than without.",
        "Section 4.2", "M", "test_rmse",
        ("rectifier-pretrained",), ("rectifier-random",), LOWER, RATINGS,
    ),
    Claim(
        "codes-of-texts-are-denser", "21a",
        "Codes of reviews have fewer zeros than the reviews themselves.",
        "Section 4.2, Table 2", "C", "zeros",
        ("rectifier-1-pretrained",), ("linear-random",), LOWER, RATINGS,
    ),
    Claim(
        "deep-codes-of-texts-are-sparser", "21b",
        "Codes of reviews have more zeros, the mean over layers, in three layers than in one.",
        "Section 4.2, Table 2", "C", "zeros",
        ("rectifier-pretrained",), ("rectifier-1-pretrained",), Rule("at least", 0.0), RATINGS,
    ),
)  # fmt: skip
