"""The claims' page: each claim of the paper with its verdict, and the figures behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.analysis.results import Results, Row
from pipeline.claims.sparse_products import CPU, CUDA
from pipeline.report.figures import catalogue, html_figures, paper_figures, sparse_products
from pipeline.report.figures.conditions import Table
from pipeline.report.figures.html_figures import Picture
from pipeline.report.figures.sparse_products import Cost
from pipeline.report.text import takeaways, verdicts
from pipeline.report.text.summary import UNKNOWN, percent, plural
from pipeline.report.text.verdicts import Judged

NAMES = {"cpu": "CPU", "cuda": "GPU"}
COSTS = {CPU: "cpu", CUDA: "cuda"}


@dataclass(frozen=True)
class Tested:
    """What was found on one dataset: the rows of claims.csv, and the tables by their names."""

    dataset: str
    claims: Sequence[Row]
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class Entry:
    """One claim as the table shows it, with where its figure is: empty where it has none."""

    number: str
    judged: Judged
    measured: str
    paper: str
    n: str
    figure: str


@dataclass(frozen=True)
class Section:
    """One dataset's part of the page; `untested` are claims without records, with the reason."""

    dataset: str
    headline: str
    consequence: str
    entries: list[Entry]
    untested: list[Entry]
    pictures: list[Picture]
    confidence: str


def page(
    tested: Sequence[Tested],
    results: Sequence[Results],
    *,
    cost: Mapping[str, Any],
    confidence: float,
    significance: float,
) -> str:
    """Return the whole page: a section a dataset, in the order given, then the paper's figures.

    `results` are the comparisons of arms that there are, for Table 1; `cost` is cost.json.
    """
    arms, columns = paper_figures.table_1(results)
    return html_figures.render(
        "claims.html",
        sections=[_section(each, confidence) for each in tested],
        arms=arms,
        columns=columns,
        elsewhere=_elsewhere(tested),
        costs=[_cost(device, times) for device, times in sorted(cost.items())],
        redrawn=paper_figures.figures([each.tables for each in tested]),
        significance=significance,
        plural=plural,
        unknown=UNKNOWN,
    )


def _cost(device: str, times: Mapping[str, Any]) -> Picture:
    measured = Cost(times["products"], times["units"], times["machine"])
    title = f"Do zeros save computation on a {NAMES.get(device, device)}?"
    caption = sparse_products.caption(measured)
    anchor = catalogue.anchor("cost", device)
    return html_figures.picture(title, sparse_products.cost, measured, caption, anchor=anchor)


def _elsewhere(tested: Sequence[Tested]) -> list[Entry]:
    """Return the claims that have no rule: the same whatever the dataset."""
    return [_entry(row, each) for each in tested[:1] for row in each.claims if not row["records"]]


def _section(tested: Tested, confidence: float) -> Section:
    shown = [row for row in tested.claims if row["estimate"] is not None]
    entries = {row["key"]: _entry(row, tested) for row in tested.claims}
    return Section(
        dataset=tested.dataset,
        headline=takeaways.headline(tested.dataset, shown),
        consequence=takeaways.consequence(shown),
        entries=[entries[row["key"]] for row in shown],
        untested=[
            entries[row["key"]]
            for row in tested.claims
            if row["records"] and row["estimate"] is None
        ],
        pictures=catalogue.pictures(tested.tables),
        confidence=percent(confidence, 0),
    )


def _entry(row: Row, tested: Tested) -> Entry:
    drawn = {exhibit.table for exhibit in catalogue.EXHIBITS} & set(tested.tables)
    records = row["records"]
    anchor = catalogue.anchor(tested.dataset, records) if records in drawn else ""
    if row["estimate"] is not None and records in COSTS:
        anchor = catalogue.anchor("cost", COSTS[records])
    return Entry(
        number=row["number"],
        measured=row["statistic"],
        judged=verdicts.judged([row])[0],
        paper=takeaways.paper(row),
        n="" if row["n"] is None else f"n = {row['n']:g}",
        figure=anchor,
    )
