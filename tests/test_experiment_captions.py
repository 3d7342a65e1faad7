"""Captions have the numbers of their tables, and say what could not be fitted."""

import dataclasses

import numpy as np
import pytest

from pipeline.analysis import changepoint
from pipeline.claims.hardness import HARDNESS
from pipeline.report.figures import experiment_captions, paper_figures, plots, sparse_products
from pipeline.report.figures.catalogue import EXHIBITS
from pipeline.report.figures.conditions import Table
from tests.page_tables import CONFIDENCE, errors, in_words, products, rows_of


def caption(name, made):
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == name)
    return exhibit.caption(made[name])


@pytest.mark.parametrize(
    ("name", "factor"),
    [("reconstruction", "reconstruction"), ("units", "activation"), ("conditioning", "alpha")],
)
def test_captions_name_the_best_and_the_worst(name, factor, made):
    """The lowest and the highest mean stand in the caption, each with its interval."""
    levels = {row[factor] for row in made[name].rows}
    means = {level: np.mean(errors(made, name, **{factor: level})) for level in levels}
    for pick in (min, max):
        level = pick(means, key=means.get)
        assert in_words(errors(made, name, **{factor: level})) in caption(name, made)


def test_captions_of_curves_have_their_numbers(made):
    """Hardness by alpha, beside the paper's; the best rate of each unit; twice the width."""
    text = caption("hardness", made)
    for alpha in (1.0, 6.0, np.inf):
        assert in_words(errors(made, "hardness", alpha=alpha), interval=False) in text
    assert all(f"{100 * number.value:.2f}%" in text for number in HARDNESS.values())
    of_tanh = {row["rate"] for row in made["rates"].rows if row["activation"] == "tanh"}
    rates = [errors(made, "rates", activation="tanh", rate=rate) for rate in of_tanh]
    assert in_words(min(rates, key=np.mean)) in caption("rates", made)
    narrow = errors(made, "width", activation="rectifier", multiple=0.25)
    assert in_words(narrow) in caption("width", made)


def test_caption_of_sparsity_has_the_fit(made):
    """Level, breaking point and interval are those of the fit."""
    rows = made["sparsity"].rows
    found = changepoint.fit(
        [row["zeros"] for row in rows], [row["test_error"] for row in rows], region=(0.0, 1.0)
    )
    low, high = found.interval(CONFIDENCE)
    text = caption("sparsity", made)
    assert f"a level of {100 * found.level:.2f}% up to {100 * found.value:.1f}% zeros" in text
    assert f"{100 * low:.1f} to {100 * high:.1f}%" in text
    assert "one of 200 rectifier networks" in text


def test_too_few_networks_have_no_breaking_point(made):
    """The cloud is drawn without a line, and the caption says so."""
    few = dataclasses.replace(made["sparsity"], rows=made["sparsity"].rows[:5])
    assert "too few networks" in experiment_captions.sparsity(few)
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == "sparsity")
    assert len(exhibit.draw(few, plots.LIGHT).axes[0].lines) == 1


def test_networks_that_learned_little_place_no_line(made):
    """As in the verdicts: no hinge is drawn through failed networks, and the caption says why."""
    rows = [dict(row) for row in made["sparsity"].rows]
    for row in rows[-3:]:
        row["test_error"] = 0.9
    failed = dataclasses.replace(made["sparsity"], rows=rows)
    assert "3 of 200 networks learned little" in experiment_captions.sparsity(failed)
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == "sparsity")
    assert len(exhibit.draw(failed, plots.LIGHT).axes[0].lines) == 1
    (figure,) = paper_figures.figures([{"sparsity": failed}])
    assert figure.lines[-1].here == ["not fitted"]


def test_errors_that_do_not_rise_have_no_breaking_point(made):
    """Where more zeros never cost errors the fit is a level line, without a place or interval."""
    rows = [row | {"test_error": 0.05 - 0.03 * row["zeros"]} for row in made["sparsity"].rows]
    falling = dataclasses.replace(made["sparsity"], rows=rows)
    most = f"up to {100 * max(row['zeros'] for row in rows):.1f}%"
    assert f"It does not, {most} zeros" in experiment_captions.sparsity(falling)
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == "sparsity")
    assert len(exhibit.draw(falling, plots.LIGHT).axes[0].lines) == 2  # dots, level
    (figure,) = paper_figures.figures([{"sparsity": falling}])
    assert figure.lines[-1].here == [f"no rise {most}"]


def labels(gain):
    """Return a labels table where pre-training changes the error by `gain(share)`."""
    table = Table("digits", rows_of("labels"), CONFIDENCE)
    for row in table.rows:
        changed = gain(row["share"]) if row["initialization"] == "pretrained" else 0.0
        row["test_error"] = 0.2 + changed + 0.001 * row["seed"] * (changed != 0)
    return table


def test_crossing_curves_are_noted():
    """Curves that cross do so between two shares; those that do not are said not to."""
    crossed = experiment_captions.labels(labels(lambda share: -0.05 if share < 0.3 else 0.05))
    assert crossed.count("the curves cross between 25 and 50%") == 2
    apart = experiment_captions.labels(labels(lambda share: -0.05))
    assert apart.count("the curves do not cross") == 2
    seeds = [-0.05, -0.049, -0.048]
    words = in_words(seeds).replace("%", " points").replace("-", "\N{MINUS SIGN}")
    assert f"changes the error by {words}" in apart


def test_cost_says_from_where_zeros_pay():
    """The caption has the first share at which skipping zeros is faster, and the machine."""
    measured = sparse_products.Cost(**products())
    text = sparse_products.caption(measured)
    assert "Outputs, rows gathered: faster from 90% zeros on, 2 times as fast" in text
    assert "abacus" in text
    assert plots.svg(sparse_products.cost, measured, plots.LIGHT)
