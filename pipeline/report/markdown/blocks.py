"""Markdown tables, and the marked blocks of a file that hold generated text."""

import re
from collections.abc import Mapping, Sequence

from pipeline.analysis.criterion import UNKNOWN

BLOCK = re.compile(r"(<!-- begin: (?P<name>[^>]+?) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL)


def refresh(text: str, blocks: Mapping[str, str]) -> str:
    """Return a text whose marked blocks hold their content; a block without content is kept.

    >>> refresh("<!-- begin: n -->\\n1\\n<!-- end: n -->", {"n": "2"})
    '<!-- begin: n -->\\n2\\n<!-- end: n -->'
    """

    def content(match: re.Match[str]) -> str:
        block = blocks.get(match["name"])
        return match[0] if block is None else f"{match[1]}{block}\n{match[3]}"

    return BLOCK.sub(content, text)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, without the columns that are empty or unknown in every row.

    >>> print(table(["arm", "paper", "here"], [["tanh", "", "3.92"]]))
    | arm | here |
    |---|---|
    | tanh | 3.92 |
    """
    filled = [n for n in range(len(heads)) if any(row[n] not in ("", UNKNOWN) for row in rows)]
    lines = [" | ".join(line[n] for n in filled) for line in [heads, *rows]]
    head, *others = (f"| {line} |" for line in lines)
    return "\n".join([head, "|---" * len(filled) + "|", *others])
