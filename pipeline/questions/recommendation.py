"""Recommendation: three sentences from the decisions on all pairs of arms."""

from collections.abc import Sequence

from pipeline.analysis.comparison import of_ratings
from pipeline.analysis.criterion import written
from pipeline.analysis.sequential import PairDecision
from pipeline.config import arms
from pipeline.questions.looks import Answer
from pipeline.report.text.wording import listed, planned_seeds, sentence

Rival = tuple[str, PairDecision, float, float, float]  # arm, decision; arm - best, its interval


def best(answer: Answer) -> str:
    """Return the key of the best arm by mean test error, of those significantly worse than none."""
    means = means_of(answer)
    worse = {d.first if d.verdict == "higher" else d.second for d in _differing(answer.decisions)}
    return min([key for key in means if key not in worse] or means, key=means.__getitem__)


def means_of(answer: Answer) -> dict[str, float]:
    """Return the mean test error in percent by arm key, without failed arms."""
    known = {o.arm.key: o.mean("test_error") for o in answer.outcomes}
    return {key: 100 * mean for key, mean in known.items() if mean is not None}


def recommendation(answer: Answer, margin: float, significance: float) -> str:
    """Return three sentences: an arm, by how much it is better, and what stays undecided.

    Others follow where labels are ratings, and where arms failed. `margin` is in points.
    """
    key, means = best(answer), means_of(answer)
    rivals = sorted(_rivals(answer.decisions, key), key=lambda rival: rival[2])
    won = [rival for rival in rivals if rival[1].verdict in ("lower", "higher")]
    name, mean = _name(key), f"{_n(means[key])}%"
    over = f"on average over {answer.decisions[0].seeds} seeds"
    fewest = means[key] == min(means.values())
    if len(won) == len(rivals) and fewest:
        first = f"Take {name}: it makes the fewest test errors, {mean} {over}."
    elif _differing(answer.decisions):
        first = f"Take {name}: no arm is shown to make fewer test errors than its {mean} {over}."
    else:
        first = f"No arm is shown to be better; {name} makes the fewest test errors, {mean} {over}."
    # A decision at an earlier look is final, although later seeds may turn the mean.
    turned = [rival for rival in won if rival[2] <= 0]
    clear = [rival for rival in won if rival[2] > 0]
    parts = []
    if clear:
        parts.append(
            f"it makes fewer than {listed([f'{_name(r[0])} by {_gap(r)}' for r in clear])}"
        )
    if turned:
        against = listed([f"{_name(rival[0])}, {_gap(rival)} over all seeds" for rival in turned])
        parts.append(f"an earlier look decided for {name} against {against}")
    if not won:
        word = "higher" if rivals[0][2] >= 0 else "lower"
        parts.append(f"the next is {_name(rivals[0][0])}, {word} by {_gap(rivals[0])}")
    second = sentence("; ".join(parts))
    sure = f"with {100 * (1 - significance):g}% confidence, every range in brackets is right"
    third = _others(name, rivals, margin)
    return " ".join([first, f"{second}; {sure}.", third, *_ratings(answer), *_failures(answer)])


def _others(name: str, rivals: Sequence[Rival], margin: float) -> str:
    alike = [_name(rival[0]) for rival in rivals if rival[1].verdict == "equivalent"]
    still = [
        f"{_name(rival[0])} ({planned_seeds(rival[1].seeds_needed or 0)} seeds would decide)"
        for rival in rivals
        if rival[1].verdict == "open"
    ]
    parts = []
    if alike:
        parts.append(f"equivalent to {name} within {margin:g} points: {listed(alike)}")
    if still:
        parts.append(f"not decided against {name}: {listed(still)}")
    return f"{sentence('; '.join(parts) or 'every other arm is shown to make more errors')}."


def _ratings(answer: Answer) -> list[str]:
    if not of_ratings(answer.outcomes):
        return []
    text = "Labels are ratings: any wrong rating counts as one error here, near or far"
    return [f"{text}, whereas the report compares the RMSE of expected stars."]


def _failures(answer: Answer) -> list[str]:
    failed = [_name(outcome.arm.key) for outcome in answer.outcomes if outcome.failed]
    if not failed:
        return []
    return [f"Not compared, since all learning rates of a seed diverged: {listed(failed)}."]


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
