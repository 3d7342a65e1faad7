"""Figures of the claims page: every module of this package that exports `FIGURES`, in one loop.

The module's name is that of its experiment or probe, and of the table that it draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from pipeline.analysis.results import Row
from pipeline.report import figures
from pipeline.report.figures.plot import Picture, Plot, picture
from pipeline.report.figures.table import Numbers, Table
from pipeline.report.text.wording import UNKNOWN
from pipeline.runtime import storage


def _plots() -> dict[str, tuple[Plot, ...]]:
    names = {module.name for module in iter_modules(figures.__path__)} - {"catalogue"}
    modules = {name: import_module(f"pipeline.report.figures.{name}") for name in sorted(names)}
    return {name: module.FIGURES for name, module in modules.items() if hasattr(module, "FIGURES")}


PLOTS = _plots()


def anchor(dataset: str, table: str) -> str:
    """Return the anchor on the page of the first figure of a dataset's table.

    >>> anchor("digits", "sparsity")
    'digits-sparsity'
    """
    return f"{dataset}-{table}"


def pictures(tables: Mapping[str, Table]) -> list[Picture]:
    """Return the figures of these tables, in their order; the paper's figures are not among them.

    The first figure of a table is the target of links.
    """
    drawn = []
    for name, table in tables.items():
        plots = [plot for plot in PLOTS.get(name, ()) if plot.paper is None]
        drawn += [_picture(name, plot, table, first=plot is plots[0]) for plot in plots]
    return drawn


def _picture(name: str, plot: Plot, table: Table, *, first: bool, title: str = "") -> Picture:
    return picture(
        title or plot.question,
        plot.draw,
        table,
        plot.caption(table),
        numbers=plot.numbers(table) if plot.numbers else None,
        anchor=anchor(table.dataset, name) if first else "",
    )


@dataclass(frozen=True)
class DrawnPaperFigure:
    """A figure of the paper drawn from records: its place in the paper, numbers, pictures."""

    place: str
    about: str
    datasets: list[str]
    numbers: Numbers
    pictures: list[Picture]


def paper_figures(tables: Sequence[Mapping[str, Table]]) -> list[DrawnPaperFigure]:
    """Return the paper's figures that some dataset has records of: figures, then sections."""
    plots = [
        (name, plot) for name, group in PLOTS.items() for plot in group if plot.paper is not None
    ]
    drawn = [
        _paper_figure(name, plot, [by[name] for by in tables if name in by]) for name, plot in plots
    ]
    return sorted((one for one in drawn if one is not None), key=lambda one: one.place)


def drawn_once(name: str) -> bool:
    """Return whether the page has the figures of a table for its first dataset alone."""
    plots: Sequence[Plot] = PLOTS.get(name, ())
    return bool(plots) and all(plot.paper is not None and plot.paper.alike for plot in plots)


def _paper_figure(name: str, plot: Plot, tables: Sequence[Table]) -> DrawnPaperFigure | None:
    paper = plot.paper
    if not tables or paper is None:
        return None
    tables = tables[:1] if paper.alike else tables
    here = [paper.lines(table) for table in tables]
    names = dict.fromkeys([*paper.numbers, *(name for lines in here for name in lines)])
    head = ("", "Paper", *("Here" if paper.alike else table.dataset for table in tables))
    rows = [
        (line, paper.numbers.get(line, UNKNOWN), *(lines.get(line, UNKNOWN) for lines in here))
        for line in names
    ]
    return DrawnPaperFigure(
        paper.place,
        paper.about,
        [table.dataset for table in tables],
        [head, *rows],
        [
            _picture(
                name, plot, table, first=True,
                title=plot.question if paper.alike else f"{plot.question} On {table.dataset}",
            )
            for table in tables
        ],
    )  # fmt: skip


def checked(name: str, path: Path, dataset: str, rows: Sequence[Row], confidence: float) -> Table:
    """Return rows as a Table, with the columns that the figures of this name need, if any.

    Raises Problem where there are no rows, or where they lack such a column.
    """
    if not rows:
        raise storage.unreadable(path, ValueError("it has no rows"))
    needed = {column for plot in PLOTS.get(name, ()) for column in plot.needs.split()}
    if absent := sorted(needed - rows[0].keys()):
        raise storage.unreadable(path, ValueError(f"it has no column {', '.join(absent)}"))
    return Table(dataset, rows, confidence)
