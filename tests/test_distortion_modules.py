"""Modules of the character generator, compared with their definitions."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from pipeline.data.splits.distortions import blur, intensity, overlays
from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.geometry import elastic_bank
from pipeline.data.splits.distortions.intensity import (
    CROSS,
    ERODING,
    RECTANGLES,
    _kinds,
    _morphed,
    contrast,
    dilate,
    thickness,
)
from pipeline.data.splits.distortions.module import Characters
from pipeline.data.splits.distortions.pipelines import PIPELINES
from tests.test_distortions import SHAPES

N, C = 1000, 0.6
DRAWS = Draws(11, torch.arange(N))
C_N = torch.full((N,), C)
ROW = torch.arange(32.0)
SMALL = Characters(SHAPES.x_MHW[:, 3:-3, :-3].contiguous(), SHAPES.y_M)
MODULES = {module.name: module for module in PIPELINES["p07"]}


def blank(value: float = 0.0) -> Tensor:
    return torch.full((N, 32, 32), value)


def points(row: int, column: int, size: int = 0) -> Tensor:
    x = blank()
    x[:, row - size : row + size + 1, column - size : column + size + 1] = 1
    return x


def glyphs() -> Tensor:
    return SHAPES.x_MHW[torch.arange(N) % 6].float() / 255


def centers(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean row and column of the ink, NaN without ink."""
    mass = x.sum((1, 2))
    return (x.sum(2) * ROW).sum(1) / mass, (x.sum(1) * ROW).sum(1) / mass


def apply(name: str, x: Tensor, c_N: Tensor = C_N) -> Tensor:
    return MODULES[name].apply(x, c_N, DRAWS, SHAPES)


def changed(name: str, x: Tensor) -> Tensor:
    return (apply(name, x) != x).flatten(1).any(1)


def test_slant_shears_an_upright_line_about_the_center() -> None:
    """Each row moves by round(s y) - round(s H / 2), with s uniform in [-c, c]."""
    x = blank()
    x[:, :, 16] = 1
    columns = apply("slant", x).argmax(2) - 16
    s = (columns[:, 31] - columns[:, 0]) / 31
    assert s.abs().max() <= C + 0.04
    assert abs(s.mean()) < 0.04
    assert abs(s.var() - C**2 / 3) < 0.01
    expected = (2 * DRAWS.uniform("slant/shear") - 1) * C
    assert (s - expected).abs().max() < 0.05
    assert columns[:, 16].abs().max() <= 1


