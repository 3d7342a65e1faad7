"""Claims: wording, source, statistic and decision rule.

A claim compares groups of networks (`groups`), of the arms or of an experiment. The rule of a claim
is the same for every dataset; margins of errors are scaled by the paper's numbers.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.claims.groups import ARMS, Records
from pipeline.config.arms import spoken
from pipeline.paper import published

Kind = Literal["lower", "no higher", "equivalent", "at least", "between", "never above"]
Unit = Literal["points", "%", ""]  # of a printed value: a difference of shares, a share, a number
Estimator = Literal["seeds", "networks", "changepoint"]

LITTLE_EXAMPLES = 2500  # a margin is what chance does to an error on this many examples, or fewer


@dataclass(frozen=True)
class Quantity:
    """Measurement of a network: a column of its group's rows, and its name in statistics.

    `words` precede the names of the groups. `kind`: a share in [0, 1], a difference of shares, or
    a number of any size.
    """

    column: str
    words: str
    kind: Literal["share", "difference", "number"] = "share"


TEST_ERROR = Quantity("test_error", "test error of")
ZEROS = Quantity("zeros", "share of exact zeros (mean over hidden layers) of")
ZEROS_BY_LAYER = Quantity(
    "zeros_by_layer", "largest share of exact zeros, over hidden layers and seeds, of"
)
DEAD_UNITS = Quantity("dead_units", "share of hidden units that are 0 on all training examples of")


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
        """Definition of the margin in words.

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
    """Decision rule: the true values of the statistic that make a claim true."""

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


LOWER = Rule("lower", 0.0)
HIGHER = Rule("at least", 0.0)


def non_inferior_to(group: str) -> Rule:
    """Return the rule that an error is not above that of a group by more than the margin."""
    return Rule("no higher", Margin((group,), examples=LITTLE_EXAMPLES))


def equivalent_to(group: str) -> Rule:
    """Return the rule that an error differs from that of a group by no more than the margin."""
    return Rule("equivalent", Margin((group,), examples=LITTLE_EXAMPLES))


@dataclass(frozen=True)
class Claim:
    """One claim, with its number in the order of the paper, its wording and its source.

    The statistic of a seed is the sum of `quantity` over the groups `plus` less that over the
    groups `minus`; the estimate is its mean over seeds. With the estimator "networks", whose groups
    are different networks, it is the difference of the groups' means; under the rule "never above"
    it is every single value. `mark` is how surely the source is known, as in `published`: the mark
    of its least certain number. `stated` is what the paper says in words, where it has more to say
    than a difference of Table 1's cells.
    """

    key: str
    number: str
    wording: str
    source: str
    mark: published.Mark
    quantity: Quantity
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    rule: Rule
    records: Records = ARMS
    estimator: Estimator = "seeds"
    stated: str = ""

    @property
    def groups(self) -> tuple[str, ...]:
        """The keys of the groups that the claim needs."""
        return self.plus + self.minus

    @property
    def unit(self) -> Unit:
        """Unit of its values in print."""
        if self.quantity.kind == "number":
            return ""
        return "points" if self.minus or self.quantity.kind == "difference" else "%"

    @property
    def statistic(self) -> str:
        """The statistic in words."""
        if self.rule.kind == "never above":
            return f"{self.quantity.words} {_list(self.plus)}"
        terms = [" + ".join(map(spoken, self.plus)), *map(spoken, self.minus)]
        return f"{self.quantity.words} " + " \N{MINUS SIGN} ".join(terms)

    def paper(self, dataset: str) -> published.Number | None:
        """Return the statistic of the paper's own numbers, a fraction; None where it has none."""
        if self.records != ARMS:
            return None
        if self.quantity == ZEROS:
            return published.ZEROS.get(dataset)
        arms = [tuple(arm.rsplit("-", 1)) for arm in self.groups]
        cells = [published.TABLE_1.get((dataset, *arm)) for arm in arms]  # type: ignore[arg-type]
        known = [cell for cell in cells if cell is not None]
        if self.quantity != TEST_ERROR or len(known) < len(cells):
            return None
        signs = [1] * len(self.plus) + [-1] * len(self.minus)
        value = math.fsum(sign * cell.value for sign, cell in zip(signs, known, strict=True))
        mark: published.Mark = "M" if any(cell.mark == "M" for cell in known) else "C"
        return published.Number(round(value, 6), mark, known[0].place, self.statistic)


def by_number(number: str) -> tuple[int, str]:
    """Return the sort key of a claim's number.

    >>> by_number("24b")
    (24, 'b')
    """
    digits, letters = re.fullmatch(r"(\d+)([a-z]*)", number).groups()  # type: ignore[union-attr]
    return int(digits), letters


def _list(groups: Sequence[str]) -> str:
    return " and ".join(map(spoken, groups))
