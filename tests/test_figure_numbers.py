"""Numbers beside figures are those of their tables, and the paper's stand beside ours."""

import dataclasses
from itertools import product

import numpy as np
import pytest

from pipeline.analysis import changepoint
from pipeline.analysis import results as read
from pipeline.paper import published
from pipeline.report.figures import catalogue, paper_tables, sparse_products, sparsity, style
from pipeline.report.figures.catalogue import PLOTS
from pipeline.report.figures.labels import lines as label_lines
from pipeline.report.figures.table import Table
from tests import committed
from tests.page_tables import CONFIDENCE, errors, in_words, products, rows_of


def numbers(name, table):
    """Return the cells of a figure's numbers, by the names of their row and column."""
    head, *rows = PLOTS[name][0].numbers(table)
    assert all(len(row) == len(head) for row in rows)
    return {(row[0], column): cell for row in rows
            for column, cell in zip(head[1:], row[1:], strict=True)}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "column", "factor"),
    [
        ("reconstruction", "test error", "reconstruction"),
        ("units", "test error", "activation"),
        ("conditioning", "rectifier", "alpha"),
    ],
)
def test_each_condition_has_its_mean_and_interval(name, column, factor, made):
    """The error of every level stands in the numbers, with its interval."""
    cells = numbers(name, made[name])
    for level in {row[factor] for row in made[name].rows}:
        word = f"{level:g}" if isinstance(level, float) else level
        assert cells[word, column] == in_words(errors(made, name, **{factor: level}))


def of_width(multiple):
    return f"1/{1 / multiple:g}" if multiple < 1 else f"{multiple:g}"


@pytest.mark.parametrize(
    ("name", "factor", "word"),
    [
        ("rates", "rate", "{:g}".format),
        ("depth", "depth", "{:g}".format),
        ("width", "multiple", of_width),
    ],
)
def test_each_curve_has_its_means(name, factor, word, made):
    """Every unit is a column, and every level that it has a row."""
    cells = numbers(name, made[name])
    units, levels = ({row[key] for row in made[name].rows} for key in ("activation", factor))
    for unit, level in product(units, levels):
        values = errors(made, name, activation=unit, **{factor: level})
        assert cells[word(level), unit] == (in_words(values) if values else "")


def test_probes_are_averaged_over_layers(made):
    """The number of an arm is the mean over seeds of means over layers."""
    cells = numbers("overlap", made["overlap"])
    rows = [row for row in made["overlap"].rows if (row["change"], row["noise"]) == ("noise", 0.1)]
    arm = [row for row in rows if (row["activation"], row["initialization"])
            == ("rectifier", "random")]  # fmt: skip
    means = [np.mean([row["overlap"] for row in arm if row["seed"] == s]) for s in range(3)]
    assert cells["10%", "rectifier, random"] == in_words(means)


def points(first, second):
    """Return the mean difference of two lists by seed, in words."""
    text = in_words(list(np.subtract(first, second)))
    return text.replace("%", " points").replace("-", "\N{MINUS SIGN}")


def test_conditions_are_compared_by_seed(made):
    """The change by negating, and the gap between units by recipe, are paired differences."""
    arm = {"activation": "rectifier", "initialization": "random", "penalty": "L1"}
    signs = [
        errors(made, "ablation", signs=signs, **arm) for signs in ("half negated", "all positive")
    ]
    cells = numbers("ablation", made["ablation"])
    assert cells["rectifier, random: change by negating", "test error"] == points(*signs)
    units = [errors(made, "recipe", recipe="he", activation=unit) for unit in ("rectifier", "tanh")]
    cells = numbers("recipe", made["recipe"])
    assert cells["He start: tanh", "test error"] == in_words(units[1])
    assert cells["He start: rectifier \N{MINUS SIGN} tanh", "test error"] == points(*units)


def paper_lines(name, table):
    """Return the lines of the paper's figure that this table redraws: paper, here, by name."""
    (figure,) = catalogue.paper_figures([{name: table}])
    return {line: tuple(cells) for line, *cells in figure.numbers[1:]}


def test_sparsity_has_its_fit(made):
    """Level, changepoint and interval are those of the fit."""
    rows = made["sparsity"].rows
    fit = changepoint.fit(
        [row["zeros"] for row in rows], [row["test_error"] for row in rows], region=(0.0, 1.0)
    )
    low, high = fit.interval(CONFIDENCE)
    lines = paper_lines("sparsity", made["sparsity"])
    _, place = lines["Sparsity up to which errors stay level"]
    assert place == f"{100 * fit.value:.1f}% ({100 * low:.1f} to {100 * high:.1f})"
    assert lines["Level of the error"][1].startswith(f"{100 * fit.level:.2f}%, then +")
    assert "one of 200 rectifier networks" in PLOTS["sparsity"][0].caption(made["sparsity"])


