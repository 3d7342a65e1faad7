"""The generated parts of README files: numbers from results/, words from dvc.yaml, never typed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.analysis.results import Results, Row
from pipeline.params import Compare
from pipeline.report import findings, verdicts

BLOCK = re.compile(r"(<!-- begin: (?P<name>[^>]+?) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL)


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
    protocol = results.protocol
    head = f"| {results.dataset} | test error, paper | test error, here | zeros | dead units |"
    rows = [head, "|---|---|---|---|---|", *(_row(row) for row in results.table)]
    confidence = findings.percent(protocol["confidence"], 0)
    grid = ", ".join(f"{rate:g}" for rate in protocol["finetune"]["learning_rates"])
    small = (
        f"Mean ± half of the {confidence}% interval over n = {protocol['seeds']} paired seeds,"
        f" in %, on {protocol['test_examples']} test examples. Selection: {protocol['selection']};"
        f" learning rates {grid}, at most {findings.epochs(protocol['finetune'])}."
    )
    says = " ".join([findings.answer(results), *findings.standing(results)])
    return "\n".join([*rows, "", says, "", f"<sub>{small}</sub>"])


def _row(row: Row) -> str:
    low, high = row["test_error_low"], row["test_error_high"]
    error = findings.percent(row["test_error_mean"])
    if low is not None:
        error += f" ± {findings.percent((high - low) / 2)} (n = {row['seeds']:g})"
    paper = findings.percent(row["paper_test_error"])
    zeros = findings.percent(row["zeros_mean"], 1)
    dead = findings.percent(row["dead_units_mean"], 1)
    return f"| {findings.spoken(row)} | {paper} | {error} | {zeros} | {dead} |"


def claims(dataset: str, judged: Sequence[Row], compare: Compare) -> str:
    """Return a dataset's claims with their verdicts in Markdown: those whose records are here."""
    tested = [row for row in judged if row["estimate"] is not None]
    others = sum(row["estimate"] is None and bool(row["records"]) for row in judged)
    small = (
        f"{verdicts.count(tested)}, on {dataset}. Each verdict follows from a rule fixed in the"
        " code (`pipeline/analysis/claims_of_*.py`) and an interval widened by Holm's correction at"
        f" {compare.significance}; `claims/{dataset}/claims.csv` has the rules, margins, numbers of"
        " seeds and deciding intervals."
    )
    if others:
        small += f" {others} other {findings.plural(others, 'claim')} lack records on this dataset."
    told = [
        verdicts.markdown(tested, compare.confidence),
        *_elsewhere(judged),
        f"<sub>{small}</sub>",
    ]
    return "\n\n".join(told)


def _elsewhere(judged: Sequence[Row]) -> list[str]:
    """Return one paragraph that names the claims without a rule, with what they need."""
    lines = [
        f"- {row['number']}: {row['claim']} {row['reason']}" for row in judged if not row["records"]
    ]
    return ["\n".join(["**Not tested**:", "", *lines])] if lines else []


def claims_in_short(dataset: str, judged: Sequence[Row]) -> str:
    """Return a dataset's verdicts in a few paragraphs: each claim by its key, with what was found.

    Claims without records are named last.
    """
    tested = [row for row in judged if row["estimate"] is not None]
    parts = [f"{verdicts.count(tested)}, on {dataset}."]
    for verdict in verdicts.VERDICTS:
        mine = [row for row in tested if row["verdict"] == verdict]
        told = "; ".join(f"{row['key'].replace('-', ' ')} ({verdicts.here(row)})" for row in mine)
        if mine:
            parts.append(f"**{findings.sentence(verdict)}**: {told}.")
    untested = [row["key"].replace("-", " ") for row in judged if row["estimate"] is None]
    if untested:
        parts.append(f"**Not tested**: {'; '.join(untested)}.")
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


def speed(bench: Mapping[str, Any]) -> str:
    """Return the tables of a benchmark, results/bench.json."""
    machine = bench["machine"]
    rows = ["| size | contender | ms a net-step [quartiles] | times eager |", "|---|---|---|---|"]
    for size, contenders in bench["net_steps"].items():
        for name, row in contenders.items():
            quartiles = f"[{row['first_quartile']:.3f}, {row['third_quartile']:.3f}]"
            time = f"{row['ms_per_net_step']:.3f} {quartiles}"
            rows.append(f"| {size} | {name} | {time} | {row['times_the_speed_of_eager']:.1f} |")
    rows += ["", "| recipe of the generator | images a second [quartiles] |", "|---|---|"]
    for recipe, row in bench["images"].items():
        quartiles = f"[{row['first_quartile']:,.0f}, {row['third_quartile']:,.0f}]"
        rows.append(f"| {recipe} | {row['images_per_second']:,.0f} {quartiles} |")
    small = f"{machine['cores']} cores ({machine['processor']}), torch {machine['torch']}"
    return "\n".join(
        [*rows, "", f"<sub>One run on {small}; the engine twice: the gap is noise.</sub>"]
    )
