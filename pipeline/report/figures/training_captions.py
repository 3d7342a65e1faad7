"""What stands under the figures of what happens in training."""

from pipeline.report.figures import training_plots
from pipeline.report.figures.conditions import Table, best, worst
from pipeline.report.figures.experiment_captions import lost, reading
from pipeline.report.figures.training_plots import number
from pipeline.report.text.summary import UNKNOWN, percent, plural


def depth(table: Table) -> str:
    """Return the caption of error and gradients over depth."""
    deepest, parts = max(table.levels("depth")), []
    for activation in table.levels("activation"):
        norms = training_plots.gradient_norms(table.where(activation=activation))
        if len(norms) > 1:
            parts.append(f"{activation} {norms[0] / norms[-1]:.2g}")
    return (
        f"Above: {_small(reading(table))} Below: the norm of each hidden layer's weight gradient, "
        "mean (geometric) over training and seeds. A line that falls to the left is a gradient "
        "that vanishes on its way down. Norm at the bottom over that at the top, at "
        f"{deepest:g} layers: {', '.join(parts) or UNKNOWN}."
    )


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def dying(table: Table) -> str:
    """Return the caption of dead units over epochs."""
    parts = []
    for factor, name in training_plots.VARIED.items():
        points = table.where(varied=factor).points("level", "dead_units") if factor in table.levels(
            "varied"
        ) else {}  # fmt: skip
        if points and (high := worst(points)) is not None:
            low = best(points)
            parts.append(
                f"{name}: from {percent(points[low].mean, 1)}% dead at {number(low)} to "
                f"{percent(points[high].mean, 1)}% at {number(high)}"
            )
    revived = table.point("revived").mean
    return (
        f"Mean over {table.seeds} {plural(table.seeds, 'seed')} of the share of hidden units that "
        "are 0 for every training example, after each epoch; the stronger the color, the higher "
        "the level. Look for lines that climb, and whether they ever come down. In the chosen "
        "networks, by "
        f"{'; by '.join(parts)}. Units that were dead once and alive later: "
        f"{percent(revived, 2)}% of all.{lost(table)}"
    )
