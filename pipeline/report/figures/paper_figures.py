"""The paper's tables and figures, redrawn from our records beside its own numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.analysis.results import Results, Row, arm_key
from pipeline.claims.hardness import HARDNESS
from pipeline.claims.labels import FIGURE_4
from pipeline.claims.sparsity import HARMLESS, MOST_L1, NETWORKS
from pipeline.paper import published
from pipeline.report.figures import catalogue
from pipeline.report.figures.conditions import Table
from pipeline.report.figures.experiment_captions import gains_of_pretraining, gap, shown
from pipeline.report.figures.experiment_plots import broken
from pipeline.report.figures.html_figures import Picture
from pipeline.report.text import summary
from pipeline.report.text.names import label
from pipeline.report.text.summary import UNKNOWN, percent, plural

Tables = Mapping[str, Table]
TITLES = {"mnist": "MNIST", "cifar10": "CIFAR10", "nistp": "NISTP", "norb": "NORB"}


@dataclass(frozen=True)
class Line:
    """One line of numbers: what it is, what the paper has, what each dataset has here."""

    what: str
    paper: str
    here: list[str]


@dataclass(frozen=True)
class Redrawn:
    """One figure of the paper: where it is there, what it shows, numbers, and our drawings."""

    place: str
    about: str
    datasets: list[str]
    lines: list[Line]
    pictures: list[Picture]


@dataclass(frozen=True)
class Cell:
    """One cell of Table 1: our mean and half its interval, in percent, and the paper's error."""

    here: str
    margin: str
    paper: str


@dataclass(frozen=True)
class Column:
    """One dataset of Table 1: its name, how it was run, and its cells by row."""

    title: str
    run: str
    cells: list[Cell]


def starred(number: published.Number | None, digits: int = 2, sign: str = "") -> str:
    """Return a published share in percent, with a star where no second source is at hand."""
    if number is None:
        return ""
    return percent(number.value, digits) + sign + ("*" if number.mark == "M" else "")


def table_1(results: Sequence[Results]) -> tuple[list[str], list[Column]]:
    """Return the rows' names and the columns: the paper's four datasets, then those it has not."""
    arms = list(dict.fromkeys((key[1], key[2]) for key in published.TABLE_1))
    found = {each.dataset: each for each in results}
    names = [*TITLES, *(dataset for dataset in found if dataset not in TITLES)]
    rows = [summary.sentence(label(*arm)) for arm in arms]
    rows.append("Exact zeros of random rectifier")
    return rows, [_column(name, found.get(name), arms) for name in names]


def _column(dataset: str, results: Results | None, arms: Sequence[tuple[str, str]]) -> Column:
    rows = {arm_key(row): row for row in results.table} if results else {}
    cells = [_cell(rows.get("-".join(arm)), published.TABLE_1.get((dataset, *arm))) for arm in arms]
    sparse = rows.get("rectifier-random")
    zeros = percent(sparse["zeros_mean"] if sparse else None, 1)
    cells.append(Cell(zeros, "", starred(published.ZEROS.get(dataset), 1)))
    return Column(TITLES.get(dataset, dataset), _run(results), cells)


def _cell(row: Row | None, paper: published.Number | None) -> Cell:
    if row is None:
        return Cell(UNKNOWN, "", starred(paper))
    low, high = row["test_error_low"], row["test_error_high"]
    margin = "" if low is None else f"± {percent((high - low) / 2)}"
    return Cell(percent(row["test_error_mean"]), margin, starred(paper))


def _run(results: Results | None) -> str:
    if results is None:
        return "not run"
    seeds = results.protocol["seeds"]
    return f"{seeds} {plural(seeds, 'seed')}, {results.protocol['finetune']['epochs']} epochs"


