"""The figures of the claims' page: each one's question, the table it needs, drawing and caption.

A new figure is one function that draws, one that says what to see, and one entry here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.analysis.results import Row
from pipeline.report.figures import (
    experiment_captions,
    experiment_plots,
    experiment_rows,
    probe_captions,
    probe_plots,
    row_captions,
    training_captions,
    training_plots,
)
from pipeline.report.figures.conditions import Table
from pipeline.report.figures.html_figures import Picture, picture
from pipeline.report.figures.plots import Theme
from pipeline.runtime import storage

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Exhibit:
    """One figure: the table it is drawn from, its question, how it is drawn, what it says.

    `needs` names the columns it is drawn from. Links lead to a table's first figure.
    What is `redrawn` is a figure of the paper's, and stands with those.
    """

    table: str
    question: str
    needs: str
    draw: Callable[[Table, Theme], "Figure"]
    caption: Callable[[Table], str]
    redrawn: bool = False


EXHIBITS = (
    Exhibit(
        "arms", "Which unit, from which start, makes the fewest errors?",
        "seed activation initialization test_error",
        experiment_rows.arms, row_captions.arms,
    ),
    Exhibit(
        "arms", "Which networks are sparse, and which have dead units?",
        "seed zeros dead_units",
        experiment_rows.arm_zeros, row_captions.arm_zeros,
    ),
    Exhibit(
        "sparsity", "How sparse may a network be?",
        "seed zeros test_error l1",
        experiment_plots.sparsity, experiment_captions.sparsity, redrawn=True,
    ),
    Exhibit(
        "hardness", "Is a harder nonlinearity better?",
        "seed alpha test_error",
        experiment_plots.hardness, experiment_captions.hardness, redrawn=True,
    ),
    Exhibit(
        "labels", "What are unlabeled examples worth?",
        "seed activation initialization share test_error",
        experiment_plots.labels, experiment_captions.labels, redrawn=True,
    ),
    Exhibit(
        "reconstruction", "How should a one-sided unit be rebuilt?",
        "seed reconstruction test_error",
        experiment_rows.reconstruction, row_captions.reconstruction,
    ),
    Exhibit(
        "ablation", "Do the sign trick and the L1 penalty matter?",
        "seed activation initialization signs penalty test_error",
        experiment_rows.ablation, row_captions.ablation,
    ),
    Exhibit(
        "depth", "Do gradients reach the bottom of a deep network?",
        "seed activation depth test_error gradient_norms",
        training_plots.depth, training_captions.depth,
    ),
    Exhibit(
        "width", "Does a one-sided unit need twice as many?",
        "seed activation multiple test_error",
        experiment_plots.width, experiment_captions.width,
    ),
    Exhibit(
        "rates", "Does the grid of learning rates favor a unit?",
        "seed activation rate test_error",
        experiment_plots.rates, experiment_captions.rates,
    ),
    Exhibit(
        "units", "Are the units since 2011 better?",
        "seed activation test_error zeros",
        experiment_rows.units, row_captions.units
    ),
    Exhibit(
        "recipe", "Does today's recipe close the gap between units?",
        "seed activation recipe test_error",
        experiment_rows.recipe, row_captions.recipe,
    ),
    Exhibit(
        "dying", "When do rectifiers die, and do they come back?",
        "seed varied level test_error dead_units dead_by_epoch revived",
        training_plots.dying, training_captions.dying,
    ),
    Exhibit(
        "conditioning", "Does it matter how a rectifier network is parametrized?",
        "seed alpha test_error",
        experiment_plots.conditioning, experiment_captions.conditioning,
    ),
    Exhibit(
        "overlap", "Do small changes of the input leave active units as they are?",
        "seed activation initialization layer change noise overlap relative_change",
        probe_plots.overlap, probe_captions.overlap,
    ),
    Exhibit(
        "complexity", "Does a richer input take more active units?",
        "seed activation initialization layer measure correlation active_by_tenth",
        probe_plots.complexity, probe_captions.complexity,
    ),
    Exhibit(
        "separability", "Is a higher layer easier for a linear classifier?",
        "seed activation initialization layer test_error",
        probe_plots.separability, probe_captions.separability,
    ),
    Exhibit(
        "patterns", "Is the code distributed, though sparse?",
        "seed activation initialization layer distinct information_bits",
        probe_plots.patterns, probe_captions.patterns,
    ),
    Exhibit(
        "shift", "Are outputs of mean 0 better?",
        "seed activation initialization layer shift test_error",
        probe_plots.shift, probe_captions.shift,
    ),
    Exhibit(
        "spiking", "Does a rectifier network survive as spiking neurons?",
        "seed activation initialization steps test_error rate_error silent_units",
        probe_plots.spiking, probe_captions.spiking,
    ),
    Exhibit(
        "neuron", "Which unit is nearest to a neuron's firing rate?",
        "activation t_ref_ms most_rate_hz least_mv misfit scale_hz gain_per_na threshold_na",
        probe_plots.rate_curve, probe_captions.rate_curve, redrawn=True,
    ),
)  # fmt: skip

ALIKE = ("neuron",)  # tables that are the same on every dataset


def anchor(dataset: str, table: str) -> str:
    """Return where on the page the first figure of a dataset's table is.

    >>> anchor("digits", "sparsity")
    'digits-sparsity'
    """
    return f"{dataset}-{table}"


def pictures(tables: Mapping[str, Table], *, redrawn: bool = False) -> list[Picture]:
    """Return the figures that these tables allow, in the order of `EXHIBITS`.

    Either those of the paper, or all others.
    """
    found, linked = [], set[str]()
    for exhibit in EXHIBITS:
        if exhibit.table not in tables or exhibit.redrawn != redrawn:
            continue
        table = tables[exhibit.table]
        named = redrawn and exhibit.table not in ALIKE
        title = f"{exhibit.question} On {table.dataset}" if named else exhibit.question
        where = "" if exhibit.table in linked else anchor(table.dataset, exhibit.table)
        linked.add(exhibit.table)
        found.append(picture(title, exhibit.draw, table, exhibit.caption(table), anchor=where))
    return found


def checked(name: str, path: Path, dataset: str, rows: Sequence[Row], confidence: float) -> Table:
    """Return a table that its figures can be drawn from; one that has no figure is let through.

    Raises Problem where it has no rows, or lacks a column that a figure needs.
    """
    if not rows:
        raise storage.unreadable(path, ValueError("it has no rows"))
    needed = {
        column for exhibit in EXHIBITS if exhibit.table == name for column in exhibit.needs.split()
    }
    if absent := sorted(needed - rows[0].keys()):
        raise storage.unreadable(path, ValueError(f"it has no column {', '.join(absent)}"))
    return Table(dataset, rows, confidence)
