"""What a claim is: its wording, its source, what is measured, and which values make it true.

A claim is about groups of networks (`groups`): the arms, or those of an experiment. Its rule is the
same for every dataset; margins of errors are scaled by the paper's numbers, not by ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.config.arms import INITIALIZATIONS
from pipeline.paper import published_tables

Kind = Literal["lower", "no higher", "equivalent", "at least", "between", "never above"]
Unit = Literal["points", "%", ""]  # how a value reads: a difference of shares, a share, a number
Estimator = Literal["seeds", "networks", "breaking point"]

LITTLE_EXAMPLES = 2500  # a margin is what chance does to an error on this many examples, or fewer
ARMS = "arms"  # the records of the arms' comparison; others are those of an experiment or a probe

# What is measured of each network, in words, and whether it is a share in [0, 1].
QUANTITIES: dict[str, tuple[str, bool]] = {
    "test_error": ("test error of", True),
    "test_rmse": ("test RMSE, in stars, of", False),
    "zeros": ("share of exact zeros (mean over hidden layers) of", True),
    "zeros_by_layer": ("largest share of exact zeros, over hidden layers and seeds, of", True),
    "zeros_at_start": ("share of exact zeros (mean over hidden layers) at the start of", True),
    "dead_units": ("share of hidden units that are 0 on all training examples of", True),
    "revived": ("share of hidden units that were dead after an epoch and alive later, of", True),
    "trend": ("rank correlation of the test error with alpha, over", False),
    "gradient_fall": (
        "log10 of the gradient's norm in the lowest hidden layer over that in the highest, of",
        False,
    ),
    "breaking_point": ("share of zeros from which on the test error rises, of", True),
    "overlap": (
        "overlap of the active units before and after a small change of the input, of",
        True,
    ),
    "complexity": ("rank correlation of active units and complexity of the input, of", False),
    "probe_error": ("test error of a linear classifier on", True),
    "patterns": ("share of test examples with a pattern of active units of their own, of", True),
    "shift_trend": (
        "rank correlation of the test error with how far hidden outputs are from mean 0, over",
        False,
    ),
    "misfit_excess": (
        "misfit of the rectifier less that of the better of tanh and sigmoid, in",
        True,
    ),
    "unit_time": ("time of the rectifier's function, in that of", True),
    "sparse_time": ("time of the fastest product that skips zeros, in that of", True),
    "dense_time": ("time of the dense product, in that of the fastest of", True),
    "spiking_loss": ("test error as spiking units less that as rates, of", True),
}
DIFFERENCES = {"spiking_loss", "misfit_excess"}


@dataclass(frozen=True)
class Margin:
    """A difference of errors that does not count: so many binomial standard errors.

    Its size is `times` the root of the sum over `arms` of e (1 - e) / n, with e an arm's mean test
    error and n the size of the test split, at most `examples` where that is set.

    The scale is the point. A fixed share of the error is too little at 1%, where it is less than
    chance does, and too much at 50%, where a tenth is more than separates any two arms of Table 1.
    In units of the root of e (1 - e), what the paper calls no change (the rectifier's, from
    pre-training) is below 0.02 on all its four datasets, and what it calls a gain (that of tanh)
    is above 0.03 on three: 0.02 is one standard error on 2500 examples. A smaller test split
    cannot resolve that much, so there its own standard error is the margin.
    """

    arms: tuple[str, ...]
    times: int = 1
    examples: int | None = None

    def size(self, errors: Sequence[float], test_examples: int) -> float:
        """Return the margin, a fraction, from the mean error of each of `arms`, in [0, 1].

        >>> Margin(("tanh-random",)).size([0.5], 2500)
        0.01
        """
        n = min(test_examples, self.examples or test_examples)
        return self.times * math.sqrt(math.fsum(error * (1 - error) for error in errors) / n)

    @property
    def words(self) -> str:
        """How the margin is found.

        >>> Margin(("tanh-random",)).words
        'the binomial standard error of an error like that of random tanh on the test split'
        """
        times = "" if self.times == 1 else f"{self.times} times "
        what = (
            "an error like that of" if len(self.arms) == 1 else "the difference of one run each of"
        )
        most = f", or on {self.examples} examples if it has more" if self.examples else ""
        names = _list(self.arms)
        return f"{times}the binomial standard error of {what} {names} on the test split{most}"


@dataclass(frozen=True)
class Rule:
    """Which true values of the statistic make a claim true: those that `kind` of `bound` says."""

    kind: Kind
    bound: float | Margin
    upper: float = math.inf  # of the kind "between"

    def region(self, bound: float) -> tuple[float, float]:
        """Return the ends of that set of values, given the bound as a number."""
        match self.kind:
            case "between":
                return bound, self.upper
            case "lower" | "no higher" | "never above":
                return -math.inf, bound
            case "at least":
                return bound, math.inf
            case "equivalent":
                return -bound, bound


@dataclass(frozen=True)
class Claim:
    """One claim, with its number in the order of the paper, its wording and its source.

    The statistic is, of each seed, the sum of `quantity` over the groups `plus` less that over the
    groups `minus`, and its mean over seeds; with the estimator "networks", whose groups are
    different networks, the difference of the groups' means; under the rule "never above" it is
    every single value. `mark` is how surely the source is known, as in `published`: that of its
    least certain number. `records` names where the groups come from: the arms or an experiment.
    """

    key: str
    number: str
    wording: str
    source: str
    mark: published_tables.Mark
    quantity: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    rule: Rule
    records: str = ARMS
    estimator: Estimator = "seeds"

    @property
    def groups(self) -> tuple[str, ...]:
        """The keys of the groups that the claim needs."""
        return self.plus + self.minus

    @property
    def unit(self) -> Unit:
        """How its values read."""
        if not QUANTITIES[self.quantity][1]:
            return ""
        return "points" if self.minus or self.quantity in DIFFERENCES else "%"

    @property
    def statistic(self) -> str:
        """What is estimated, in words."""
        start = f"{QUANTITIES[self.quantity][0]} "
        if self.rule.kind == "never above":
            return start + _list(self.plus)
        return start + _sum(self.plus, self.minus)

    def paper(self, dataset: str) -> published_tables.Number | None:
        """Return the statistic of the paper's own numbers, a fraction; None where it has none."""
        if self.records != ARMS:
            return None
        if self.quantity == "zeros":
            return published_tables.ZEROS.get(dataset)
        cells = [_cell(dataset, arm) for arm in self.groups]
        known = [cell for cell in cells if cell is not None]
        if self.quantity != "test_error" or len(known) < len(cells):
            return None
        signs = [1] * len(self.plus) + [-1] * len(self.minus)
        value = math.fsum(sign * cell.value for sign, cell in zip(signs, known, strict=True))
        mark: published_tables.Mark = "M" if any(cell.mark == "M" for cell in known) else "C"
        return published_tables.Number(round(value, 6), mark, known[0].place, self.statistic)


def spoken(group: str) -> str:
    """Return the key of a group as sentences name it: an arm's, or that of any other as it is.

    >>> spoken("tanh-pretrained"), spoken("maxout networks")
    ('pre-trained tanh', 'maxout networks')
    """
    activation, _, initialization = group.rpartition("-")
    if initialization not in INITIALIZATIONS:
        return group
    start = "pre-trained" if initialization == "pretrained" else initialization
    return f"{start} {activation}"


def _list(arms: Sequence[str]) -> str:
    return " and ".join(map(spoken, arms))


def _sum(plus: Sequence[str], minus: Sequence[str]) -> str:
    return " \N{MINUS SIGN} ".join([" + ".join(map(spoken, plus)), *map(spoken, minus)])


def _cell(dataset: str, arm: str) -> published_tables.Number | None:
    activation, initialization = arm.rsplit("-", 1)
    return published_tables.TABLE_1.get((dataset, activation, initialization))
