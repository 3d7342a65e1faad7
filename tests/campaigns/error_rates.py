"""Error rates of the group-sequential design, by simulated questions whose truth is known.

`python -m tests.campaigns.error_rates` prints the table of docs/sequential.md. A question is a
comparison of arms at every look up to the last; it is false where any verdict that it gave on the
way is, so that a stop at any look, for any reason, is included.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.sequential import Design

DESIGN = Design((5, 8, 12, 18, 26, 40))

LEVEL, NOISE = 0.05, 0.014  # two standard errors of a rate of 5% in 1,000 questions
Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


@dataclass(frozen=True)
class Setting:
    """Arms with true errors in percent, and the deviations from them: one array [arms, seeds]."""

    name: str
    errors: tuple[float, ...]
    draw: Draw


def normal(*spreads: float) -> Draw:
    """Return normal deviations with a standard deviation for each arm, in points."""
    return lambda rng, shape: rng.normal(size=shape) * np.reshape(spreads, (-1, 1))


def counts(examples: int, *errors: float) -> Draw:
    """Return deviations of errors that are counted on a test split of so many examples."""
    shares = np.reshape(errors, (-1, 1))
    return lambda rng, shape: 100 * rng.binomial(examples, shares / 100, shape) / examples - shares


def outliers(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return normal deviations where one seed in ten is 3 points worse."""
    return rng.normal(0, 0.5, shape) + 3.0 * (rng.random(shape) < 0.1) - 0.3


SIX = (3.0, 3.0, 3.0, 3.5, 3.5, 4.5)
SETTINGS = (
    Setting("no difference, 2 arms", (3, 3), normal(0.5)),
    Setting("no difference, 3 arms", (3, 3, 3), normal(0.5)),
    Setting("no difference, 6 arms", (3,) * 6, normal(0.5)),
    Setting("no difference, 2 quiet arms", (3, 3), normal(0.1)),
    Setting("margin, 2 arms", (3, 3.5), normal(0.5)),
    Setting("margin, 2 quiet arms", (3, 3.5), normal(0.1)),
    Setting("margin, 3 arms", (3, 3, 3.5), normal(0.3)),
    Setting("margins and more, 6 arms", SIX, normal(0.3)),
    Setting("unequal spreads, 3 arms", (3, 3, 3.5), normal(0.1, 0.5, 1.0)),
    Setting("unequal spreads, 6 arms", SIX, normal(0.1, 0.2, 0.4, 0.1, 0.8, 1.5)),
    Setting("300 test examples, 3 arms", (3, 3, 3.5), counts(300, 3, 3, 3.5)),
    Setting("36 test examples, 2 arms", (2, 2.5), counts(36, 2, 2.5)),
    Setting("one seed in ten fails, 2 arms", (3, 3), outliers),
    Setting("one seed in ten fails, margin", (3, 3.5), outliers),
    Setting("1 point, 2 arms", (3, 4), normal(0.5)),
    Setting("1 and 2 points, 3 arms", (3, 4, 5), normal(0.5)),
)


@dataclass(frozen=True)
class Rates:
    """Share of questions with a false verdict; of pairs, those decided rightly; seeds, a mean."""

    false: float
    right: float
    seeds: float


def rates(setting: Setting, questions: int, design: Design = DESIGN) -> Rates:
    """Simulate questions that stop where all pairs are decided, or at the last look."""
    rng = np.random.default_rng(0)
    shape = len(setting.errors), design.looks[-1]
    truth = {f"arm-{n}": error for n, error in enumerate(setting.errors)}
    false, right, seeds = [], [], []
    for _ in range(questions):
        values = np.reshape(setting.errors, (-1, 1)) + setting.draw(rng, shape)
        errors = {arm: row.tolist() for arm, row in zip(truth, values, strict=True)}
        decisions = design.decide(errors, len(design.looks) - 1)
        wrong = [is_false(d.verdict, truth[d.first] - truth[d.second], design) for d in decisions]
        false.append(any(wrong))
        right += [d.verdict != "open" and not w for d, w in zip(decisions, wrong, strict=True)]
        seeds.append(max(d.decided_at or design.looks[-1] for d in decisions))
    return Rates(*(float(np.mean(values)) for values in (false, right, seeds)))


def is_false(verdict: str, difference: float, design: Design) -> bool:
    """Return whether a verdict is false, given the true difference in points."""
    match verdict:
        case "lower":
            return difference >= 0
        case "higher":
            return difference <= 0
        case "equivalent":
            return abs(difference) >= design.margin - 1e-9
        case _:
            return False


def main() -> None:
    """Print the rates of every setting; fail where false verdicts are too many."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=1000)
    questions = parser.parse_args().questions
    print("| question | false verdicts, % | pairs decided rightly, % | seeds, mean |")
    print("|---|---|---|---|")
    most = 0.0
    for setting in SETTINGS:
        found = rates(setting, questions)
        most = max(most, found.false)
        shares = f"{100 * found.false:.1f} | {100 * found.right:.0f}"
        print(f"| {setting.name} | {shares} | {found.seeds:.1f} |", flush=True)
    if most > LEVEL + NOISE:
        raise SystemExit(f"false verdicts in {100 * most:.1f}% of the questions of a setting")


if __name__ == "__main__":
    main()
