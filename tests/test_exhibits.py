"""Figures of every experiment and probe: they show something, whatever was lost or failed."""

import dataclasses
import io

import numpy as np
import pytest

from pipeline.experiments.conditions import catalogue
from pipeline.probes import catalogue as probes
from pipeline.report.figures import plots
from pipeline.report.figures.catalogue import EXHIBITS
from pipeline.report.figures.conditions import Table
from tests.page_tables import CONFIDENCE


def name_of(exhibit):
    return exhibit.draw.__name__


def collapsed(figure):
    """Return the panels that are less than an inch high or wide."""
    boxes = [axes.get_position() for axes in figure.axes]
    width, height = figure.get_size_inches()
    return [box for box in boxes if box.height * height < 1 or box.width * width < 1]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=name_of)
def test_figures_show_something_and_repeat_to_the_byte(exhibit, made):
    """Drawn on white, at least 1% of the pixels are not; the same SVG twice."""
    table, content = made[exhibit.table], io.BytesIO()
    figure = exhibit.draw(table, plots.LIGHT)
    figure.savefig(content, format="rgba", dpi=50, facecolor="white")
    pixels = np.frombuffer(content.getvalue(), np.uint8).reshape(-1, 4)
    assert (pixels[:, :3].min(1) < 200).mean() > 0.01
    assert not collapsed(figure)
    assert plots.svg(exhibit.draw, table, plots.DARK) == plots.svg(exhibit.draw, table, plots.DARK)


TRAINED = [exhibit for exhibit in EXHIBITS if exhibit.table not in probes.names()]


@pytest.mark.parametrize("exhibit", TRAINED, ids=name_of)
@pytest.mark.parametrize("n", [1, 10_000])
def test_figures_outlive_lost_networks(exhibit, n, made):
    """Seeds whose every rate diverged leave a figure and a caption that says so."""
    table, gone = made[exhibit.table], dict.fromkeys(("test_error", "zeros", "dead_units"))
    gone |= {"zeros_by_layer": [], "gradient_norms": [], "dead_by_epoch": []}
    rows = [row | gone for row in table.rows[:n]] + list(table.rows[n:])
    lost = dataclasses.replace(table, rows=rows)
    figure = exhibit.draw(lost, plots.LIGHT)
    figure.draw_without_rendering()
    assert not collapsed(figure)
    assert "failed" in exhibit.caption(lost)


def test_every_experiment_and_probe_has_a_figure_with_its_question():
    """The title of a figure is what its experiment or probe asks."""
    asked = {name: catalogue.experiment(name).question for name in catalogue.names()}
    asked |= {name: probes.probe(name).question for name in probes.names()}
    assert {exhibit.table for exhibit in EXHIBITS} == {"arms", *asked}
    for exhibit in EXHIBITS:
        if exhibit.table != "arms":
            assert asked[exhibit.table].startswith(exhibit.question)


def test_a_condition_with_a_lost_seed_is_not_averaged():
    """There is no mean of the seeds that happened to finish."""
    rows = [{"seed": seed, "test_error": value} for seed, value in enumerate((0.1, None, 0.3))]
    point = Table("digits", rows, CONFIDENCE).point()
    assert (point.mean, point.low, point.lost, point.values) == (None, None, 1, [0.1, 0.3])


def test_crosses_at_the_top_stand_for_what_diverged(made):
    """At a rate where a seed diverged there is a cross in the unit's color, and no circle."""
    rows = [dict(row) for row in made["rates"].rows]
    next(row for row in rows if (row["activation"], row["rate"]) == ("tanh", 1.0)).update(
        test_error=None
    )
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == "rates")
    axes = exhibit.draw(Table("digits", rows, CONFIDENCE), plots.LIGHT).axes[0]
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert cross.get_color() == plots.LIGHT.hues[1]
    (x, y) = axes.transAxes.inverted().transform(
        cross.get_transform().transform(cross.get_xydata()[0])
    )
    assert (cross.get_xdata()[0], 0.9 < y <= 1, 0 < x <= 1) == (1.0, True, True)
    curve = next(line for line in axes.lines if line.get_label() == "tanh")
    assert 1.0 not in curve.get_xdata()


def test_dead_shares_of_stopped_networks_count_on():
    """A network that stopped keeps its last share while the other trains."""
    from pipeline.report.figures.training_plots import dead_by_epoch

    lists = [0.25, 0.5], [0.0, 0.0, 0.0, 1.0]
    rows = [{"dead_by_epoch": shares, "test_error": 0.1} for shares in lists]
    assert dead_by_epoch(Table("digits", rows, CONFIDENCE)) == [0.125, 0.25, 0.25, 0.75]
