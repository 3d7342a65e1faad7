"""Recommendation: three sentences from the decisions on all pairs of arms."""

from collections.abc import Sequence

from pipeline.analysis.criterion import written
from pipeline.analysis.sequential import PairDecision
from pipeline.config import arms
from pipeline.questions.looks import Answer
from pipeline.report.text.wording import plural, sentence

Rival = tuple[str, PairDecision, float, float, float]  # arm, decision; arm - best, its interval


def best(answer: Answer) -> str:
    """Return the key of the arm of the lowest mean test error that no other arm is shown below."""
    means = means_of(answer)
    worse = {d.first if d.verdict == "higher" else d.second for d in _differing(answer.decisions)}
    return min([key for key in means if key not in worse] or means, key=means.__getitem__)


def means_of(answer: Answer) -> dict[str, float]:
    """Return the mean test error in percent by arm key, without failed arms."""
    known = {o.arm.key: o.mean("test_error") for o in answer.outcomes}
    return {key: 100 * mean for key, mean in known.items() if mean is not None}


def recommendation(answer: Answer, margin: float, significance: float) -> str:
    """Return three sentences: an arm, by how much it is better, and what stays undecided.

    A fourth one names arms that failed. `margin` is in points.
    """
    key, means = best(answer), means_of(answer)
    rivals = sorted(_rivals(answer.decisions, key), key=lambda rival: rival[2])
    won = [rival for rival in rivals if rival[1].verdict in ("lower", "higher")]
    seeds = answer.decisions[0].seeds
    fact = f"{_n(means[key])}% test error over {seeds} seeds"
    if len(won) == len(rivals):
        first = f"Take {_name(key)}: it makes the fewest errors ({fact})."
    elif won:
        first = f"Take {_name(key)} ({fact}), or an arm that the last sentence names."
    else:
        first = f"No arm is shown to be better; {_name(key)} has the lowest mean ({fact})."
    sure = f"{100 * (1 - significance):g}% for all pairs and looks together"
    if won:
        parts = ", ".join(f"{_name(r[0])} by {_gap(r)}" for r in won)
        second = f"It makes fewer errors than {parts} (intervals: {sure})."
    else:
        second = (
            f"Nearest is {_name(rivals[0][0])}, higher by {_gap(rivals[0])} (interval: {sure})."
        )
    return " ".join([first, second, _others(rivals, margin), *_failures(answer)])


def _others(rivals: Sequence[Rival], margin: float) -> str:
    alike = [_name(rival[0]) for rival in rivals if rival[1].verdict == "equivalent"]
    still = [
        f"{_name(rival[0])} (about {rival[1].seeds_needed:,} seeds would decide)"
        for rival in rivals
        if rival[1].verdict == "open"
    ]
    parts = [f"equivalent to it within {margin:g} {plural(2, 'point')}: {', '.join(alike)}"] * bool(
        alike
    )
    parts += [f"not separated from it: {', '.join(still)}"] * bool(still)
    return f"{sentence('; '.join(parts) or 'no other arm is equivalent to it or undecided')}."


def _failures(answer: Answer) -> list[str]:
    failed = [_name(outcome.arm.key) for outcome in answer.outcomes if outcome.failed]
    return [f"Not compared, since all rates of a seed diverged: {', '.join(failed)}."] * bool(
        failed
    )


def _differing(decisions: Sequence[PairDecision]) -> list[PairDecision]:
    return [decision for decision in decisions if decision.verdict in ("lower", "higher")]


def _rivals(decisions: Sequence[PairDecision], key: str) -> list[Rival]:
    """Return the other arms, with the difference to `key` turned so that above 0 `key` is lower."""
    return [
        (d.second, d, -d.difference, -d.high, -d.low)
        if d.first == key
        else (d.first, d, d.difference, d.low, d.high)
        for d in decisions
        if key in (d.first, d.second)
    ]


def _name(key: str) -> str:
    return arms.spoken(key).removeprefix("random ")


def _gap(rival: Rival) -> str:
    return f"{_n(rival[2])} points ({_n(rival[3])} to {_n(rival[4])})"


def _n(value: float) -> str:
    return written(value, 2)
