"""The generated parts of README files: numbers from results/, words from dvc.yaml, never typed."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pipeline.analysis import baselines
from pipeline.analysis.criterion import ERROR, RMSE, Criterion
from pipeline.analysis.results import Results, Row
from pipeline.config.params import Compare
from pipeline.report.text import summary, verdicts, wording
from pipeline.report.text.protocol import tested_on

BLOCK = re.compile(r"(<!-- begin: (?P<name>[^>]+?) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL)
SHARES = {"zeros": "zeros", "dead units": "dead_units"}


def refresh(text: str, blocks: Mapping[str, str]) -> str:
    """Return a text whose marked blocks hold their content; a block without one stays as it is.

    >>> refresh("<!-- begin: n -->\\n1\\n<!-- end: n -->", {"n": "2"})
    '<!-- begin: n -->\\n2\\n<!-- end: n -->'
    """

    def content(match: re.Match[str]) -> str:
        block = blocks.get(match["name"])
        return match[0] if block is None else f"{match[1]}{block}\n{match[3]}"

    return BLOCK.sub(content, text)


def comparison(results: Results) -> str:
    """Return a dataset's table in Markdown, what it says in a sentence, and how it was made."""
    columns = _columns(results)
    head = " | ".join([results.dataset, *(name for name, _ in columns)])
    arms = [(wording.spoken(row), row) for row in results.table]
    beaten = [(row["name"], row) for row in baselines.table(results)]
    rows = [
        " | ".join([name, *(cell(row) for _, cell in columns)]) for name, row in [*arms, *beaten]
    ]
    table = [f"| {row} |" for row in [head, *rows]]
    table.insert(1, "|---" * (len(columns) + 1) + "|")
    says = [
        summary.answer(results),
        *summary.standing(results),
        summary.against_baseline(results) or "",
    ]
    small = " ".join([_made(results), *([summary.baselines_note(results) or ""] if beaten else [])])
    return "\n".join([*table, "", " ".join(filter(None, says)), "", f"<sub>{small}</sub>"])


def _columns(results: Results) -> list[tuple[str, Callable[[Row], str]]]:
    """Return the columns of a dataset's table, each with what makes its cell from a row.

    Texts are not in the paper's Table 1. A baseline has no zeros and no dead units.
    """
    columns = [
        (f"{what.name}{', stars' if what is RMSE else ''}, here", partial(_with_margin, what))
        for what in dict.fromkeys((results.measure, ERROR))
    ]
    if not results.of_texts:
        columns.insert(0, ("test error, paper", partial(_share, "paper_test_error", 2)))
    zeros = [(name, partial(_share, f"{key}_mean", 1)) for name, key in SHARES.items()]
    return [*columns, *zeros]


def _with_margin(what: Criterion, row: Row) -> str:
    if what.ends(row) is None:
        return what.shown(what.mean(row))
    return f"{what.shown(what.mean(row))} ± {what.margin(row)} (n = {row['seeds']:g})"


def _share(column: str, digits: int, row: Row) -> str:
    return wording.percent(row[column], digits) if column in row else ""


def _made(results: Results) -> str:
    """Return how a dataset's table was made."""
    protocol = results.protocol
    confidence = wording.percent(protocol["confidence"], 0)
    grid = ", ".join(f"{rate:g}" for rate in protocol["finetune"]["learning_rates"])
    units = "in %" if results.measure is ERROR else "RMSE in stars, else in %"
    text = (
        f"Mean ± half of the {confidence}% interval over n = {protocol['seeds']} paired seeds,"
        f" {units}, on {tested_on(results, 'test examples')}. Selection: {protocol['selection']};"
        f" learning rates {grid}, at most {wording.epochs(protocol['finetune'])}."
    )
    if results.folds:
        text += " Training parts of folds overlap: the intervals are somewhat too narrow."
    if 0 in summary.layers(results).values():
        text += " Zeros of an arm without hidden layers are those of its inputs."
    return text


def claims(dataset: str, judged: Sequence[Row], compare: Compare) -> str:
    """Return a dataset's claims with their verdicts in Markdown: those whose records are here."""
    tested = [row for row in judged if row["estimate"] is not None]
    others = len(judged) - len(tested)
    small = (
        f"{verdicts.count(tested)}, on {dataset}. Each verdict follows from a rule fixed in the"
        " code (`pipeline/analysis/claims_of_*.py`) and an interval widened by Holm's correction at"
        f" {compare.significance}; `claims/{dataset}/claims.csv` has the rules, margins, numbers of"
        " seeds and deciding intervals."
    )
    if others:
        small += f" {others} other {wording.plural(others, 'claim')} lack records on this dataset."
    return f"{verdicts.markdown(tested, compare.confidence)}\n\n<sub>{small}</sub>"


def claims_in_short(dataset: str, judged: Sequence[Row]) -> str:
    """Return a dataset's verdicts in three paragraphs: each claim by its key, with what was found.

    Claims whose records are not here are left out.
    """
    tested = [row for row in judged if row["estimate"] is not None]
    parts = [f"{verdicts.count(tested)}, on {dataset}."]
    for verdict in verdicts.VERDICTS:
        mine = [row for row in tested if row["verdict"] == verdict]
        told = "; ".join(f"{row['key'].replace('-', ' ')} ({verdicts.here(row)})" for row in mine)
        if mine:
            parts.append(f"**{wording.sentence(verdict)}**: {told}.")
    return "\n\n".join(parts)


def datasets(catalogued: Sequence[tuple[str, str, str]]) -> str:
    """Return the table of datasets from their names, titles and sizes to download."""
    rows = [f"| `{name}` | {title} | {download} |" for name, title, download in catalogued]
    return "\n".join(["| dataset | what it is | download |", "|---|---|---|", *rows])


def experiments(questions: Mapping[str, str]) -> str:
    """Return the table of experiments from their names and questions."""
    rows = [f"| `{name}` | {question} |" for name, question in questions.items()]
    return "\n".join(["| experiment | question |", "|---|---|", *rows])


def stages(described: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of stages from dvc.yaml's `stages`."""
    rows = [f"| `{name}` | {stage['desc']} |" for name, stage in described.items()]
    return "\n".join(["| stage | what it does |", "|---|---|", *rows])
