"""Active units of rectifier networks against the complexity of the input."""

from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.figures.plot import Plot
from pipeline.report.figures.style import Theme
from pipeline.report.figures.table import Numbers, Series, Table, numbers
from pipeline.report.text.wording import number

MEASURES = {"bytes": "complexity (bytes)", "ink": "mean ink"}


def _random(table: Table, measure: str) -> Table:
    return table.where(activation="rectifier", initialization="random", measure=measure)


def draw(table: Table, theme: Theme) -> Figure:
    """Draw the share of active units over the complexity of the input, in tenths."""
    figure, axes = style.panel(3.8, "active units, %")
    random = _random(table, "bytes")
    layers = sorted(random.levels("layer"))
    for order, layer in enumerate(layers):
        lists = [row["active_by_tenth"] for row in random.where(layer=layer).rows]
        shares = [100 * sum(tenth) / len(tenth) for tenth in zip(*lists, strict=True)]
        color = style.level_color(order, len(layers), theme)
        tenths = range(1, len(shares) + 1)
        axes.plot(tenths, shares, "o-", color=color, markersize=5, label=f"layer {layer:g}")
    axes.set_xticks([1, 4, 7, 10])
    axes.set_xlabel("tenth of the test examples, 10 the most complex")
    style.legend_above(axes, 3)
    return figure


def means(table: Table) -> Numbers:
    """Return the rank correlation of active units with each measure of complexity, by layer."""
    columns = [
        Series(
            f"rank correlation with {word}", _random(table, measure).points("layer", "correlation")
        )
        for measure, word in MEASURES.items()
    ]
    return numbers("layer", *columns, unit="", word=number)


FIGURES = (
    Plot(
        "Does a richer input take more active units?",
        needs="seed activation initialization layer measure correlation active_by_tenth",
        draw=draw,
        reading=(
            "Random rectifier networks, mean over {seeds} seeds. Complexity: bytes of the input "
            "when compressed. A code of variable size would climb to the right."
        ),
        numbers=means,
    ),
)
