"""Training of a question by looks: more seeds until all pairs are decided or the budget ends."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.analysis.comparison import Outcome
from pipeline.analysis.sequential import PairDecision
from pipeline.config.params import Dataset, Params
from pipeline.questions.question import Question, write_params
from pipeline.questions.training import train
from pipeline.runtime.errors import Problem


@dataclass(frozen=True)
class Answer:
    """Test scores of all arms, and the decision on every pair of arms without a failed one.

    `next_seconds` estimates the next look where the budget ended before it, else it is None.
    """

    outcomes: list[Outcome]
    decisions: list[PairDecision]
    next_seconds: float | None = None

    @property
    def open(self) -> bool:
        """Whether a pair is not decided."""
        return any(decision.verdict == "open" for decision in self.decisions)


def decided(
    outcomes: Sequence[Outcome], question: Question, significance: float, seeds: int
) -> list[PairDecision]:
    """Return the decisions at a look of `seeds` seeds; failed arms have none.

    Raises Problem where fewer than two arms are left.
    """
    errors = {
        outcome.arm.key: [100 * error for error in outcome.by_seed("test_error").values()]
        for outcome in outcomes
        if not outcome.failed
    }
    if len(errors) < 2:
        raise Problem("fewer than two arms have a result for every seed: lower the learning rates")
    design = question.design(significance, outcomes[0].records[0]["test_examples"])
    return design.decide(errors, question.looks.index(seeds))


def answer(
    question: Question,
    params: Params,
    block: Dataset,
    *,
    seeds: int,
    seconds: float,
    per_seed: float,
    say: Callable[[str], None],
) -> Answer:
    """Train in the current folder from the look of `seeds` seeds on; return the last look's answer.

    The number of seeds is written into params.yaml before a look is trained, so that an interrupted
    question goes on from there. Stops where all pairs are decided, at the last look, or where the
    next one would end after `seconds`. `per_seed` estimates the seconds of a seed of all arms.
    """
    began, significance = time.monotonic(), params.compare.significance
    looks = [look for look in question.looks if look >= seeds]
    done = seeds
    for look, following in zip(looks, [*looks[1:], None], strict=True):
        settings = question.settings(params, block, look)
        write_params(settings)
        since = time.monotonic()
        outcomes = train(settings, question.dataset)
        state = Answer(outcomes, decided(outcomes, question, significance, look))
        still = sum(decision.verdict == "open" for decision in state.decisions)
        say(f"{look} seeds: {len(state.decisions) - still} of {len(state.decisions)} pairs decided")
        if following is None or not state.open:
            return state
        if look > seeds:  # of the first look, networks may have been in the store
            per_seed = (time.monotonic() - since) / (look - done)
        done = look
        expected = per_seed * (following - look)
        if time.monotonic() - began + expected > seconds:
            return Answer(state.outcomes, state.decisions, expected)
    raise AssertionError("a question has a look")
