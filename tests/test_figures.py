"""Figures show something, repeat to the byte, and cope with networks that were lost."""

import dataclasses
import io

import numpy as np
import pytest

from pipeline.analysis import results
from pipeline.experiments.conditions import catalogue as experiments
from pipeline.probes import catalogue as probes
from pipeline.report.figures import arms, image_grids, style
from pipeline.report.figures.catalogue import PLOTS
from pipeline.report.figures.dying import dead_by_epoch
from pipeline.report.figures.table import Table
from stages import compare
from tests import synthetic
from tests.page_tables import CONFIDENCE

DRAWINGS = [draw for _, draw, _ in arms.RESULTS_FIGURES]
EVERY = [pytest.param(name, plot, id=f"{name}-{n}")
         for name, plots in PLOTS.items() for n, plot in enumerate(plots)]  # fmt: skip
TRAINED = [case for case in EVERY if case.values[0] not in probes.names()]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Results of six synthetic arms of digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("digits"))
        settings = synthetic.settings(seeds=3)
        patch.setattr("pipeline.config.params.load", lambda: settings)
        synthetic.write(settings, "digits")
        compare.main("digits")
        return results.read(synthetic.Path("results/digits"))


def ink(figure):
    """Return the share of a figure's pixels that are not white."""
    content = io.BytesIO()
    figure.savefig(content, format="rgba", dpi=50, facecolor="white")
    pixels = np.frombuffer(content.getvalue(), np.uint8).reshape(-1, 4)
    return (pixels[:, :3].min(1) < 200).mean()


def collapsed(figure):
    """Return the panels that are less than an inch high or wide."""
    boxes = [axes.get_position() for axes in figure.axes]
    width, height = figure.get_size_inches()
    return [box for box in boxes if box.height * height < 1 or box.width * width < 1]


@pytest.mark.parametrize("draw", DRAWINGS, ids=lambda draw: draw.__name__)
def test_figures_of_results_show_something_and_repeat_to_the_byte(draw, digits):
    """At least 2% of the pixels are drawn; the same results give the same SVG, without a date."""
    assert ink(draw(digits, style.LIGHT)) > 0.02
    first = style.svg(draw, digits, style.DARK)
    assert first == style.svg(draw, digits, style.DARK)
    assert b"dc:date" not in first


@pytest.mark.parametrize(("name", "plot"), EVERY)
def test_figures_of_records_show_something_and_repeat_to_the_byte(name, plot, made):
    """At least 1% of the pixels are drawn, no panel collapses; the same SVG twice."""
    figure = plot.draw(made[name], style.LIGHT)
    assert ink(figure) > 0.01
    assert not collapsed(figure)
    assert style.svg(plot.draw, made[name], style.DARK) == style.svg(
        plot.draw, made[name], style.DARK
    )


@pytest.mark.parametrize(("name", "plot"), TRAINED)
@pytest.mark.parametrize("n", [1, 10_000])
def test_lost_networks_leave_a_figure(name, plot, n, made):
    """Seeds whose every rate diverged leave a figure, numbers, and a caption that counts them."""
    gone = dict.fromkeys(("test_error", "zeros", "dead_units", "revived"))
    gone |= {"zeros_by_layer": [], "gradient_norms": [], "dead_by_epoch": []}
    rows = [row | gone for row in made[name].rows[:n]] + list(made[name].rows[n:])
    table = dataclasses.replace(made[name], rows=rows)
    figure = plot.draw(table, style.LIGHT)
    figure.draw_without_rendering()
    assert not collapsed(figure)
    assert f"{min(n, len(rows))} of {len(rows)} networks failed" in plot.caption(table)
    if plot.numbers:
        assert "failed" in str(plot.numbers(table))


def test_every_experiment_and_probe_has_a_figure_with_its_question():
    """The title of a figure is the question of its experiment or probe."""
    questions = {name: experiments.experiment(name).question for name in experiments.names()}
    questions |= {name: probes.probe(name).question for name in probes.names()}
    assert PLOTS.keys() == {"arms", *questions}
    for name, plots in PLOTS.items():
        assert name == "arms" or questions[name].startswith(plots[0].question)


