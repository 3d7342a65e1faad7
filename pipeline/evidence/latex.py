"""LaTeX of tables, for the package booktabs."""

import re
from collections.abc import Mapping, Sequence

from pipeline.analysis.results import Results
from pipeline.evidence.page import Entry, Table
from pipeline.report.text import wording

MARKUP = re.compile(r"\*\*|`|<[^>]*>|\[(?=[^]]*\]\()|\]\([^)]*\)")
MARKDOWN_TABLE = re.compile(r"(?:^\|.*\|\n?)+", re.MULTILINE)
SYMBOLS = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"\N{MINUS SIGN}": "$-$", "\N{EN DASH}": "--", "±": r"$\pm$", "·": r"$\cdot$", "²": "$^2$"}
    | {"\N{GREEK SMALL LETTER ALPHA}": r"$\alpha$", "→": r"$\to$", "<": "$<$", ">": "$>$"}
)
LONGEST = 40  # characters of a cell on one line


def latex(table: Table) -> str:
    """Return a table, a head and rows, as a LaTeX tabular."""
    columns = ["p{7cm}" if max(map(len, cells)) > LONGEST else "l"
               for cells in zip(*table, strict=True)]  # fmt: skip
    head, *rows = (" & ".join(cell.translate(SYMBOLS) for cell in row) + r" \\" for row in table)
    begin, end = rf"\begin{{tabular}}{{{''.join(columns)}}}", r"\end{tabular}"
    lines = [begin, r"\toprule", head, r"\midrule", *rows, r"\bottomrule", end]
    return "\n".join(lines) + "\n"


def of_markdown(text: str) -> list[Table]:
    r"""Return the tables of a Markdown text, without markup.

    >>> of_markdown("| a | b |\n|---|---|\n| **1** | `x` |\n")
    [[['a', 'b'], ['1', 'x']]]
    """
    found = [match[0].splitlines() for match in MARKDOWN_TABLE.finditer(text)]
    return [
        [
            [MARKUP.sub("", cell).strip() for cell in line.strip("|").split("|")]
            for line in [lines[0], *lines[2:]]
        ]
        for lines in found
    ]


def tests(results: Results) -> Table:
    """Return the paired tests of a dataset's arms."""
    shown, unit = results.measure.shown, results.measure.difference
    rows = [["first", "second", f"difference, {unit}", "low", "high", "p (Holm)", "seeds needed"]]
    for test in results.tests:
        values = [shown(test[key]) for key in ("difference_mean", "low", "high")]
        needed = wording.seeds(test.get("seeds_needed"))
        rows.append(
            [test["first"], test["second"], *values, wording.p_value(test["p_holm"]), needed]
        )
    return rows


def claims(datasets: Sequence[str], judged: Sequence[Entry]) -> Table:
    """Return the claims by dataset, each with verdict and estimate, and their pooled effects."""
    rows = [["", "claim", *datasets, "pooled", "heterogeneity"]]
    for entry in judged:
        cells = [f"{c.verdict} {c.here}" if c else wording.UNKNOWN for c in entry.cells]
        pooled = f"{entry.pooled.here} {entry.pooled.interval}" if entry.pooled else wording.UNKNOWN
        rows.append([entry.number, entry.claim, *cells, pooled, entry.heterogeneity])
    return rows


def files(tables: Mapping[str, Table]) -> dict[str, str]:
    """Return the LaTeX of each table by its name; spaces in names become hyphens."""
    return {f"{name.replace(' ', '-')}.tex": latex(table) for name, table in tables.items()}
