"""The paper's Table 1 beside measured results, and the published numbers as text."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.analysis.results import Results, Row, arm_key
from pipeline.paper import published
from pipeline.report.text.wording import UNKNOWN, label, percent, plural, sentence

TITLES = {"mnist": "MNIST", "cifar10": "CIFAR10", "nistp": "NISTP", "norb": "NORB"}


@dataclass(frozen=True)
class Cell:
    """One cell of Table 1: our mean and half its interval, in percent, and the paper's error."""

    here: str
    margin: str
    paper: str


@dataclass(frozen=True)
class DatasetCells:
    """One dataset of Table 1: its name, how it was run, and its cells by column."""

    title: str
    run: str
    cells: list[Cell]


def starred(number: published.Number | None, digits: int = 2, sign: str = "") -> str:
    """Return a published share in percent, with a star where there is no second source for it."""
    if number is None:
        return ""
    return percent(number.value, digits) + sign + ("*" if number.mark == "M" else "")


def table_1(results: Sequence[Results]) -> tuple[list[str], list[DatasetCells]]:
    """Return the names of the columns and a row a dataset: the paper's four, then all but texts."""
    arms = list(dict.fromkeys((key[1], key[2]) for key in published.TABLE_1))
    by_name = {one.dataset: one for one in results if not one.of_texts}
    columns = [*(sentence(label(*arm)) for arm in arms), "Sparsity of random rectifier"]
    return columns, [_cells(name, by_name.get(name), arms) for name in {**TITLES, **by_name}]


def _cells(dataset: str, results: Results | None, arms: Sequence[tuple[str, str]]) -> DatasetCells:
    rows = {arm_key(row): row for row in results.table} if results else {}
    cells = [_cell(rows.get("-".join(arm)), published.TABLE_1.get((dataset, *arm))) for arm in arms]
    sparse = rows.get("rectifier-random")
    zeros = percent(sparse["zeros_mean"] if sparse else None, 1)
    cells.append(Cell(zeros, "", starred(published.ZEROS.get(dataset), 1)))
    return DatasetCells(TITLES.get(dataset, dataset), _run(results), cells)


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
