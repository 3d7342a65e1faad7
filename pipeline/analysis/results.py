"""Results of one dataset, as read from results/<dataset>/."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.criterion import Criterion, measure_of
from pipeline.runtime import storage

Row = dict[str, Any]  # cells by column: text, number, true or false, list of numbers, or None

# Columns that hold words, or numbers joined by spaces; all others hold one number or true/false.
# Those of a single experiment or probe are declared with its claims (`claims.groups.Records`).
WORDS = {
    *("dataset", "activation", "initialization", "first", "second", "baseline", "predictor"),
    *("key", "number", "claim", "source", "mark", "paper_mark", "records", "statistic", "unit"),
    *("rule", "verdict", "reason", "pretrain_diverged"),
}
LISTS = {
    *("pretrain_learning_rates", "zeros_by_layer", "diverged"),
    *("dead_by_epoch", "gradient_norms"),
}


@dataclass(frozen=True)
class Results:
    """Output of the stages compare, preprocess and baseline for one dataset; shares are fractions.

    `card` and `samples` come from preprocess; None and {} without its files. `baselines` are the
    rows of baselines.csv, `official` those of official.csv; none without that file.
    """

    table: list[Row]
    runs: list[Row]
    tests: list[Row]
    curves: dict[str, Any]
    protocol: dict[str, Any]
    filters: Mapping[str, NDArray[np.float16]]
    shape: tuple[int, ...]
    card: dict[str, Any] | None = None
    samples: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    baselines: list[Row] = field(default_factory=list)
    official: list[Row] = field(default_factory=list)

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return str(self.protocol["dataset"])

    @property
    def measure(self) -> Criterion:
        """The ranking criterion of its arms."""
        return measure_of(self.protocol)

    @property
    def of_texts(self) -> bool:
        """Whether its examples are texts, by its card."""
        return bool(self.card and self.card.get("text"))

    @property
    def folds(self) -> int | None:
        """The number of folds of which each seed holds out one; None for one split for all."""
        return folds_of(self.card)


def read(folder: Path, *, figures: bool = True) -> Results:
    """Read results/<dataset>/. Raises Problem that names the first file absent or broken.

    Without `figures`, files that only figures need and git does not keep are left out: curves,
    filters and samples.
    """
    arrays = (
        _read_arrays(folder / "filters.npz", "shape") if figures else {"shape": np.array([], int)}
    )
    card, samples = read_card(folder, figures=figures)
    table, runs = (read_table(folder / f"{name}.csv") for name in ("table", "runs"))
    protocol = storage.read_json(folder / "protocol.json")
    if len(runs) != len(table) * protocol["seeds"]:
        what = (
            f"{len(runs)} rows for {len(table)} arms in table.csv, {protocol['seeds']} seeds each"
        )
        raise storage.unreadable(folder / "runs.csv", ValueError(what))
    return Results(
        table=table,
        runs=runs,
        tests=read_table(folder / "tests.csv"),
        curves=storage.read_json(folder / "curves.json") if figures else {},
        protocol=protocol,
        filters={key: array for key, array in arrays.items() if key != "shape"},
        shape=tuple(int(length) for length in arrays["shape"]),
        card=card,
        samples=samples,
        baselines=_rows_if_any(folder / "baselines.csv"),
        official=_rows_if_any(folder / "official.csv"),
    )


def _rows_if_any(path: Path) -> list[Row]:
    return read_table(path) if path.exists() else []


def read_card(
    folder: Path, *, figures: bool = True
) -> tuple[dict[str, Any] | None, dict[str, NDArray[Any]]]:
    """Read the data card of results/<dataset>/ and its samples; None and {} without these files.

    Raises Problem for a broken file.
    """
    card, samples = folder / "card.json", folder / "samples.npz"
    return (
        storage.read_json(card) if card.exists() else None,
        _read_arrays(samples, "x") if figures and samples.exists() else {},
    )


def folds_of(card: Mapping[str, Any] | None) -> int | None:
    """Return the number of cross-validation folds, from the card; None for one split."""
    folds: int | None = card["options"].get("folds") if card else None
    return folds


def arm_key(row: Row) -> str:
    """Return the arm's key from a row of table.csv or runs.csv, e.g. `rectifier-random`."""
    return f"{row['activation']}-{row['initialization']}"


def read_table(path: Path, words: Sequence[str] = (), lists: Sequence[str] = ()) -> list[Row]:
    """Read a CSV file of results/ or claims/. Raises Problem where it is absent or broken.

    `words` and `lists` name columns that hold words, or numbers joined by spaces, besides the
    common ones.
    """
    try:
        text = path.read_text("utf-8")
        if not text.endswith("\n"):
            raise ValueError("its last line is cut")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        if any(None in row or None in row.values() for row in rows):
            raise ValueError("a row and the header differ in the number of cells")
        kinds = dict.fromkeys({*WORDS, *words}, str) | dict.fromkeys({*LISTS, *lists}, _numbers)
        return [
            {column: kinds.get(column, _number)(text) for column, text in row.items()}
            for row in rows
        ]
    except (FileNotFoundError, ValueError) as error:
        raise storage.unreadable(path, error) from error


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split()]


def _number(text: str) -> float | bool | None:
    if text in {"true", "false"}:
        return text == "true"
    return float(text) if text else None


def _read_arrays(path: Path, needed: str) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {needed: file[needed]} | {key: file[key] for key in file.files}
    except (FileNotFoundError, ValueError, KeyError, BadZipFile) as error:
        raise storage.unreadable(path, error) from error