def test_slant_moves_ink_around_the_edges() -> None:
    """Slant only permutes the pixels of a row."""
    x = torch.rand(N, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(apply("slant", x).sort(2).values, x.sort(2).values)


@pytest.mark.parametrize("element", range(9))
def test_morphology_is_that_of_scipy(element: int) -> None:
    """Dilation and erosion by every element agree with scipy's, at the borders too."""
    x = torch.rand(3, 11, 13, generator=torch.Generator().manual_seed(0))
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    shape = cross if element == CROSS else np.ones(RECTANGLES[element])
    dilated = np.stack([ndimage.grey_dilation(one, footprint=shape) for one in x.numpy()])
    eroded = np.stack([ndimage.grey_erosion(one, footprint=shape) for one in x.numpy()])
    assert np.array_equal(dilate(x, element).numpy(), dilated)
    ours = _morphed(x, min(element, ERODING - 1)).numpy()
    if element < ERODING:
        low, high = eroded.min((1, 2), keepdims=True), eroded.max((1, 2), keepdims=True)
        stretched = (eroded - low) / (high - low) * x.numpy().max((1, 2), keepdims=True)
        np.testing.assert_allclose(ours, stretched, atol=1e-6)


def test_operations_come_as_often_as_defined() -> None:
    """At c = .6: erosion 3/10 by one of 3 elements, dilation 6/10 by one of 6, none 1/10."""
    kinds = _kinds(torch.full((20000,), 0.59), Draws(1, torch.arange(20000)))
    shares = torch.bincount(kinds, minlength=15) / 20000
    assert shares[[0, 1, 2, 3, 6, 7, 8, 9, 10, 11]].tolist() == pytest.approx([0.1] * 10, abs=0.01)
    assert shares.sum() == pytest.approx(1)


def test_thickness_keeps_black_and_white() -> None:
    """Images keep their maximum; erosion removes ink from strokes, dilation adds some."""
    x = glyphs()
    out, kinds = thickness(x, C_N, DRAWS, SHAPES), _kinds(C_N, DRAWS)
    assert torch.allclose(out.amax((1, 2)), x.amax((1, 2)))
    growth = (out > 0.5).sum((1, 2)) - (x > 0.5).sum((1, 2))
    assert (growth[kinds > ERODING] > 0).all()
    assert (growth[(kinds > 0) & (kinds <= ERODING)] < 0).all()
    assert torch.equal(out[kinds == 0], x[kinds == 0])


def test_an_erosion_never_empties_an_image() -> None:
    """A single pixel, which any erosion would remove, stays."""
    out = apply("thickness", points(9, 9))
    assert (out.sum((1, 2)) >= 1).all()


def test_affine_moves_by_its_matrix() -> None:
    """The center moves by the inverse of x -> A x + t, with A and t in their ranges."""
    u = 2 * DRAWS.uniform("affine/matrix", 6).double() - 1
    matrix = torch.eye(2) + 0.4 * C * u[:, :4].view(-1, 2, 2)
    target = torch.tensor([12.0, 12.0]) - 4.5 * C * u[:, 4:]
    expected = torch.linalg.solve(matrix, target) - 0.5
    row, column = centers(apply("affine", points(11, 11, 1) + points(12, 12, 1)) > 0)
    error = torch.stack([column, row], 1) - expected
    inside = (expected > 4).all(1) & (expected < 28).all(1)
    assert inside.float().mean() > 0.9
    assert error[inside].abs().max() < 1.0
    assert error[inside].mean().abs() < 0.05
    assert (error * u[:, 4:])[inside].mean().abs() < 0.03  # no part of the translation is missing


def test_affine_translations_fill_their_range() -> None:
    """The source column of the top left corner is uniform within 4.5c pixels."""
    column = apply("affine", (ROW + 1).expand(N, 32, 32))[:, 0, 0] - 1  # -1 where it is outside
    inside, far = 0.5 + 0.5 / (9 * C), (4.5 * C - 1.5) / (9 * C)
    assert column.max() <= 4.5 * C + 0.5 + 0.4 * C
    assert abs((column >= 0).float().mean() - inside**2) < 0.05  # the row must be inside too
    assert abs((column >= 2).float().mean() - inside * far) < 0.05


def test_elastic_fields_have_the_strength_of_their_tenth() -> None:
    """Displacements are smooth, of mean 0 and deviation alpha / sqrt 3 times the kernel's norm."""
    bank = elastic_bank(32, 32, torch.device("cpu")).view(10, 50, 32, 32, 2)
    own = (2 * torch.arange(32) + 1) / 32 - 1
    moved = (bank - torch.stack(torch.meshgrid(own, own, indexing="xy"), 2)) * 16
    assert moved[0].abs().max() < 1e-5
    for tenth in (1, 5, 9):
        pace = (tenth / 10) ** (1 / 3)
        sigma = 10 - 7 * pace
        kernel = np.exp(-((np.arange(np.ceil(1.5 * sigma)) / sigma - 0.75) ** 2))
        expected = 10 * pace / 3**0.5 * (kernel**2).sum() / kernel.sum() ** 2
        assert moved[tenth].std() == pytest.approx(expected, rel=0.05)
        assert moved[tenth].mean().abs() < 0.1 * expected
        assert moved[tenth].diff(dim=2).std() < expected


def test_elastic_uses_all_fields_of_its_tenth() -> None:
    """A point moves to 50 nearby places, and does not move below a tenth."""
    row, column = centers(apply("local elastic", points(16, 16, 2)))
    assert len(row.unique()) == 50
    assert (row - 16).abs().max() < 3
    assert torch.equal(apply("local elastic", glyphs(), C_N / 7), glyphs())
    assert abs(column.mean() - 16) < 0.3


def test_pinch_keeps_the_center_and_the_border() -> None:
    """Pixels outside the inscribed circle stay, and so does the symmetry about the center."""
    x = torch.rand(N, 32, 32, generator=torch.Generator().manual_seed(0))
    y = (2 * ROW + 1) / 32 - 1
    outside = (y.square() + y.square().unsqueeze(1)) > 1
    out = apply("pinch", x)
    assert torch.allclose(out[:, outside], x[:, outside], atol=1e-5)
    square = blank()
    square[:, 14:18, 14:18] = 1
    row, column = centers(apply("pinch", square))
    assert torch.allclose(torch.stack([row, column]), torch.tensor(15.5), atol=1e-3)


def test_pinch_scales_the_center_by_its_strength() -> None:
    """A ring of radius r appears where sin(pi d / 2)^-p d = r, with p uniform in [-c, 0.7c]."""
    p = (1.7 * DRAWS.uniform("pinch/strength") - 1) * C
    assert -C <= p.min() < -0.9 * C
    assert 0.6 * C < p.max() <= 0.7 * C
    y = (2 * ROW + 1) / 32 - 1
    ramp = (y.square() + y.square().unsqueeze(1)).sqrt().expand(N, 32, 32)
    out, d = apply("pinch", ramp), ramp[0, 16, 22]
    expected = torch.sin(torch.pi / 2 * d).pow(-p) * d
    assert (out[:, 16, 22] - expected).abs().max() < 0.02


def test_motion_blur_spreads_a_point_along_a_line() -> None:
    """A point becomes a line of equally weighted pixels, of the drawn length and angle."""
    x = points(16, 16)
    out = apply("motion blur", x)
    assert torch.allclose(out.sum((1, 2)), torch.ones(N), atol=1e-5)
    length = 1 / out.amax((1, 2)) - 1
    drawn = (3 * C * DRAWS.normal("motion blur/length")).round().abs()
    angle = DRAWS.uniform("motion blur/angle") * 2 * torch.pi
    longer = torch.maximum(angle.sin().abs(), angle.cos().abs()) * drawn
    assert torch.allclose(length, longer.round(), atol=1e-4)
    assert abs(drawn.square().mean() - (3 * C) ** 2) < 0.4
    assert ((out > 0).sum((1, 2)) == length.round() + 1).all()
    row, column = centers(out)
    assert (row - 16 + drawn * angle.sin() / 2).abs().max() < 0.55
    assert abs((row - 16).mean()) < 0.1
    assert abs((column - 16).mean()) < 0.1
    assert torch.allclose(apply("motion blur", blank(0.5)), blank(0.5))


def test_scratches_cross_a_share_of_the_images() -> None:
    """15% of the images get bright strokes, none at complexity 0."""
    hit = changed("scratches", blank())
    assert abs(hit.float().mean() - 0.15) < 0.03
    everywhere = overlays.scratches(blank(), C_N, DRAWS, SHAPES)
    rows = (everywhere > 0.5).any(2).sum(1).maximum((everywhere > 0.5).any(1).sum(1))
    assert (rows >= 16).all()
    assert (apply("scratches", glyphs()) >= glyphs()).all()
    assert not (apply("scratches", blank(), C_N * 0) > 0).any()


def test_strokes_are_one_to_three_and_thinner_when_simple() -> None:
    """One, two and three strokes have probabilities .5, .3 and .2; complexity widens them."""
    u = DRAWS.uniform("scratches/strokes")
    ink = overlays.scratches(blank(), torch.full((N,), 0.001), DRAWS, SHAPES)  # all level
    level = (ink[:, :, 0] > 0.6).int()
    bands = (level.diff(dim=1, prepend=torch.zeros(N, 1).int()) > 0).sum(1)
    assert (bands[u >= 0.5] == 1).all()
    assert bands[u < 0.2].float().mean() > bands[(u >= 0.2) & (u < 0.5)].float().mean() > 1.5
    wide = overlays.scratches(blank(), torch.full((N,), 0.9), DRAWS, SHAPES)
    assert wide.mean() > 1.7 * ink.mean()


def test_occlusion_covers_two_in_five() -> None:
    """Pieces lie left, right and (at half their ink) over the center of 40% of the images."""
    full = Characters(torch.full((3, 32, 32), 255, dtype=torch.uint8), torch.arange(3))
    out = MODULES["occlusion"].apply(blank(), C_N, DRAWS, full)
    hit = out.flatten(1).any(1)
    assert abs(hit.float().mean() - 0.4) < 0.05
    pieces = overlays.occlusion(blank(), C_N, DRAWS, full)
    faint = pieces.amax((1, 2)) == 0.5
    assert abs(faint.float().mean() - 1 / 3) < 0.05
    _, column = centers(pieces)
    left, right = ((column - 15.5) * sign > 3 for sign in (-1, 1))
    assert abs(left.float().mean() - right.float().mean()) < 0.08
    assert (left | right)[~faint].float().mean() > 0.8
    heights = (pieces > 0).any(2).sum(1)
    assert abs(heights.float().mean() - (2 * 3.5 + 1)) < 1  # |N(4, 2)| rounds down to 3.5
    assert not (pieces.flatten(1).unique() > 1).any()


def test_a_piece_comes_from_the_middle_of_its_character() -> None:
    """A central piece shows the middle of the other character."""
    x = torch.zeros(1, 32, 32, dtype=torch.uint8)
    x[0, 15, 15] = 255
    out = overlays.occlusion(blank(), C_N, DRAWS, Characters(x, torch.zeros(1).long()))
    central = DRAWS.integers("occlusion/side", 3) == 1
    assert torch.equal(out[central][:, 16, 16], torch.full((int(central.sum()),), 0.5))
    assert (out.flatten(1).count_nonzero(1) == 1).all()


def test_permutation_swaps_neighbors() -> None:
    """About c/3 of the pixels of a fifth of the images are swapped with a neighbor, none lost."""
    x = torch.arange(1024.0).view(32, 32).expand(N, 32, 32)
    out = intensity.pixel_permutation(x, C_N, DRAWS, SHAPES)
    assert torch.equal(out.flatten(1).sort(1).values, x.flatten(1))
    share = (out != x).float().mean() / 2
    assert C / 3 * 0.8 < share < C / 3
    distance = (out - x).abs()
    assert set(distance[distance > 0].unique().tolist()) >= {1.0, 32.0}
    assert ((distance == 1) | (distance == 32) | (distance == 0)).float().mean() > 0.9
    assert abs(changed("pixel permutation", glyphs()).float().mean() - 0.2) < 0.04


def test_noise_has_the_deviation_of_its_complexity() -> None:
    """N(0, (c/10)^2) is added to every pixel of 30% of the images, and clipped."""
    added = intensity.gaussian_noise(blank(0.5), C_N, DRAWS, SHAPES) - 0.5
    assert added.std() == pytest.approx(C / 10, rel=0.01)
    assert abs(added.mean()) < 0.001
    assert abs(changed("gaussian noise", blank(0.5)).float().mean() - 0.3) < 0.05
    clipped = intensity.gaussian_noise(blank(), C_N, DRAWS, SHAPES)
    assert clipped.min() == 0
    assert abs((clipped == 0).float().mean() - 0.5) < 0.01


def test_backgrounds_grow_with_complexity() -> None:
    """The brightest background pixel has the loss of contrast, U[0, c]; ink stays."""
    x = points(5, 5)
    out = apply("background", x)
    assert torch.equal(out[:, 5, 5], torch.ones(N))
    out[:, 5, 5] = 0
    level = out.amax((1, 2))
    assert level.max() <= C
    assert abs(level.mean() - C / 2) < 0.03
    assert len(out.flatten(1).unique(dim=0)) == N
    dim = apply("background", points(5, 5) / 2)
    assert dim.amax((1, 2)).max() <= 0.5


def test_backgrounds_come_from_all_over_the_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crops start at every row and column at which they fit."""
    for dim in (0, 1):
        ramp = torch.arange(1, 101, dtype=torch.uint8).view(-1, 1).expand(100, 100)
        photo = (ramp if dim == 0 else ramp.T).contiguous().unsqueeze(0)
        monkeypatch.setattr(overlays, "photographs", lambda _, photo=photo: photo)
        out = apply("background", points(31, 31))
        first = out[:, 0, 0] / out[:, 0 if dim else 30, 30 if dim else 0]  # s / (s + 30)
        start = (30 * first / (1 - first)).round() - 1
        assert start.min() < 3
        assert 66 <= start.max() <= 68


def test_salt_and_pepper_replaces_a_share() -> None:
    """c/5 of the pixels of a quarter of the images become uniform gray."""
    out = intensity.salt_and_pepper(blank(-1.0), C_N, DRAWS, SHAPES)
    grey = out[out >= 0]
    assert grey.numel() / out.numel() == pytest.approx(C / 5, rel=0.02)
    assert grey.max() <= 1
    assert grey.mean() == pytest.approx(0.5, abs=0.01)
    assert grey.var() == pytest.approx(1 / 12, abs=0.002)
    assert abs(changed("salt and pepper", blank()).float().mean() - 0.25) < 0.04


def test_blurred_copies_are_those_of_scipy() -> None:
    """The filter is the generator's square Gaussian kernel with zero padding."""
    x = torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(0))
    out = blur._blurred(x, torch.tensor([2.5, 4.0]), torch.tensor([14.0, 17.0]))
    for one, result, sigma, size in zip(x, out, (2.5, 4.0), (14, 17), strict=True):
        line = np.exp(-(((np.arange(size) - size / 2) / sigma) ** 2))
        expected = ndimage.convolve(one.double().numpy(), np.outer(line, line), mode="constant")
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5)


