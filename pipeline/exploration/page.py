"""Page with a slider for each sweep: its data for the browser, and a table of all conditions."""

import math
from collections.abc import Mapping
from typing import Any

from pipeline.exploration import axes
from pipeline.exploration.sweeps import SWEEPS, Condition, Sweep, conditions, known
from pipeline.report.figures.table import Table
from pipeline.report.pages.render import render
from pipeline.report.text.wording import UNKNOWN, listed, number, percent, plural, sentence

Chart = dict[str, Any]  # a sweep as the browser draws it: JSON of texts, and of numbers to place
MOST_LABELS = 6  # of the levels below the chart of errors


def page(datasets: Mapping[str, Mapping[str, Table]], confidence: float) -> str:
    """Return the whole page, from the tables of each dataset by experiment."""
    sections = {
        dataset: [
            _chart(sweep, tables[sweep.records]) for sweep in SWEEPS if sweep.records in tables
        ]
        for dataset, tables in datasets.items()
    }
    return render(
        "explore.html",
        sections={dataset: charts for dataset, charts in sections.items() if charts},
        left_out=left_out(datasets),
        confidence=percent(confidence, 0),
        unknown=UNKNOWN,
    )


def left_out(datasets: Mapping[str, Mapping[str, Table]]) -> str:
    """Return which datasets lack records of which experiments; empty where none does."""
    names = [sweep.records for sweep in SWEEPS]
    absent = {
        dataset: listed([name for name in names if name not in tables])
        for dataset, tables in datasets.items()
        if not tables.keys() >= {*names}
    }
    lacking = [
        f"{listed([dataset for dataset, of in absent.items() if of == some])} (no {some})"
        for some in dict.fromkeys(absent.values())
    ]
    return f"Left out for want of records: {'; '.join(lacking)}." if lacking else ""


def _chart(sweep: Sweep, table: Table) -> Chart:
    series = conditions(sweep, table)
    every = [condition for some in series.values() for condition in some]
    errors = [c.error.mean for c in every if c.error.mean is not None]
    highs = [c.error.high for c in every if c.error.high is not None]
    levels = max(series.values(), key=len)
    apart = math.ceil(len(levels) / MOST_LABELS)
    return {
        "title": sweep.title,
        "faint": min(0.35, 12 / len(levels)),
        "label": sweep.label,
        "layers": [str(layer + 1) for layer in range(max(len(c.zeros_by_layer) for c in every))],
        "levels": ["" if i % apart else f"{c.level:.2g}" for i, c in enumerate(levels)],
        "axes": {
            "error": axes.shares([*errors, *highs] or [0]),
            "zeros": axes.linear(100),
            "norms": axes.logarithmic([norm for c in every for norm in known(c.norms)]),
        },
        "series": {
            activation: [_condition(sweep, c, percent(table.confidence, 0)) for c in some]
            for activation, some in series.items()
        },
    }


def _condition(sweep: Sweep, one: Condition, confidence: str) -> dict[str, Any]:
    error = one.error
    ends = None if error.low is None or error.high is None else (error.low, error.high)
    return {
        "shown": {
            "level": number(one.level),
            "error": percent(error.mean),
            "interval": f"{percent(ends[0])} to {percent(ends[1])}" if ends else UNKNOWN,
            "zeros": percent(one.zeros.mean, 1),
            "dead": percent(one.dead.mean, 1),
            "n": str(one.n),
            "sentence": _sentence(sweep, one, confidence),
            "warning": _warning(one),
        },
        "error": None if error.mean is None else [_rounded(100 * error.mean), percent(error.mean)],
        "interval": ends and [_rounded(100 * end) for end in ends],
        "zeros": [[_rounded(100 * share), percent(share, 1)] for share in one.zeros_by_layer],
        "dead": None
        if one.dead.mean is None
        else [_rounded(100 * one.dead.mean), percent(one.dead.mean, 1)],
        "norms": [
            None if math.isnan(norm) else [_rounded(norm), f"{norm:#.2g}".rstrip(".")]
            for norm in one.norms
        ],
    }


def _sentence(sweep: Sweep, one: Condition, confidence: str) -> str:
    networks = f"{sentence(one.activation)} networks {sweep.at.format(number(one.level))}"
    if one.error.mean is None:
        return f"{networks} have no mean test error."
    spread = "one network, n = 1, so without an interval"
    if one.error.low is not None and one.error.high is not None:
        ends = f"{percent(one.error.low)} to {percent(one.error.high)}%"
        spread = f"mean over n = {one.n} seeds, {confidence}% interval {ends}"
    rates = f"learning {plural(len(one.rates), 'rate')} {listed([number(r) for r in one.rates])}"
    return (
        f"{networks} are wrong on {percent(one.error.mean)}% of {one.examples:,} test examples"
        f" ({spread}); the lowest validation error chose {sweep.chosen} ({rates})."
    )


def _warning(one: Condition) -> str:
    if one.error.lost:
        return (
            f"Training diverged for {one.error.lost} of {one.n} networks: the condition has no"
            " mean, and nothing is drawn."
        )
    zero = [str(layer + 1) for layer, norm in enumerate(one.norms) if math.isnan(norm)]
    if zero:
        return (
            f"Without a gradient norm: {plural(len(zero), 'layer')} {listed(zero)}, where the"
            " gradient of some network is exactly 0."
        )
    return ""


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
