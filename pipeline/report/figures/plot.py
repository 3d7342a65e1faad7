"""One figure of the claims page: its question, table, drawing, caption and numbers."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.figures.style import Shown, Theme
from pipeline.report.figures.table import Entry, Numbers, Series, Table, numbers
from pipeline.report.text.wording import number, percent

# Sentences for `Plot.reading`.
MEANS = "Circle: mean over {seeds} seeds; bar: its {confidence}% interval."
ROWS = "Circle: mean over {seeds} seeds; bar: its {confidence}% interval; dots: the seeds."
LINES = "Solid, full: pre-trained; dashed, hollow: random."
FULL = "Full: pre-trained; hollow: random."


@dataclass(frozen=True)
class PaperFigure:
    """A figure or a list of numbers of the paper that a plot redraws.

    `lines` returns our numbers by name; `numbers` are the paper's by the same names.
    `alike` is true where it is the same on every dataset.
    """

    place: str
    about: str
    lines: Callable[[Table], dict[str, str]]
    numbers: Mapping[str, str] = field(default_factory=dict)
    alike: bool = False


@dataclass(frozen=True)
class Plot:
    """One figure that is drawn from a table.

    `needs` names the columns it is drawn from, joined by spaces. `reading` is how to read it, with
    the fields `{seeds}`, `{networks}` and `{confidence}` (percent); `note` adds what only the
    records can say. `numbers` are means and intervals, folded below the figure. A plot with a
    `paper` figure stands with the paper's figures.
    """

    question: str
    needs: str
    draw: Callable[[Table, Theme], Figure]
    reading: str
    numbers: Callable[[Table], Numbers] | None = None
    note: Callable[[Table], str] | None = None
    paper: PaperFigure | None = None

    def caption(self, table: Table) -> str:
        """Return how to read the figure, and how many networks it lacks."""
        reading = self.reading.format(
            seeds=table.seeds, networks=len(table.rows), confidence=percent(table.confidence, 0)
        )
        note = "" if self.note is None else self.note(table)
        return " ".join(part for part in (reading, note, lost(table)) if part)


def curves(
    question: str,
    series: Callable[[Table], Sequence[Series]],
    head: str,
    *,
    needs: str,
    reading: str,
    word: Callable[[float], str] = number,
    extra: Callable[[Table], Numbers] = lambda _: [],
    paper: PaperFigure | None = None,
    **look: Any,
) -> Plot:
    """Return a plot of curves over a factor; `head` names it in the numbers, `word` a level of it.

    `extra` are further rows of the numbers, `look` further arguments of `style.curve_figure`.
    """
    return Plot(
        question,
        needs,
        lambda table, theme: style.curve_figure(series(table), theme, **look),
        reading,
        lambda table: [*numbers(head, *series(table), word=word), *extra(table)],
        paper=paper,
    )


def dots(
    question: str,
    panels: Callable[[Table], Mapping[str, Sequence[Entry]]],
    head: str,
    *,
    needs: str,
    reading: str,
    extra: Callable[[Table], Numbers] = lambda _: [],
    note: Callable[[Table], str] | None = None,
) -> Plot:
    """Return a plot of one or two dot plots, by their labels below.

    `head` names the rows in the numbers; `extra` are further rows of them.
    """

    def means(table: Table) -> Numbers:
        columns = [
            Series(label.removesuffix(", %"), {entry.name: entry.point for entry in entries})
            for label, entries in panels(table).items()
        ]
        rows = numbers(head, *columns, word=lambda name: name.replace("\n", ", "))
        return [*rows, *extra(table)]

    def draw(table: Table, theme: Theme) -> Figure:
        return style.dot_figure(panels(table), theme)

    return Plot(question, needs, draw, reading, means, note)


def lost(table: Table) -> str:
    """Return one sentence: how many networks failed; empty for none."""
    n = sum(row.get("test_error", 0.0) is None for row in table.rows)
    if not n:
        return ""
    return (
        f"{n} of {len(table.rows)} networks failed, every learning rate diverged: their condition"
        " has no average (a cross at the top of a curve's panel)."
    )


@dataclass(frozen=True)
class Picture:
    """A drawn figure: its title, its two drawings as data addresses, caption and numbers.

    `anchor` is the target of links on the page, empty where none lead to it.
    """

    title: str
    light: str
    dark: str
    caption: str
    numbers: Numbers
    anchor: str


def picture(
    title: str,
    draw: Callable[[Shown, Theme], Figure],
    shown: Shown,
    caption: str,
    *,
    numbers: Numbers | None = None,
    anchor: str = "",
) -> Picture:
    """Return a figure drawn for light and for dark pages."""
    light, dark = (_address(style.svg(draw, shown, theme)) for theme in (style.LIGHT, style.DARK))
    return Picture(title, light, dark, caption, numbers or [], anchor)


def _address(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
