"""Page of the evidence across datasets: claims by dataset, pooled effects, ranks of arms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from pipeline.analysis import statistics
from pipeline.analysis.results import Results, Row
from pipeline.claims.catalogue import CLAIMS, MEASURED_ONCE
from pipeline.claims.claim import by_number
from pipeline.config.arms import spoken
from pipeline.evidence.pooling import Pooled, pool
from pipeline.evidence.ranks import Ranks, ranks
from pipeline.report.figures import style
from pipeline.report.figures.plot import FULL, picture
from pipeline.report.figures.style import Theme
from pipeline.report.pages.render import render
from pipeline.report.text import verdicts
from pipeline.report.text.verdicts import JudgedClaim
from pipeline.report.text.wording import UNKNOWN, equals, percent, plural, sentence

Claims = Mapping[str, Sequence[Row]]  # rows of claims.csv by dataset
Table = list[list[str]]  # a head and rows
POOLABLE = {
    claim.key for claim in CLAIMS if claim.estimator == "seeds" and claim.records.pairing != "none"
}


@dataclass(frozen=True)
class Entry:
    """One claim in words, by dataset and pooled; None where there is no estimate."""

    number: str
    claim: str
    cells: list[JudgedClaim | None]
    pooled: JudgedClaim | None
    heterogeneity: str


def page(claims: Claims, results: Sequence[Results], confidence: float, significance: float) -> str:
    """Return the whole page, from the verdicts and the comparisons of arms on all datasets."""
    judged = entries(claims, confidence)
    return render(
        "evidence.html",
        datasets=list(claims),
        entries=judged,
        headline=headline(judged),
        confidence=percent(confidence, 0),
        tied=tied(results),
        order=(found := ranks(results, significance)),
        ranked=found and standing(found, results),
        answer=found and friedman(found),
        diagram=found
        and picture("Mean ranks", critical_differences, found, caption(found, significance)),
        unknown=UNKNOWN,
    )


def entries(claims: Claims, confidence: float) -> list[Entry]:
    """Return the claims that have an estimate on some dataset, in the order of their numbers."""
    rows = {name: {r["key"]: r for r in of if r["estimate"] is not None}
            for name, of in claims.items()}  # fmt: skip
    known = {key: row for by_key in rows.values() for key, row in by_key.items()}
    return [
        _entry(row, [by_key.get(key) for by_key in rows.values()], confidence)
        for key, row in sorted(known.items(), key=lambda item: by_number(item[1]["number"]))
    ]


def _entry(claim: Row, rows: Sequence[Row | None], confidence: float) -> Entry:
    cells = [verdicts.judged([row])[0] if row else None for row in rows]
    found = pooled([row for row in rows if row], confidence)
    if found is None:
        return Entry(claim["number"], claim["claim"], cells, None, "")
    row = claim | {"estimate": found.mean, "low": found.low, "high": found.high}
    heterogeneity = f"I² {percent(found.i2, 0)}%, {found.n} datasets"
    words = verdicts.judged([row])[0]
    return Entry(claim["number"], claim["claim"], cells, words, heterogeneity)


def pooled(rows: Sequence[Row], confidence: float) -> Pooled | None:
    """Return the pooled effect of a claim; None where it has not t intervals on two datasets."""
    rows = [row for row in rows if row["low"] is not None and row["key"] in POOLABLE]
    if len(rows) < 2:
        return None
    errors = [
        (row["high"] - row["low"]) / 2 / statistics.quantile(int(row["n"]), confidence)
        for row in rows
    ]
    return pool([row["estimate"] for row in rows], errors, confidence)


def headline(judged: Sequence[Entry]) -> str:
    """Return how the claims with estimates on several datasets fare there, in one sentence.

    Claims that are measured once for all datasets are left out.
    """
    shared = [{c.verdict for c in entry.cells if c} for entry in judged
              if sum(c is not None for c in entry.cells) > 1
              and entry.number not in MEASURED_ONCE]  # fmt: skip
    both = sum({"supported", "contradicted"} <= found for found in shared)
    counts = [
        (sum(found == {"supported"} for found in shared), "supported on all of them"),
        (sum(found == {"contradicted"} for found in shared), "contradicted on all"),
        (both, "supported on one and contradicted on another"),
    ]
    parts = ", ".join(f"{n} {'is' if n == 1 else 'are'} {where}" for n, where in counts)
    claims = plural(len(shared), "claim")
    return f"Of {len(shared)} {claims} with estimates on two datasets or more, {parts}."


def tied(results: Sequence[Results]) -> list[str]:
    """Return the datasets whose arms were pre-trained with the encoder's weights in the decoder."""
    schedules = {one.dataset: one.protocol.get("pretrain") or {} for one in results}
    return [name for name, schedule in schedules.items() if schedule.get("tied")]


