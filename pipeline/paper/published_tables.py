"""The paper's own numbers, with where they stand in it and how surely they are known."""

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

# Section 4.1: exact zeros in percent, averaged over the hidden layers of the rectifier networks.
_ZEROS: list[tuple[float, Mark]] = [(83.4, "C"), (72.0, "C"), (68.0, "C"), (73.8, "C")]


def _number(percent: float, mark: Mark, place: str, cell: str) -> Number:
    return Number(round(percent / 100, 6), mark, place, cell)


TABLE_1: dict[tuple[str, str, str], Number] = {
    (dataset, activation, initialization): _number(
        percent,
        mark,
        "Table 1",
        f"{'pre-trained' if initialization == 'pretrained' else 'random'} {activation}, {column}",
    )
    for (activation, initialization), row in _TEST_ERRORS.items()
    for (dataset, column), (percent, mark) in zip(_DATASETS.items(), row, strict=True)
}

ZEROS: dict[str, Number] = {
    dataset: _number(percent, mark, "Section 4.1", f"rectifier, {column}")
    for (dataset, column), (percent, mark) in zip(_DATASETS.items(), _ZEROS, strict=True)
}


def test_error(dataset: str, activation: str, initialization: str) -> float | None:
    """Return the paper's test error of an arm, a fraction in [0, 1]; None where it has none.

    >>> test_error("mnist", "rectifier", "random")
    0.0143
    """
    number = TABLE_1.get((dataset, activation, initialization))
    return None if number is None else number.value
