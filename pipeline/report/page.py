"""The report: one HTML page that holds everything and loads nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.analysis import baselines
from pipeline.analysis.measure import ERROR
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.report import baselines as beaten
from pipeline.report import captions, conditions, data, findings, mosaics, pictures, plots
from pipeline.report.findings import plural
from pipeline.report.pictures import Picture


@dataclass(frozen=True)
class Section:
    """One dataset's part of the page."""

    results: Results
    pictures: list[Picture]
    conditions: list[tuple[str, str]]
    data: data.Data | None


FIGURES: list[tuple[str, plots.Draw, Callable[[Results], str]]] = [
    ("{} by arm", plots.errors_by_arm, captions.errors_by_arm),
    ("Validation error by epoch", plots.validation_curves, captions.validation_curves),
    ("Zeros by hidden layer", plots.zeros_by_layer, captions.zeros_by_layer),
    ("First-layer filters", plots.first_filters, captions.first_filters),
]


def page(datasets: Sequence[Results]) -> str:
    """Return the whole page, one section a dataset, in the order given."""
    return pictures.render(
        "page.html",
        sections=[_section(results) for results in datasets],
        findings=findings,
        arm_key=arm_key,
        plural=plural,
        against=beaten.against,
        note=beaten.note,
        baselines=baselines.table,
        error=ERROR,
        span=span,
        tested_on=conditions.tested_on,
        size=data.size,
    )


def span(results: Results, test: Row) -> str:
    """Return the interval of a row of tests.csv in brackets; empty where it has none."""
    shown = results.measure.shown
    return "" if test["low"] is None else f"({shown(test['low'])} to {shown(test['high'])})"


def _section(results: Results) -> Section:
    shown = FIGURES if results.filters and mosaics.drawable(results.shape) else FIGURES[:-1]
    what = findings.sentence(results.measure.name)
    drawn = [
        pictures.picture(title.format(what), draw, results, caption(results))
        for title, draw, caption in shown
    ]
    return Section(results, drawn, conditions.conditions(results), data.data(results))
