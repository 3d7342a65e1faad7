"""What the paper, and its critics, say of units and of pre-training: data that any dataset tests.

Every claim is about the standard arms: rectifier, tanh and softplus networks, each from a random
and from a pre-trained start. Its rule stands here, the same for every dataset; margins of errors
are scaled by the paper's numbers, not by ours. The numbering leaves gaps: the claims between need
other experiments.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.analysis import published

Kind = Literal["lower", "no higher", "equivalent", "at least", "never above"]
Quantity = Literal["test_error", "zeros", "zeros_by_layer", "dead_units"]

LITTLE_EXAMPLES = 2500  # a margin is what chance does to an error on this many examples, or fewer
SPARSE = 0.5  # share of zeros a random start has by symmetry, and the least that "sparse" may mean
MANY_DEAD = 0.1  # share of dead units from which a layer is in effect a clearly narrower one
PRINTS_AS_NONE = 0.0005  # the largest share that is 0.0%: rounding alone makes some outputs 0
ONE_RUN_ERRORS = 2  # standard errors at which one run of each would count as a difference

SPOKEN = {
    "test_error": "test error of",
    "zeros": "share of exact zeros (mean over hidden layers) of",
    "zeros_by_layer": "largest share of exact zeros, over hidden layers and seeds, of",
    "dead_units": "share of hidden units that are 0 on all training examples of",
}


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

    def region(self, bound: float) -> tuple[float, float]:
        """Return the ends of that set of values, given the bound as a number."""
        match self.kind:
            case "lower" | "no higher" | "never above":
                return -math.inf, bound
            case "at least":
                return bound, math.inf
            case "equivalent":
                return -bound, bound


@dataclass(frozen=True)
class Claim:
    """One claim, with its number in the order of the paper, its wording and its source.

    The statistic is, of each seed, the sum of `quantity` over the arms `plus` less that over the
    arms `minus`, and its mean over seeds; under the rule "never above" it is every single value.
    `mark` is how surely the source is known, as in `published`: that of its least certain number.
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

    @property
    def arms(self) -> tuple[str, ...]:
        """The keys of the arms that the claim needs."""
        return self.plus + self.minus

    @property
    def statistic(self) -> str:
        """What is estimated, in words."""
        start = f"{SPOKEN[self.quantity]} "
        if self.rule.kind == "never above":
            return start + _list(self.plus)
        return start + _sum(self.plus, self.minus)

    def paper(self, dataset: str) -> published.Number | None:
        """Return the statistic of the paper's own numbers, a fraction; None where it has none."""
        if self.quantity == "zeros":
            return published.ZEROS.get(dataset)
        cells = [_cell(dataset, arm) for arm in self.arms]
        known = [cell for cell in cells if cell is not None]
        if self.quantity != "test_error" or len(known) < len(cells):
            return None
        signs = [1] * len(self.plus) + [-1] * len(self.minus)
        value = math.fsum(sign * cell.value for sign, cell in zip(signs, known, strict=True))
        mark: published.Mark = "M" if any(cell.mark == "M" for cell in known) else "C"
        return published.Number(round(value, 6), mark, known[0].place, self.statistic)


def spoken(arm: str) -> str:
    """Return an arm's key as sentences name it.

    >>> spoken("tanh-pretrained")
    'pre-trained tanh'
    """
    activation, initialization = arm.rsplit("-", 1)
    start = "pre-trained" if initialization == "pretrained" else initialization
    return f"{start} {activation}"


def _list(arms: Sequence[str]) -> str:
    return " and ".join(map(spoken, arms))


def _sum(plus: Sequence[str], minus: Sequence[str]) -> str:
    return " \N{MINUS SIGN} ".join([" + ".join(map(spoken, plus)), *map(spoken, minus)])


def _cell(dataset: str, arm: str) -> published.Number | None:
    activation, initialization = arm.rsplit("-", 1)
    return published.TABLE_1.get((dataset, activation, initialization))


def _no_worse_than(arm: str) -> Rule:
    return Rule("no higher", Margin((arm,), examples=LITTLE_EXAMPLES))


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "rectifier-as-good-as-tanh", "1",
        "Without pre-training, rectifier networks make no more test errors than tanh networks, "
        "give or take the margin.",
        "Section 4.1, Table 1", "C", "test_error",
        ("rectifier-random",), ("tanh-random",), _no_worse_than("tanh-random"),
    ),
    Claim(
        "rectifier-as-good-as-softplus", "2",
        "A hard zero does no harm: without pre-training, rectifier networks make no more test "
        "errors than softplus networks, give or take the margin.",
        "Section 4.1, Table 1", "C", "test_error",
        ("rectifier-random",), ("softplus-random",), _no_worse_than("softplus-random"),
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
        ("rectifier-random",), ("tanh-pretrained",), _no_worse_than("tanh-pretrained"),
    ),
    Claim(
        "rectifier-matches-pretrained-softplus", "4b",
        "Rectifier networks without pre-training make no more test errors than softplus networks "
        "with it, give or take the margin.",
        "Section 4.1, Table 1", "M", "test_error",
        ("rectifier-random",), ("softplus-pretrained",), _no_worse_than("softplus-pretrained"),
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
)  # fmt: skip