def test_seeds_and_intervals_are_drawn_at_their_values(digits):
    """The first arm's dots are its seeds, its bar its interval, its circle its mean; in percent."""
    dots, bar, circle = arms.errors_by_arm(digits, style.LIGHT).axes[0].lines[:3]
    row = digits.table[0]
    seeds = [run["test_error"] * 100 for run in digits.runs[:3]]
    assert dots.get_xdata() == pytest.approx(seeds)
    assert bar.get_xdata() == pytest.approx(
        [row["test_error_low"] * 100, row["test_error_high"] * 100]
    )
    assert circle.get_xdata() == pytest.approx([row["test_error_mean"] * 100])


def test_an_activation_has_one_color():
    """The paper's units keep their hues; other units have the free ones."""
    colors = style.hues(["linear", "tanh", "rectifier"], style.LIGHT)
    assert [colors[name] for name in ("rectifier", "tanh")] == list(style.LIGHT.hues[:2])
    assert colors["linear"] == style.LIGHT.hues[2]


def test_names_are_not_read_as_formulas(digits):
    """A dollar sign in an arm's name is drawn as it is."""
    row = digits.table[0] | {"activation": "$\\frac{$"}
    curves = {"rule": "", "arms": {results.arm_key(row): digits.curves["arms"]["rectifier-random"]}}
    renamed = results.Results([row], [], [], curves, digits.protocol, {}, digits.shape)
    style.svg(arms.sparsity_by_layer, renamed, style.LIGHT)


def test_a_condition_with_a_lost_seed_is_not_averaged():
    """There is no mean over the seeds that happened to finish."""
    rows = [{"seed": seed, "test_error": value} for seed, value in enumerate((0.1, None, 0.3))]
    point = Table("digits", rows, CONFIDENCE).point()
    assert (point.mean, point.low, point.lost, point.values) == (None, None, 1, [0.1, 0.3])


def test_crosses_at_the_top_mark_diverged_rates(made):
    """At a rate where a seed diverged there is a cross in the unit's color, and no circle."""
    rows = [dict(row) for row in made["rates"].rows]
    next(row for row in rows if (row["activation"], row["rate"]) == ("tanh", 1.0)).update(
        test_error=None
    )
    axes = PLOTS["rates"][0].draw(Table("digits", rows, CONFIDENCE), style.LIGHT).axes[0]
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert cross.get_color() == style.LIGHT.hues[1]
    (x, y) = axes.transAxes.inverted().transform(
        cross.get_transform().transform(cross.get_xydata()[0])
    )
    assert (cross.get_xdata()[0], 0.9 < y <= 1, 0 < x <= 1) == (1.0, True, True)
    curve = next(line for line in axes.lines if line.get_label() == "tanh")
    assert 1.0 not in curve.get_xdata()


def test_stopped_networks_keep_their_last_dead_share():
    """A network that stopped counts with its last share while the other trains."""
    lists = [0.25, 0.5], [0.0, 0.0, 0.0, 1.0]
    rows = [{"dead_by_epoch": shares, "test_error": 0.1} for shares in lists]
    assert dead_by_epoch(Table("digits", rows, CONFIDENCE)) == [0.125, 0.25, 0.25, 0.75]


def test_a_mosaic_centers_and_scales_each_filter():
    """Weight 0 is mid-gray, the largest is white; gaps between filters are transparent."""
    weights = np.array([[0, 2, -1, 1], [0, 0, 0, 0]])
    picture = image_grids.mosaic(weights, (2, 2), columns=2)
    assert picture.shape == (2, 5, 4)
    np.testing.assert_allclose(picture[:, :2, 0], [[0.5, 1.0], [0.25, 0.75]])
    np.testing.assert_allclose(picture[:, 3:, 0], 0.5)
    np.testing.assert_array_equal(picture[:, 2, 3], 0)


def test_channels_may_come_first_or_last():
    """Three planes make one color image, whichever axis holds them."""
    first = np.arange(1.0, 76.0)
    last = np.moveaxis(first.reshape(3, 5, 5), 0, -1).reshape(1, 75)
    colors = image_grids.mosaic(first[None], (3, 5, 5))
    np.testing.assert_array_equal(colors, image_grids.mosaic(last, (5, 5, 3)))
    assert not np.array_equal(colors[..., 0], colors[..., 1])


@pytest.mark.parametrize(
    ("shape", "yes"), [((8, 8), True), ((2, 32, 32), True), ((32, 32, 3), True), ((5000,), False)]
)
def test_only_images_are_drawn(shape, yes):
    """Texts have no image."""
    assert image_grids.drawable(shape) is yes
