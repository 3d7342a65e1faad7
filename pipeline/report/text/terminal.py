"""Text for the terminal: predictions of new texts, and the table of the arms."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.analysis.results import Row
from pipeline.report.text.wording import name, percent
from pipeline.runtime import storage

if TYPE_CHECKING:
    from pipeline.evaluation.prediction import Prediction

SHOWN = 70  # characters of a text that identify it
HEAD = ("dataset", "arm", "test error", "interval", "n", "sparsity")


def prediction_as_json(text: str, prediction: "Prediction", seed: int) -> str:
    """Return one line of JSON: the whole text, the seed of the network, the prediction."""
    record = {"text": text, "seed": seed} | prediction.record()
    return json.dumps(storage.finite(record), allow_nan=False)


def prediction_as_text(text: str, prediction: "Prediction", seed: int) -> str:
    """Return a paragraph: the beginning of the text, then the prediction."""
    chances = ", ".join(f"{name}: {100 * p:.1f}%" for name, p in prediction.probabilities.items())
    lines = [_beginning(text)]
    lines += [f"  predicted: {prediction.predicted} ({chances}; network of seed {seed})"]
    if prediction.stars is not None:
        lines += [f"  expected stars: {prediction.stars:.2f}"]
    if not prediction.known:
        lines += ["  no term is in the vocabulary: this is the prediction for an empty text"]
    if prediction.terms:
        lines += [f"  terms, with the amount by which each raises the {prediction.effect_on}:"]
        lines += [f"    {effect:+8.3f}  {term}" for term, effect in prediction.terms]
    lines += [f"  terms in the vocabulary: {prediction.known}, not in it: {prediction.unknown}", ""]
    return "\n".join(lines)


def _beginning(text: str) -> str:
    """Return the first characters on one line, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * SHOWN]).split())
    return line if len(line) <= SHOWN and len(text) <= 4 * SHOWN else f"{line[:SHOWN]}..."


def arms_table(rows: Sequence[Row], confidence: float) -> str:
    """Return rows of table.csv as aligned text: test error with its interval and n, sparsity.

    `n` is the number of seeds. A failed arm has dashes.
    """
    cells = [
        (
            row["dataset"],
            name(row),
            _percent(row["test_error_mean"]),
            f"{_percent(row['test_error_low'])} to {_percent(row['test_error_high'])}",
            f"{row['seeds']:g}",
            _percent(row["zeros_mean"], 0),
        )
        for row in rows
    ]
    head = (*HEAD[:3], f"{percent(confidence, 0)}% {HEAD[3]}", *HEAD[4:])
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (head, *cells)
    )


def _percent(share: float | None, digits: int = 2) -> str:
    return "-" if share is None else f"{percent(share, digits)}%"
