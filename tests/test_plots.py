"""Figures that show something, the same each time."""

import io

import numpy as np
import pytest

from pipeline.analysis import results
from pipeline.report.figures import image_grids, plots
from stages import compare
from tests import synthetic

DRAWINGS = [
    plots.errors_by_arm, plots.validation_curves, plots.zeros_by_layer, plots.first_filters
]  # fmt: skip


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Results of six made-up arms of digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("digits"))
        settings = synthetic.settings(seeds=3)
        patch.setattr("pipeline.config.params.load", lambda: settings)
        synthetic.write(settings, "digits")
        compare.main("digits")
        return results.read(synthetic.Path("results/digits"))


@pytest.mark.parametrize("draw", DRAWINGS, ids=lambda draw: draw.__name__)
def test_figures_show_something(draw, digits):
    """Drawn on white, at least 2% of each figure's pixels are not."""
    content = io.BytesIO()
    draw(digits, plots.LIGHT).savefig(content, format="rgba", dpi=50, facecolor="white")
    pixels = np.frombuffer(content.getvalue(), np.uint8).reshape(-1, 4)
    assert (pixels[:, :3].min(1) < 200).mean() > 0.02


@pytest.mark.parametrize("draw", DRAWINGS, ids=lambda draw: draw.__name__)
def test_figures_repeat_to_the_byte(draw, digits):
    """The same results give the same SVG, without a date in it."""
    first = plots.svg(draw, digits, plots.DARK)
    assert first == plots.svg(draw, digits, plots.DARK)
    assert b"dc:date" not in first


def test_seeds_and_intervals_are_drawn_where_they_are(digits):
    """The first arm's dots are its seeds, its bar its interval, its circle its mean; in percent."""
    dots, bar, circle = plots.errors_by_arm(digits, plots.LIGHT).axes[0].lines[:3]
    row = digits.table[0]
    seeds = [run["test_error"] * 100 for run in digits.runs[:3]]
    assert dots.get_xdata() == pytest.approx(seeds)
    assert bar.get_xdata() == pytest.approx(
        [row["test_error_low"] * 100, row["test_error_high"] * 100]
    )
    assert circle.get_xdata() == pytest.approx([row["test_error_mean"] * 100])


def test_names_are_not_read_as_formulas(digits):
    """A dollar sign in an arm's name is drawn as it is."""
    row = digits.table[0] | {"activation": "$\\frac{$"}
    plots.svg(plots.zeros_by_layer, rename(digits, row), plots.LIGHT)


def rename(digits, row):
    """Return results of one arm, the row given."""
    curve = digits.curves["arms"]["rectifier-random"]
    curves = {"rule": "", "arms": {results.arm_key(row): curve}}
    return results.Results([row], [], [], curves, digits.protocol, {}, digits.shape)


def test_a_mosaic_centers_and_scales_each_filter():
    """Weight 0 is mid-grey, the largest is white; gaps between filters are transparent."""
    weights = np.array([[0, 2, -1, 1], [0, 0, 0, 0]])
    picture = image_grids.mosaic(weights, (2, 2), columns=2)
    assert picture.shape == (2, 5, 4)
    np.testing.assert_allclose(picture[:, :2, 0], [[0.5, 1.0], [0.25, 0.75]])
    np.testing.assert_allclose(picture[:, 3:, 0], 0.5)
    np.testing.assert_array_equal(picture[:, 2, 3], 0)


def test_channels_may_come_first_or_last():
    """Three planes make one color picture, whichever axis holds them."""
    first = np.arange(1.0, 76.0)
    last = np.moveaxis(first.reshape(3, 5, 5), 0, -1).reshape(1, 75)
    colors = image_grids.mosaic(first[None], (3, 5, 5))
    np.testing.assert_array_equal(colors, image_grids.mosaic(last, (5, 5, 3)))
    assert not np.array_equal(colors[..., 0], colors[..., 1])


@pytest.mark.parametrize(
    ("shape", "yes"), [((8, 8), True), ((2, 32, 32), True), ((32, 32, 3), True), ((5000,), False)]
)
def test_only_pictures_are_drawn(shape, yes):
    """Words have no picture."""
    assert image_grids.drawable(shape) is yes