def friedman(found: Ranks) -> str:
    """Return the result of Friedman's test and the best mean rank in words."""
    return (
        f"{sentence(spoken(found.arms[0]))} has the lowest mean rank of {len(found.arms)} arms, "
        f"{found.mean_ranks[0]:.2f}, over {len(found.datasets)} datasets; Friedman's test of no "
        f"difference between the arms has {equals(found.p)}."
    )


def standing(found: Ranks, results: Sequence[Results]) -> Table:
    """Return the mean error of each arm on each dataset, with its mean rank."""
    by_name = {one.dataset: one for one in results}
    rows = [["arm", "mean rank", *found.datasets]]
    for arm, rank in zip(found.arms, found.mean_ranks, strict=True):
        activation, _, start = arm.rpartition("-")
        shown = [
            one.measure.with_unit(one.measure.mean(row))
            for one in (by_name[name] for name in found.datasets)
            for row in one.table
            if (row["activation"], row["initialization"]) == (activation, start)
        ]
        rows.append([sentence(spoken(arm)), f"{rank:.2f}", *shown])
    return rows


def critical_differences(found: Ranks, theme: Theme) -> Figure:
    """Draw the arms at their mean ranks; bars join arms that do not differ significantly."""
    k = len(found.arms)
    figure = style.figure(1.3 + 0.2 * len(found.cliques) + 0.28 * ((k + 1) // 2))
    figure.set_layout_engine("none")  # all axes are hidden
    axes = figure.add_axes((0, 0, 1, 1))
    axes.plot([1, k], [0, 0], color=theme.ink)
    look: dict[str, Any] = {"ha": "center", "va": "bottom"}
    for tick in range(1, k + 1):
        axes.plot([tick, tick], [0, 0.25], color=theme.ink, linewidth=1)
        axes.text(tick, 0.35, str(tick), **look)
    axes.plot([1, 1 + found.critical], [1.9, 1.9], color=theme.ink, linewidth=3)
    axes.text(1 + found.critical / 2, 2.05, f"critical difference {found.critical:.2f}", **look)
    depth = 0.7 * len(found.cliques)
    for line, (first, last) in enumerate(found.cliques):
        ends = [found.mean_ranks[first] - 0.05, found.mean_ranks[last] + 0.05]
        axes.plot(ends, [-0.6 - 0.7 * line] * 2, color=theme.hues[0], linewidth=4)
    for place, (arm, rank) in enumerate(zip(found.arms, found.mean_ranks, strict=True)):
        left = place < (k + 1) // 2
        y = -1.3 - depth - (place if left else k - 1 - place)
        end, align = (0.9, "left") if left else (k + 0.1, "right")
        axes.plot([rank, rank, end], [0, y, y], color=theme.faint, linewidth=1)
        axes.text(end, y + 0.08, spoken(arm), ha=align, va="bottom")
        activation, _, start = arm.rpartition("-")
        color = style.hue(activation, theme)
        face = color if style.STARTS[start][1] else theme.paper
        axes.plot(rank, 0, "o", color=color, markerfacecolor=face, zorder=3)
    axes.set_xlim(0.7, k + 0.3)
    axes.set_ylim(-1.6 - depth - (k - 1) // 2, 3.2)
    axes.set_axis_off()
    return figure


def caption(found: Ranks, significance: float) -> str:
    """Return how to read the diagram of critical differences."""
    return (
        f"Rank 1: the lowest mean error. Bars join arms whose mean ranks are less than "
        f"{found.critical:.2f} apart, which Nemenyi's test at {significance:g} does not separate "
        f"on {len(found.datasets)} datasets. {FULL}"
    )