def figures(tables: Sequence[Tables]) -> list[Redrawn]:
    """Return the paper's figures that some dataset has records of, in the paper's order."""
    found = []
    for place, (name, about, lines) in PLACES.items():
        mine = [each[name] for each in tables if name in each]
        drawn = mine[:1] if name in catalogue.ALIKE else mine
        pictures = [
            picture
            for table in drawn
            for picture in catalogue.pictures({name: table}, redrawn=True)
        ]
        if mine:
            datasets = [table.dataset for table in drawn]
            found.append(Redrawn(place, about, datasets, lines(drawn), pictures))
    return found


def _neuron(tables: Sequence[Table]) -> list[Line]:
    table = tables[0]
    misfits = {
        name: [row["misfit"] for row in table.where(activation=name).rows]
        for name in table.levels("activation")
    }
    return [
        Line(
            f"Misfit of the {name}",
            UNKNOWN,
            [f"{percent(min(found), 1)} to {percent(max(found), 1)}% of the highest rate"],
        )
        for name, found in misfits.items()
    ]


def _sparsity(tables: Sequence[Table]) -> list[Line]:
    networks, most = NETWORKS, MOST_L1
    ends = " to almost ".join(percent(end, 0) for end in HARMLESS[:2])
    return [
        Line("Networks", f"{networks[0]}*", [f"{len(table.rows)}" for table in tables]),
        Line("Largest L1 penalty", f"{most[0]:g}*",
             [f"{max(row['l1'] for row in table.rows):g}" for table in tables]),
        Line("Zeros up to which errors stay level", f"{ends}%", [_break(t) for t in tables]),
    ]  # fmt: skip


def _break(table: Table) -> str:
    found = broken(table)
    if found is None:
        return "not fitted"
    if found.slope <= 0:
        most = max(row["zeros"] for row in table.rows if row["zeros"] is not None)
        return f"no rise up to {percent(most, 1)}%"
    low, high = found.interval(table.confidence)
    return f"{percent(found.value, 1)}% ({percent(low, 1)} to {percent(high, 1)})"


def _hardness(tables: Sequence[Table]) -> list[Line]:
    alphas = sorted({alpha for table in tables for alpha in table.levels("alpha")} | {*HARDNESS})
    return [
        Line(
            "Rectifier" if math.isinf(alpha) else f"\N{GREEK SMALL LETTER ALPHA} = {alpha:g}",
            starred(HARDNESS[alpha], sign="%") if alpha in HARDNESS else UNKNOWN,
            [shown(table.where(alpha=alpha).point()) if alpha in table.levels("alpha") else UNKNOWN
             for table in tables],
        )
        for alpha in alphas
    ]  # fmt: skip


def _labels(tables: Sequence[Table]) -> list[Line]:
    lines = []
    for activation, words in FIGURE_4.items():
        gains = [gains_of_pretraining(table.where(activation=activation)) for table in tables]
        picks = zip((min, max), ("few labels", "all labels"), words, strict=True)
        for pick, which, paper in picks:
            here = [
                f"{gap(each[pick(each)])} at {percent(pick(each), 0)}%" if each else UNKNOWN
                for each in gains
            ]
            lines.append(Line(f"{summary.sentence(activation)}, {which}", paper, here))
    return lines


PLACES: dict[str, tuple[str, str, Callable[[Sequence[Table]], list[Line]]]] = {
    "Figure 2": (
        "neuron",
        "Firing rate of a leaky integrate-and-fire neuron, and the units fitted to it, at all "
        "refractory periods and ranges of rates tried. The paper's figure has no numbers.",
        _neuron,
    ),
    "Figure 3": (
        "sparsity",
        "Test error against zeros, many networks without pre-training; the paper's on MNIST.",
        _sparsity,
    ),
    "Section 4.1, softplus of growing hardness": (
        "hardness",
        "Test error of (1/\N{GREEK SMALL LETTER ALPHA}) log(1 + exp(\N{GREEK SMALL LETTER ALPHA}z))"
        "; the paper's on NORB.",
        _hardness,
    ),
    "Figure 4": (
        "labels",
        "What pre-training changes about the test error, in points, by the share of the labels; "
        "the paper's on NORB, its numbers only in the figure.",
        _labels,
    ),
}
