"""Geometric distortions: slant, affine, local elastic, pinch.

All are backward warps: each pixel of the new image is read from a position in the old image.

Legend of shape suffixes: N images, H rows, W columns, F displacement fields, R distinct distances
from the center, P pixels, 2 (column, row).
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.module import Characters
from pipeline.runtime.seeds import stream

FIELDS = 50  # displacement fields per tenth of complexity
TENTHS = 10


def slant(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Shift row y cyclically by round(s y) columns, and all rows back by round(s H / 2).

    The shear s has size U[0, c] and a random sign, which is the paper's U[-c, c].
    """
    _, rows, columns = x_NHW.shape
    shear_N1 = ((2 * draws.uniform("slant/shear") - 1) * c_N).unsqueeze(1)
    y_H = torch.arange(rows, device=x_NHW.device)
    shift_NH = (shear_N1 * y_H).round_() - (shear_N1 * rows / 2).round_()
    source_NH = shift_NH.neg_().long().remainder_(columns)
    first_NH = source_NH.add_(2 * columns * y_H).unsqueeze(2)
    place_NHW = first_NH + torch.arange(columns, device=x_NHW.device)
    return _fetch(torch.cat([x_NHW, x_NHW], 2), place_NHW)


def affine(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Read pixel (x, y) from the pixel at (a x + b y + e, d x + f y + g), 0 outside.

    a, f in 1 +- 0.4c, b, d in +- 0.4c, e, g in +- 4.5c pixels, all uniform, with the origin in the
    top left corner, without interpolation: as in the generator's code; the paper has 3c and 4c.
    """
    _, rows, columns = x_NHW.shape
    spread_N6 = (2 * draws.uniform("affine/matrix", 6) - 1) * c_N.unsqueeze(1)
    a, b, d, f = (0.4 * spread_N6[:, :4]).unsqueeze(2).unbind(1)
    shift_x, shift_y = (4.5 * spread_N6[:, 4:]).unsqueeze(2).unbind(1)
    x_W = torch.arange(columns, device=x_NHW.device) + 0.5
    y_H = torch.arange(rows, device=x_NHW.device) + 0.5
    across_NHW = _pixels((1 + a) * x_W, b * y_H + shift_x, columns)
    down_NHW = _pixels(d * x_W, (1 + f) * y_H + shift_y, rows)
    place_NHW = down_NHW.mul_(columns + 2).add_(across_NHW).long()
    return _fetch(functional.pad(x_NHW, (1, 1, 1, 1)), place_NHW)


def local_elastic(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Displace pixels by a smooth random field, bilinear, 0 outside (Simard et al. 2003).

    The field is one of 50 per tenth of complexity; below a tenth, the image is unchanged.
    """
    _, rows, columns = x_NHW.shape
    tenth_N = (10 * c_N).long().clamp_(max=9)
    field_N = tenth_N * FIELDS + draws.integers("local elastic/field", FIELDS)
    moved_N = (tenth_N > 0).nonzero().squeeze(1)
    bank_FHW2 = elastic_bank(rows, columns, x_NHW.device)
    from_NHW2 = bank_FHW2.index_select(0, field_N.index_select(0, moved_N))
    return x_NHW.index_copy(0, moved_N, _bilinear(x_NHW.index_select(0, moved_N), from_NHW2))


@lru_cache
def elastic_bank(rows: int, columns: int, device: torch.device) -> Tensor:
    """Return the source of each pixel in every displacement field [10 * 50, H, W, 2].

    Fields are sorted by tenth of complexity; image edges are at -1 and 1. As in Simard et al.
    2003: independent U[-1, 1], smoothed by a Gaussian and scaled, here with the NISTP generator's
    alpha = 10 c^(1/3), sigma = 10 - 7 c^(1/3), kernel of 1.5 sigma and no displacement at c = 0.
    The fields are the same in every process.
    """
    tenths = [_displacements(rows, columns, tenth) for tenth in range(TENTHS)]
    moved_FHW2 = torch.from_numpy(np.concatenate(tenths))
    across_W = torch.arange(columns, dtype=torch.float64) + 0.5
    down_H = torch.arange(rows, dtype=torch.float64) + 0.5
    own_HW2 = torch.stack(torch.meshgrid(across_W, down_H, indexing="xy"), 2)
    size_2 = torch.tensor([columns, rows])
    return ((own_HW2 + moved_FHW2) * 2 / size_2 - 1).float().to(device)


def _displacements(rows: int, columns: int, tenth: int) -> NDArray[np.float64]:
    """Return fields [50, H, W, 2] in pixels."""
    from scipy.ndimage import correlate1d  # slow to import, and few stages draw images

    pace = np.cbrt(tenth / TENTHS)
    alpha, sigma = 10 * pace, 10 - 7 * pace
    taps = np.arange(np.ceil(1.5 * sigma))
    kernel = np.exp(-(((taps - 0.75 * sigma) / sigma) ** 2))
    kernel /= kernel.sum()
    margin = len(kernel)
    shape = (FIELDS, rows + 2 * margin, columns + 2 * margin, 2)
    noise = np.random.default_rng(stream("elastic fields", tenth)).uniform(-1, 1, shape)
    smooth = correlate1d(correlate1d(noise, kernel, axis=1), kernel, axis=2)
    return np.asarray(alpha * smooth[:, margin:-margin, margin:-margin])


def pinch(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Read each pixel sin(pi d / 2)^-p times as far from the center, d < 1 its relative distance.

    GIMP's whirl and pinch with p ~ U[-c, 0.7c], bilinear: the center shrinks for p > 0 and grows
    for p < 0. The center pixel and all pixels outside the inscribed ellipse stay.
    """
    _, rows, columns = x_NHW.shape
    log_sine_R, place_P, away_HW2 = _polar(rows, columns, x_NHW.device)
    p_N = (1.7 * draws.uniform("pinch/strength") - 1) * c_N
    factor_NR = torch.exp(-p_N.double().unsqueeze(1) * log_sine_R).float()
    factor_NHW = factor_NR.index_select(1, place_P).view(-1, rows, columns)
    return _bilinear(x_NHW, factor_NHW.unsqueeze(3) * away_HW2)


@lru_cache
def _polar(rows: int, columns: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return polar coordinates of the pixels of an image, from its center.

    They are log sin(pi d / 2) of the distinct distances d [R], the index of each pixel's distance
    among them [P], and each pixel's offset [H, W, 2] in half images.
    """
    across, down = (
        (2 * torch.arange(size, dtype=torch.float64) + 1) / size - 1 for size in (columns, rows)
    )
    away_HW2 = torch.stack(torch.meshgrid(across, down, indexing="xy"), 2)
    distance_HW = away_HW2.square().sum(2).sqrt_().clamp_(1e-9, 1).mul(1e9).round_()
    distance_R, place_HW = distance_HW.unique(return_inverse=True)
    log_sine_R = torch.sin(torch.pi / 2 * distance_R / 1e9).log_()
    return log_sine_R.to(device), place_HW.flatten().to(device), away_HW2.float().to(device)


def _pixels(x_NW: Tensor, y_NH: Tensor, size: int) -> Tensor:
    """Return the index of the pixel that holds x + y, with one pixel of border at each end."""
    sum_NHW = y_NH.unsqueeze(2) + x_NW.unsqueeze(1)
    return sum_NHW.floor_().clamp_(-1, size).add_(1)


def _fetch(x_NHW: Tensor, place_NHW: Tensor) -> Tensor:
    """Return the pixels at `place_NHW`, indices into each flattened image, modified in place."""
    first_N = torch.arange(len(x_NHW), device=x_NHW.device) * x_NHW.shape[1:].numel()
    place_NHW.add_(first_N.view(-1, 1, 1))
    return x_NHW.reshape(-1).index_select(0, place_NHW.view(-1)).view(place_NHW.shape)


def _bilinear(x_NHW: Tensor, from_NHW2: Tensor) -> Tensor:
    """Return the images interpolated at `from_NHW2`, 0 outside; image edges are at -1 and 1."""
    x_N1HW = x_NHW.unsqueeze(1)
    return functional.grid_sample(x_N1HW, from_NHW2, align_corners=False).squeeze(1)
