"""Claims about ratings of texts: the paper's Table 2, on any dataset whose labels are ratings.

The decision rules were written before the arms on amazon-stars had been scored.
"""

from dataclasses import replace

from pipeline.claims.claim import HIGHER, LOWER, ZEROS, Claim, Quantity
from pipeline.claims.groups import ARMS

RATINGS = replace(
    ARMS,
    name="ratings",
    absent="This claim needs arms on reviews with stars: `amazon-stars`, `imdb`, `yelp`, or your "
    "own reviews.",
)
TEST_RMSE = Quantity("test_rmse", "test RMSE, in stars, of", "number")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "one-layer-beats-none-on-texts", "19a",
        "On reviews a pre-trained rectifier network of one layer predicts stars better than a "
        "softmax on the terms.",
        "Section 4.2, Table 2", "C", TEST_RMSE,
        ("rectifier-1-pretrained",), ("linear-random",), LOWER, RATINGS,
    ),
    Claim(
        "three-layers-beat-one-on-texts", "19b",
        "On reviews a pre-trained rectifier network of three layers predicts stars better than one "
        "of one layer.",
        "Section 4.2, Table 2", "C", TEST_RMSE,
        ("rectifier-pretrained",), ("rectifier-1-pretrained",), LOWER, RATINGS,
    ),
    Claim(
        "rectifier-beats-tanh-on-texts", "19c",
        "On reviews three pre-trained layers of rectifiers predict stars better than three of "
        "tanh.",
        "Section 4.2, Table 2", "C", TEST_RMSE,
        ("rectifier-pretrained",), ("tanh-pretrained",), LOWER, RATINGS,
    ),
    Claim(
        "texts-need-pretraining", "20",
        "On reviews a rectifier network of three layers predicts stars better with pre-training "
        "than without.",
        "Section 4.2", "M", TEST_RMSE,
        ("rectifier-pretrained",), ("rectifier-random",), LOWER, RATINGS,
        stated="RMSE 0.833* without, 0.746 with",
    ),
    Claim(
        "codes-of-texts-are-denser", "21a",
        "Codes of reviews have fewer zeros than the reviews themselves.",
        "Section 4.2, Table 2", "C", ZEROS,
        ("rectifier-1-pretrained",), ("linear-random",), LOWER, RATINGS,
        stated="99.4% zeros in, 28.9%* after 1 layer, 53.9% over 3",
    ),
    Claim(
        "deep-codes-of-texts-are-sparser", "21b",
        "Codes of reviews have more zeros, the mean over layers, in three layers than in one.",
        "Section 4.2, Table 2", "C", ZEROS,
        ("rectifier-pretrained",), ("rectifier-1-pretrained",), HIGHER, RATINGS,
    ),
)  # fmt: skip
