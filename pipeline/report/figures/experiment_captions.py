"""What stands under the figures of the experiments: how to read them, and what there is to see."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pipeline.analysis import changepoint
from pipeline.analysis.statistics import rank_correlation
from pipeline.claims.hardness import HARDNESS
from pipeline.claims.sparsity import HARMLESS
from pipeline.report.figures import experiment_plots
from pipeline.report.figures.conditions import Point, Table, best, worst
from pipeline.report.text.summary import percent, sentence


def reading(table: Table, *, dots: bool = False) -> str:
    """Return how to read circles and bars, and how many networks there are none of."""
    confidence = percent(table.confidence, 0)
    seeds = "; dots: the seeds" if dots else ""
    text = f"Circle: mean over {table.seeds} seeds; bar: its {confidence}% interval{seeds}."
    return text + lost(table)


def lost(table: Table) -> str:
    """Return how many networks failed, so that their condition has no average; empty for none."""
    n = sum(row.get("test_error", 0.0) is None for row in table.rows)
    if not n:
        return ""
    return (
        f" {n} of {len(table.rows)} networks failed, every learning rate diverged: their condition"
        " has no average (a cross at the top of a curve's panel)."
    )


def shown(point: Point, *, interval: bool = True) -> str:
    """Return a point as sentences have it: `2.04% (1.90 to 2.18)`."""
    if point.mean is None:
        return "no average (failed)"
    text = f"{percent(point.mean)}%"
    if interval and point.low is not None:
        text += f" ({percent(point.low)} to {percent(point.high)})"
    return text


def gap(point: Point) -> str:
    """Return a difference as sentences have it: `0.40 points (0.10 to 0.70)`."""
    return shown(point).replace("%", " points", 1)


def failures(table: Table, factor: str) -> str:
    """Return which levels have no average, and why; empty where all have one."""
    lost = {level: point.lost for level, point in table.points(factor).items() if point.lost}
    if not lost:
        return ""
    return (
        " Failed, so without an average: "
        + ", ".join(f"{_word(level)} ({n} of its networks)" for level, n in lost.items())
        + "."
    )


def _word(level: Any) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


def extremes(points: Mapping[Any, Point], name: str = "{}") -> str:
    """Return the lowest and the highest mean, with what they belong to."""
    low, high = best(dict(points)), worst(dict(points))
    if low is None:
        return "No condition has an average."
    first = f"Lowest: {name.format(_word(low))}, {shown(points[low])}"
    return f"{first}; highest: {name.format(_word(high))}, {shown(points[high])}."


def sparsity(table: Table) -> str:
    """Return the caption of error over zeros."""
    known = [row for row in table.rows if row["test_error"] is not None]
    low, high = (percent(end, 0) for end in HARMLESS[:2])
    text = (
        f"Each dot is one of {len(known)} rectifier networks with a penalty of its own, from "
        f"{min(row['l1'] for row in table.rows):g} to {max(row['l1'] for row in table.rows):g}. "
        f"Shaded: where the paper sees no harm on MNIST, {low} to almost {high}% zeros. "
        "Look where the cloud leaves its level. "
    )
    found = experiment_plots.broken(table)
    if found is None:
        failed = changepoint.learned_little([row["test_error"] for row in known])
        why = failed or "There are too few networks to fit it."
        return f"{text}No breaking point is fitted. {why}{lost(table)}"
    confidence = percent(table.confidence, 0)
    if found.slope <= 0:
        most = percent(max(found.zeros_N), 1)
        return (
            f"{text}It does not, up to {most}% zeros: the best fit is level, at "
            f"{percent(found.level)}%.{lost(table)}"
        )
    ends = found.interval(table.confidence)
    return text + (
        f"Line: a level of {percent(found.level)}% up to {percent(found.value, 1)}% zeros, then a "
        f"rise of {found.slope * 10:.2f} points for every 10 points of zeros. Bar at the foot: the "
        f"{confidence}% interval of that breaking point, {percent(ends[0], 1)} to "
        f"{percent(ends[1], 1)}%.{lost(table)}"
    )


def hardness(table: Table) -> str:
    """Return the caption of error over alpha."""
    points = table.points("alpha")
    alphas = [alpha for alpha in sorted(points) if points[alpha].mean is not None]
    text = (
        f"{reading(table)} Softer on the left, the rectifier on the right. Mean error by hardness: "
    )
    text += ", ".join(
        f"{_alpha(alpha)}: {shown(points[alpha], interval=False)}" for alpha in alphas
    )
    ranks = rank_correlation(
        list(range(len(alphas))), [points[alpha].mean or 0.0 for alpha in alphas]
    )
    text += f". Rank correlation of these means with hardness: {ranks:.2f}".replace(
        "-", "\N{MINUS SIGN}"
    )
    paper = ", ".join(
        f"{_alpha(alpha)}: {percent(number.value)}%{'*' if number.mark == 'M' else ''}"
        for alpha, number in HARDNESS.items()
    )
    return f"{text} (\N{MINUS SIGN}1: the harder the better). The paper, on NORB: {paper}."


def _alpha(alpha: float) -> str:
    return "rectifier" if math.isinf(alpha) else f"{alpha:g}"


def labels(table: Table) -> str:
    """Return the caption of error over the share of labels."""
    parts = [f"{reading(table)} Solid, full: pre-trained on all inputs; dashed, hollow: random."]
    for activation in table.levels("activation"):
        mine = table.where(activation=activation)
        gains = gains_of_pretraining(mine)
        if not gains:
            continue
        fewest = min(gains)
        parts.append(
            f"{sentence(activation)}: at {percent(fewest, 0)}% of the labels pre-training changes "
            f"the error by {gap(gains[fewest])}, at {percent(max(gains), 0)}% by "
            f"{gap(gains[max(gains)])}; {crossing(gains)}."
        )
    parts.append("Look where solid and dashed meet: from there on pre-training buys nothing.")
    return " ".join(parts)


def gains_of_pretraining(table: Table) -> dict[float, Point]:
    """Return, by share of labels, error with pre-training less error without, seed by seed."""
    starts = [
        table.where(initialization=initialization) for initialization in ("pretrained", "random")
    ]
    shares = sorted(set(starts[0].levels("share")) & set(starts[1].levels("share")))
    return {share: starts[0].where(share=share).difference(starts[1].where(share=share))
            for share in shares}  # fmt: skip


def crossing(gains: Mapping[float, Point]) -> str:
    """Return where the curves of mean errors cross."""
    shares = [share for share in sorted(gains) if gains[share].mean is not None]
    turns = [
        f"{percent(first, 0)} and {percent(second, 0)}%"
        for first, second in pairwise(shares)
        if (gains[first].mean or 0.0) * (gains[second].mean or 0.0) < 0
    ]
    return f"the curves cross between {', '.join(turns)}" if turns else "the curves do not cross"


def width(table: Table) -> str:
    """Return the caption of error over width."""
    tanh, rectifier = (
        table.where(activation=name).points("multiple") for name in ("tanh", "rectifier")
    )
    text = f"{reading(table)} If one-sided units need twice as many, the rectifier's curve is that "
    text += "of tanh moved right by one doubling."
    if tanh and (least := min(tanh)) in rectifier and 2 * least in rectifier:
        text += (
            f" At {least:g} times the width: tanh {shown(tanh[least])}, rectifier "
            f"{shown(rectifier[least])}; rectifiers twice as wide {shown(rectifier[2 * least])}."
        )
    return text


def rates(table: Table) -> str:
    """Return the caption of error over the learning rate."""
    parts = [reading(table)]
    for activation in table.levels("activation"):
        points = table.where(activation=activation).points("rate")
        lost = [f"{rate:g}" for rate in sorted(points) if points[rate].lost]
        if (rate := best(points)) is not None:
            parts.append(
                f"{sentence(activation)}: lowest at {rate:g}, {shown(points[rate])}"
                + (f"; diverged at {', '.join(lost)}." if lost else ".")
            )
    parts.append("Look at how wide each valley is: a wide one forgives a coarse grid.")
    return " ".join(parts)


def conditioning(table: Table) -> str:
    """Return the caption of error over the scale of the starting weights."""
    points = table.points("alpha")
    text = f"{reading(table)} All start from the same function; only its parametrization differs. "
    if 1.0 in points:
        text += f"At 1, the plain start: {shown(points[1.0])}. "
    return text + extremes(points, "\N{GREEK SMALL LETTER ALPHA} = {}") + failures(table, "alpha")
