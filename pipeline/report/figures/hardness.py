"""Test error against the hardness of softplus (the paper's section 4.1)."""

import math

from matplotlib.figure import Figure

from pipeline.claims.hardness import HARDNESS
from pipeline.report.figures import style
from pipeline.report.figures.paper_tables import starred
from pipeline.report.figures.plot import MEANS, PaperFigure, Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Series, Table
from pipeline.report.text.wording import number

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"


def draw(table: Table, theme: Theme) -> Figure:
    """Draw test error in percent over alpha; the rectifier, infinite alpha, is last."""
    figure, axes = style.panel(3.4)
    points = table.points("alpha")
    places = {alpha: math.log(alpha) for alpha in sorted(points) if math.isfinite(alpha)}
    soft = {place: points[alpha] for alpha, place in places.items()}
    series, labels = [Series("", soft, "softplus")], {p: number(a) for a, p in places.items()}
    if math.inf in points:
        last = max(soft, default=0.0) + 0.7
        series.append(Series("", {last: points[math.inf]}, "rectifier"))
        labels[last] = "rectifier"
    style.curves(axes, series, theme, tick=labels.__getitem__)
    axes.set_xlabel(f"hardness {ALPHA} of the softplus")
    return figure


def _name(alpha: float) -> str:
    return f"{ALPHA} = {alpha:g}" if math.isfinite(alpha) else "Rectifier"


def lines(table: Table) -> dict[str, str]:
    """Return the mean error at each alpha."""
    points = table.points("alpha")
    return {_name(alpha): points[alpha].shown() for alpha in sorted(points)}


FIGURES = (
    Plot(
        "Is a harder nonlinearity better?",
        needs="seed alpha test_error",
        draw=draw,
        reading=f"{MEANS} Softer units on the left, the rectifier on the right.",
        paper=PaperFigure(
            "Section 4.1, softplus of growing hardness",
            f"Test error of (1/{ALPHA}) log(1 + exp({ALPHA}z)); the paper's on NORB.",
            lines,
            {_name(alpha): starred(error, sign="%") for alpha, error in HARDNESS.items()},
        ),
    ),
)