def test_smoothing_blends_near_some_spots() -> None:
    """A quarter of the images lose contrast, in part of the image only."""
    x = ((ROW + ROW.unsqueeze(1)) % 2).expand(N, 32, 32).contiguous()
    assert abs(changed("gaussian smoothing", x).float().mean() - 0.25) < 0.04
    out = blur.gaussian_smoothing(x / 2, C_N, DRAWS, SHAPES)
    _, size, count = (DRAWS.uniform("gaussian smoothing/size", 3) * C).unbind(1)
    spots = blur._spots(x, 12 + (20 * size).floor(), 3 + (10 * count).floor(), DRAWS)
    far, near = spots == 0, spots > 4
    assert 0.05 < far.float().mean() < 0.9
    assert torch.equal(out[far], x[far] / 2)
    assert out[near].std() < 0.2
    assert out.min() >= 0
    assert out.max() <= 0.5 + 1e-6
    weight = blur._spots(x, torch.full((N,), 12.0), torch.ones(N), DRAWS)
    assert weight.max() == pytest.approx(2**2.5, rel=1e-4)
    assert (weight > 0).sum((1, 2)).max() <= 144


def test_contrast_squeezes_and_inverts() -> None:
    """Black and white become (1 -+ C) / 2, C in [1 - .85c, 1]; half of the images are inverted."""
    x = blank()
    x[:, 0] = 1
    out = contrast(x, C_N, DRAWS, SHAPES)
    white, black = out[:, 0, 0], out[:, 1, 0]
    assert torch.allclose(white + black, torch.ones(N))
    span = (white - black).abs()
    assert span.min() >= 1 - 0.85 * C - 1e-6
    assert span.mean() == pytest.approx(1 - 0.85 * C / 2, abs=0.02)
    assert abs((white < black).float().mean() - 0.5) < 0.05


@pytest.mark.parametrize("name", MODULES)
def test_modules_do_not_round_by_the_batch(name: str) -> None:
    """No bit of an image depends on the other images of its batch."""
    x_NHW = glyphs()[:, 3:-3, :-3].contiguous()  # 26 x 29: no multiple of a vector's length
    whole = MODULES[name].apply(x_NHW, C_N, DRAWS, SMALL)
    for rows in (torch.arange(5, 12), torch.tensor([999]), torch.arange(0, 1000, 3)):
        part = MODULES[name].apply(x_NHW[rows], C_N[rows], DRAWS.only(rows), SMALL)
        assert torch.equal(part, whole[rows])


def test_modules_keep_to_the_range_and_leave_their_input() -> None:
    """Modules map [0, 1] into [0, 1] at the highest complexity, and leave their input unchanged."""
    x = glyphs()
    before = x.clone()
    for name in MODULES:
        out = apply(name, x, torch.ones(N))
        assert out.min() >= -1e-6
        assert out.max() <= 1 + 1e-6
        assert torch.equal(x, before)
