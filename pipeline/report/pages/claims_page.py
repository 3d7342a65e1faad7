"""Claims page: each claim of the paper with its verdict, and the figures behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.analysis.results import Results, Row
from pipeline.claims.sparse_products import CPU, CUDA
from pipeline.report.figures import catalogue, paper_tables, sparse_products
from pipeline.report.figures.plot import Picture, picture
from pipeline.report.figures.sparse_products import Cost
from pipeline.report.figures.table import Table
from pipeline.report.pages.render import render
from pipeline.report.text import verdicts
from pipeline.report.text.verdicts import JudgedClaim
from pipeline.report.text.wording import UNKNOWN, percent

DEVICES = {"cpu": "CPU", "cuda": "GPU"}
COSTS = {CPU: "cpu", CUDA: "cuda"}


@dataclass(frozen=True)
class Tested:
    """Claims and records of one dataset: the rows of claims.csv, and the tables by name."""

    dataset: str
    claims: Sequence[Row]
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class Entry:
    """One claim of the page's table; `figure` is the anchor of its figure, or empty."""

    number: str
    judged: JudgedClaim
    measured: str
    paper: str
    n: str
    figure: str


@dataclass(frozen=True)
class Section:
    """One dataset's part of the page; `untested` are claims without an estimate, with the reason.

    Figures are in the order of the claims.
    """

    dataset: str
    headline: str
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

    `results` are the comparisons of arms for Table 1; `cost` is cost.json.
    """
    columns, table_1 = paper_tables.table_1(results)
    homes = {name: one.dataset for one in reversed(tested) for name in one.tables
             if catalogue.drawn_once(name)}  # fmt: skip
    return render(
        "claims.html",
        sections=[_section(one, homes, confidence) for one in tested],
        columns=columns,
        datasets=table_1,
        without_rule=_without_rule(tested),
        costs=[_cost(device, times) for device, times in sorted(cost.items())],
        paper_figures=catalogue.paper_figures([one.tables for one in tested]),
        significance=significance,
        unknown=UNKNOWN,
    )


def _cost(device: str, times: Mapping[str, Any]) -> Picture:
    measured = Cost(times["products"], times["units"], times["machine"])
    return picture(
        f"Do zeros save computation on a {DEVICES.get(device, device)}?",
        sparse_products.cost,
        measured,
        sparse_products.caption(measured),
        numbers=sparse_products.speeds(measured),
        anchor=catalogue.anchor("cost", device),
    )


def _without_rule(tested: Sequence[Tested]) -> list[Entry]:
    """Return the claims that have no rule: the same whatever the dataset."""
    return [_entry(row, one, {}) for one in tested[:1] for row in one.claims if not row["records"]]


def _section(tested: Tested, homes: Mapping[str, str], confidence: float) -> Section:
    """Return a dataset's section; `homes` has the dataset of each figure that is drawn once."""
    estimated = [row for row in tested.claims if row["estimate"] is not None]
    untested = [row for row in tested.claims if row["records"] and row["estimate"] is None]
    names = dict.fromkeys([*(row["records"] for row in tested.claims), *sorted(tested.tables)])
    tables = {name: tested.tables[name] for name in names if name in tested.tables}
    return Section(
        dataset=tested.dataset,
        headline=verdicts.headline(tested.dataset, estimated),
        entries=[_entry(row, tested, homes) for row in estimated],
        untested=[_entry(row, tested, homes) for row in untested],
        pictures=catalogue.pictures(tables),
        confidence=percent(confidence, 0),
    )


def _entry(row: Row, tested: Tested, homes: Mapping[str, str]) -> Entry:
    records = row["records"]
    drawn = records in catalogue.PLOTS and records in tested.tables
    anchor = catalogue.anchor(homes.get(records, tested.dataset), records) if drawn else ""
    if row["estimate"] is not None and records in COSTS:
        anchor = catalogue.anchor("cost", COSTS[records])
    return Entry(
        number=row["number"],
        judged=verdicts.judged([row])[0],
        measured=row["statistic"],
        paper=verdicts.paper(row),
        n="" if row["n"] is None else f"n = {row['n']:g}",
        figure=anchor,
    )