def few(rows):
    return rows[:5]


def learned_little(rows):
    return [*rows[:-3], *(row | {"test_error": 0.9} for row in rows[-3:])]


def falling(rows):
    return [row | {"test_error": 0.05 - 0.03 * row["zeros"]} for row in rows]


@pytest.mark.parametrize(
    ("change", "note", "drawn", "here"),
    [
        (few, "No line is fitted: there are too few networks.", 1, "not fitted"),
        (learned_little, "No line is fitted: 3 of 200 networks learned little", 1, "not fitted"),
        (falling, "The best fit is level", 2, "no rise up to"),
    ],
)
def test_tables_without_a_changepoint_say_why(change, note, drawn, here, made):
    """As in the verdicts, no hinge is drawn; only the dots, or the dots and a level line."""
    table = dataclasses.replace(made["sparsity"], rows=change(list(made["sparsity"].rows)))
    assert note in PLOTS["sparsity"][0].caption(table)
    assert len(sparsity.draw(table, style.LIGHT).axes[0].lines) == drawn
    assert paper_lines("sparsity", table)["Sparsity up to which errors stay level"][1].startswith(
        here
    )


def test_gains_of_pretraining_are_paired():
    """With pre-training less without, seed by seed, at the fewest labels and at all."""
    table = Table("digits", rows_of("labels"), CONFIDENCE)
    for row in table.rows:
        row["test_error"] = 0.2 + 0.1 * row["seed"]
        if row["initialization"] == "pretrained":
            row["test_error"] -= 0.05 + 0.001 * row["seed"]
    words = points([-0.05, -0.051, -0.052], [0.0, 0.0, 0.0])
    lines = label_lines(table)
    share = 100 * min(row["share"] for row in table.rows)
    assert lines["Tanh, few labels"] == f"{words} at {share:.0f}%"
    assert lines["Rectifier, all labels"] == f"{words} at 100%"


def test_times_have_the_sparsity_from_which_zeros_pay():
    """The first share of zeros at which skipping them is faster; the machine in the caption."""
    measured = sparse_products.Cost(**products())
    (_, *rows) = sparse_products.speeds(measured)
    speed = "2 \N{MULTIPLICATION SIGN} dense at 90%"
    assert rows[0] == ("Outputs, rows gathered", "90% zeros", speed)
    assert ("Rectifier unit, its function", "0.1 ms", "") in rows
    assert "abacus" in sparse_products.caption(measured)
    assert style.svg(sparse_products.cost, measured, style.LIGHT)


def test_table_1_has_the_papers_errors_beside_ours():
    """Ours and the paper's of each arm, those without a second source starred."""
    results = read.read(committed.folder() / "results/mnist", figures=False)
    names, rows = paper_tables.table_1([results])
    assert [row.title for row in rows] == ["MNIST", "CIFAR10", "NISTP", "NORB"]
    tanh = rows[0].cells[names.index("Tanh, pre-trained")]
    row = next(row for row in results.table if read.arm_key(row) == "tanh-pretrained")
    assert (tanh.here, tanh.paper) == (f"{100 * row['test_error_mean']:.2f}", "1.16*")
    norb = rows[3].cells[names.index("Tanh, random")]
    paper = published.TABLE_1["norb", "tanh", "random"]
    assert (norb.here, norb.paper) == ("\N{EN DASH}", f"{100 * paper.value:.2f}")


def test_table_1_is_of_images():
    """Comparisons of texts are not in it."""
    texts = read.read(committed.folder() / "results/amazon-stars", figures=False)
    assert len(paper_tables.table_1([texts])[1]) == 4


def test_papers_figures_have_its_numbers(made):
    """Each figure of the paper has its place, a column a dataset, and the paper's numbers."""
    other = {
        name: dataclasses.replace(made[name], dataset="mnist") for name in ("hardness", "neuron")
    }
    figures = {one.place: one for one in catalogue.paper_figures([made, other])}
    section = "Section 4.1, softplus of growing hardness"
    assert list(figures) == ["Figure 2", "Figure 3", "Figure 4", section]
    hardness = figures[section]
    assert hardness.datasets == ["digits", "mnist"]
    assert len(hardness.pictures) == 2
    here = in_words(errors(made, "hardness", alpha=np.inf))
    assert ("Rectifier", "16.40%", here, here) in hardness.numbers
    assert len(figures["Figure 2"].pictures) == 1
    anchors = {picture.anchor for one in figures.values() for picture in one.pictures}
    assert catalogue.anchor("digits", "sparsity") in anchors
