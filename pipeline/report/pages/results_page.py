"""Results page: one HTML file that compares the arms of each dataset and loads nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.analysis import baselines
from pipeline.analysis.criterion import ERROR
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.report.figures import arms, dataset_card, image_grids
from pipeline.report.figures.plot import Picture, picture
from pipeline.report.pages.render import render
from pipeline.report.text import protocol, summary, wording


@dataclass(frozen=True)
class Section:
    """One dataset's part of the page."""

    results: Results
    pictures: list[Picture]
    conditions: list[tuple[str, str]]
    data: dataset_card.Data | None


def page(datasets: Sequence[Results]) -> str:
    """Return the whole page, one section a dataset, in the order given."""
    return render(
        "page.html",
        sections=[_section(results) for results in datasets],
        summary=summary,
        wording=wording,
        arm_key=arm_key,
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
    has_filters = results.filters and image_grids.drawable(results.shape)
    figures = arms.RESULTS_FIGURES if has_filters else arms.RESULTS_FIGURES[:-1]
    measure = wording.sentence(results.measure.name)
    drawn = [
        picture(title.format(measure), draw, results, caption(results))
        for title, draw, caption in figures
    ]
    return Section(results, drawn, protocol.conditions(results), dataset_card.data(results))
