"""The paper's numbers on texts (section 4.2), with how surely they are known."""

from dataclasses import dataclass

from pipeline.paper.published_tables import Mark, Number

AMAZON_PLACE = "Section 4.2"

# Test accuracy, the mean over books, DVDs, electronics and kitchen appliances.
AMAZON: dict[str, Number] = {
    "rectifier": Number(0.7895, "C", AMAZON_PLACE, "rectifier of 3 layers, pre-trained"),
    "zhou": Number(0.7372, "C", AMAZON_PLACE, "Zhou et al. (2010), active deep networks"),
}


@dataclass(frozen=True)
class Rated:
    """A row of Table 2, on OpenTable's reviews: test RMSE in stars and the share of exact zeros.

    `spread` is the RMSE's plus or minus, in stars; None where the paper has none.
    """

    rmse: float
    mark: Mark
    spread: float | None
    spread_mark: Mark
    zeros: Number | None


def _zeros(percent: float, mark: Mark, row: str) -> Number:
    return Number(round(percent / 100, 6), mark, "Table 2", f"{row}, zeros")


# By activation and initialization. The last one stands in the text: without pre-training three
# layers do not get below it.
TABLE_2: dict[tuple[str, str], Rated] = {
    ("linear", "random"): Rated(0.885, "C", 0.006, "M", _zeros(99.4, "M", "no hidden layer")),
    ("rectifier-1", "pretrained"): Rated(0.807, "C", 0.004, "M", _zeros(28.9, "M", "1 layer")),
    ("rectifier", "pretrained"): Rated(0.746, "C", 0.004, "M", _zeros(53.9, "C", "3 layers")),
    ("tanh", "pretrained"): Rated(0.774, "C", 0.008, "M", _zeros(0.0, "C", "tanh")),
    ("rectifier", "random"): Rated(0.833, "M", None, "M", None),
}
