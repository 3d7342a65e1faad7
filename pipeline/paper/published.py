"""Numbers published in the paper, each with its place in the paper and a mark of certainty.

Numbers that are used by a single experiment are in `pipeline.claims.<experiment>`.
"""

from dataclasses import dataclass
from typing import Literal

SOURCE = "Glorot, Bordes, Bengio: Deep Sparse Rectifier Neural Networks, AISTATS 2011"

# C: an independent written source carries the number. M: the paper's number as remembered, with no
# second source at hand. I: inferred from what the paper says.
Mark = Literal["C", "M", "I"]


@dataclass(frozen=True)
class Number:
    """A published number, a fraction in [0, 1], with its mark, its place and its cell there."""

    value: float
    mark: Mark
    place: str
    cell: str


@dataclass(frozen=True)
class StarRating:
    """A row of Table 2, on OpenTable's reviews: test RMSE in stars and the share of exact zeros.

    `spread` is the RMSE's plus or minus, in stars; None where the paper has none.
    """

    rmse: float
    mark: Mark
    spread: float | None
    spread_mark: Mark
    zeros: Number | None


def percent(value: float, mark: Mark, place: str, cell: str) -> Number:
    """Return a number that the paper prints in percent as a fraction."""
    return Number(round(value / 100, 6), mark, place, cell)


_DATASETS = {"mnist": "MNIST", "cifar10": "CIFAR10", "nistp": "NISTP", "norb": "NORB"}

# Table 1: test error in percent, as printed there: one row an arm, one column a dataset.
_TEST_ERRORS: dict[tuple[str, str], list[tuple[float, Mark]]] = {
    ("rectifier", "pretrained"): [(1.20, "C"), (49.96, "M"), (32.86, "M"), (16.46, "C")],
    ("tanh", "pretrained"): [(1.16, "M"), (50.79, "M"), (35.89, "M"), (17.66, "C")],
    ("softplus", "pretrained"): [(1.17, "M"), (49.52, "M"), (33.27, "M"), (19.19, "M")],
    ("rectifier", "random"): [(1.43, "C"), (50.86, "C"), (32.64, "C"), (16.40, "C")],
    ("tanh", "random"): [(1.57, "C"), (52.62, "C"), (36.46, "C"), (19.29, "C")],
    ("softplus", "random"): [(1.77, "C"), (53.20, "C"), (35.48, "C"), (17.68, "C")],
}

TABLE_1: dict[tuple[str, str, str], Number] = {
    (dataset, activation, initialization): percent(
        value,
        mark,
        "Table 1",
        f"{'pre-trained' if initialization == 'pretrained' else 'random'} {activation}, {column}",
    )
    for (activation, initialization), row in _TEST_ERRORS.items()
    for (dataset, column), (value, mark) in zip(_DATASETS.items(), row, strict=True)
}

# Section 4.1: exact zeros in percent, averaged over the hidden layers of the rectifier networks.
_ZEROS: list[tuple[float, Mark]] = [(83.4, "C"), (72.0, "C"), (68.0, "C"), (73.8, "C")]

ZEROS: dict[str, Number] = {
    dataset: percent(value, mark, "Section 4.1", f"rectifier, {column}")
    for (dataset, column), (value, mark) in zip(_DATASETS.items(), _ZEROS, strict=True)
}


def _zeros(value: float, mark: Mark, row: str) -> Number:
    return percent(value, mark, "Table 2", f"{row}, zeros")


# By activation and initialization. The last row stands in the text: without pre-training three
# layers do not get below it.
TABLE_2: dict[tuple[str, str], StarRating] = {
    ("linear", "random"): StarRating(0.885, "C", 0.006, "M", _zeros(99.4, "M", "no hidden layer")),
    ("rectifier-1", "pretrained"): StarRating(0.807, "C", 0.004, "M", _zeros(28.9, "M", "1 layer")),
    ("rectifier", "pretrained"): StarRating(0.746, "C", 0.004, "M", _zeros(53.9, "C", "3 layers")),
    ("tanh", "pretrained"): StarRating(0.774, "C", 0.008, "M", _zeros(0.0, "C", "tanh")),
    ("rectifier", "random"): StarRating(0.833, "M", None, "M", None),
}

# Section 4.2: test accuracy, the mean over books, DVDs, electronics and kitchen appliances.
AMAZON: dict[str, Number] = {
    "rectifier": Number(0.7895, "C", "Section 4.2", "rectifier of 3 layers, pre-trained"),
    "zhou": Number(0.7372, "C", "Section 4.2", "Zhou et al. (2010), active deep networks"),
}


def test_error(dataset: str, activation: str, initialization: str) -> float | None:
    """Return the paper's test error of an arm, a fraction in [0, 1]; None where it has none.

    >>> test_error("mnist", "rectifier", "random")
    0.0143
    """
    number = TABLE_1.get((dataset, activation, initialization))
    return None if number is None else number.value
