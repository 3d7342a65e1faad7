"""The report: one HTML page that holds everything and loads nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.analysis.results import Results, Row, arm_key
from pipeline.report import captions, data, findings, mosaics, pictures, plots
from pipeline.report.findings import percent, plural
from pipeline.report.pictures import Picture


@dataclass(frozen=True)
class Section:
    """One dataset's part of the page."""

    results: Results
    pictures: list[Picture]
    conditions: list[tuple[str, str]]
    data: data.Data | None


FIGURES: list[tuple[str, plots.Draw, Callable[[Results], str]]] = [
    ("Test error by arm", plots.errors_by_arm, captions.errors_by_arm),
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
        margin=margin,
        span=span,
        size=data.size,
    )


def margin(row: Row) -> str:
    """Return half the width of a row's interval in percent, a dash where it has none."""
    low, high = row["test_error_low"], row["test_error_high"]
    return percent(None if low is None else (high - low) / 2)


def span(test: Row) -> str:
    """Return the interval of a row of tests.csv in points, in brackets; empty where it has none."""
    return "" if test["low"] is None else f"({percent(test['low'])} to {percent(test['high'])})"


def _section(results: Results) -> Section:
    shown = FIGURES if results.filters and mosaics.drawable(results.shape) else FIGURES[:-1]
    drawn = [
        pictures.picture(title, draw, results, caption(results)) for title, draw, caption in shown
    ]
    return Section(results, drawn, _conditions(results.protocol), data.data(results))


def _conditions(protocol: dict[str, Any]) -> list[tuple[str, str]]:
    seeds, n = protocol["seeds"], protocol["test_examples"]
    l1 = ", ".join(f"{activation} {value:g}" for activation, value in protocol["l1"].items())
    items = [
        ("Selection", protocol["selection"]),
        (
            "Seeds",
            f"{seeds}, each a full repetition, tuning included; the same seed has the same "
            "starting weights, mini-batch order and corruption noise in every arm",
        ),
        ("Test split", f"{n} examples{_one_run(protocol)}"),
        ("Hidden layers", ", ".join(map(str, protocol["hidden"])) + " units"),
        ("Fine-tuning", _schedule(protocol["finetune"])),
        ("L1 on hidden outputs", l1),
    ]
    if (pretrain := protocol["pretrain"]) is not None:
        tied = "tied" if pretrain["tied"] else "separate"
        noise = (
            f"{percent(pretrain['corruption'], 0)}% of the inputs masked, {tied} decoder weights"
        )
        items.append(("Pre-training", f"{_schedule(pretrain)}; {noise}"))
    return items


def _one_run(protocol: dict[str, Any]) -> str:
    error = protocol["binomial_standard_error"]
    if error is None:
        return ""
    return (
        f"; the binomial standard error of one network's test error is {percent(error)} points "
        "at the mean error of the arms"
    )


def _schedule(schedule: dict[str, Any]) -> str:
    rates = ", ".join(f"{rate:g}" for rate in schedule["learning_rates"])
    return (
        f"learning rates {rates}; mini-batches of {schedule['batch_size']}; at most "
        f"{findings.epochs(schedule)}, stopped after {schedule['patience']} without a better one"
    )
