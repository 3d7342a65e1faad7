"""The report: one HTML page that holds everything and loads nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.analysis import baselines
from pipeline.analysis.criterion import ERROR
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.report.figures import (
    arm_captions,
    dataset_card,
    html_figures,
    image_grids,
    plots,
)
from pipeline.report.figures.html_figures import Picture
from pipeline.report.text import baselines as beaten
from pipeline.report.text import protocol, summary
from pipeline.report.text.summary import plural


@dataclass(frozen=True)
class Section:
    """One dataset's part of the page."""

    results: Results
    pictures: list[Picture]
    conditions: list[tuple[str, str]]
    data: dataset_card.Data | None


FIGURES: list[tuple[str, plots.Draw, Callable[[Results], str]]] = [
    ("{} by arm", plots.errors_by_arm, arm_captions.errors_by_arm),
    ("Validation error by epoch", plots.validation_curves, arm_captions.validation_curves),
    ("Zeros by hidden layer", plots.zeros_by_layer, arm_captions.zeros_by_layer),
    ("First-layer filters", plots.first_filters, arm_captions.first_filters),
]


def page(datasets: Sequence[Results]) -> str:
    """Return the whole page, one section a dataset, in the order given."""
    return html_figures.render(
        "page.html",
        sections=[_section(results) for results in datasets],
        findings=summary,
        arm_key=arm_key,
        plural=plural,
        against=beaten.against,
        note=beaten.note,
        baselines=baselines.table,
        error=ERROR,
        span=span,
        tested_on=protocol.tested_on,
        size=dataset_card.size,
    )


def span(results: Results, test: Row) -> str:
    """Return the interval of a row of tests.csv in brackets; empty where it has none."""
    shown = results.measure.shown
    return "" if test["low"] is None else f"({shown(test['low'])} to {shown(test['high'])})"


def _section(results: Results) -> Section:
    shown = FIGURES if results.filters and image_grids.drawable(results.shape) else FIGURES[:-1]
    what = summary.sentence(results.measure.name)
    drawn = [
        html_figures.picture(title.format(what), draw, results, caption(results))
        for title, draw, caption in shown
    ]
    return Section(results, drawn, protocol.conditions(results), dataset_card.data(results))
