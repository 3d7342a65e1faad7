"""Smoothing distortions: motion blur and spatially Gaussian smoothing.

Legend of shape suffixes: N images, H rows, W columns, T taps of a filter, 2 (row, column).
"""

import torch
from torch import Tensor

from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.module import Characters


def motion_blur(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Average each pixel with the pixels on a line from it, of random direction and length.

    The line ends at the pixel nearest to round(|N(0, (3c)^2)|) pixels away. As in GIMP, it has one
    sample in each row or column it crosses, and samples outside the image are ignored.
    """
    end_N2 = _line_ends(c_N, draws)
    samples_N = end_N2.abs().amax(1)
    order_N = samples_N.argsort(descending=True, stable=True)
    end_N2, x_sorted = end_N2.index_select(0, order_N), x_NHW.index_select(0, order_N)
    step_N2 = end_N2 / samples_N.index_select(0, order_N).clamp(min=1).unsqueeze(1)
    total, count = x_sorted.clone(), torch.ones_like(x_sorted)
    for step, images in enumerate(_reaching(samples_N), start=1):
        away_N2 = (step * step_N2[:images]).round_().long()
        moved, inside = _shifted(x_sorted[:images], away_N2)
        total[:images] += moved
        count[:images] += inside
    return torch.empty_like(x_NHW).index_copy_(0, order_N, total.div_(count))


def _line_ends(c_N: Tensor, draws: Draws) -> Tensor:
    """Return the end of each image's line [N, 2], whole pixels in float32."""
    length_N = (3 * c_N * draws.normal("motion blur/length")).round_().abs_().double()
    angle_N = draws.uniform("motion blur/angle").double().mul_(2 * torch.pi)
    end_N2 = torch.stack([length_N * angle_N.sin(), length_N * angle_N.cos()], 1)
    return end_N2.round_().float()


def _reaching(samples_N: Tensor) -> list[int]:
    """Return the number of lines that have at least 1, 2, ... samples."""
    reached = torch.bincount(samples_N.long()).flip(0).cumsum(0).flip(0)
    return list(reached[1:].tolist())


def _shifted(x_NHW: Tensor, away_N2: Tensor) -> tuple[Tensor, Tensor]:
    """Return the images shifted by `away_N2`, 0 outside, and which pixels [N, H, W] are inside."""
    images, rows, columns = x_NHW.shape
    down_N, across_N = away_N2.unbind(1)
    y_NH1 = (torch.arange(rows, device=x_NHW.device) + down_N.unsqueeze(1)).unsqueeze(2)
    x_N1W = (torch.arange(columns, device=x_NHW.device) + across_N.unsqueeze(1)).unsqueeze(1)
    inside = ((y_NH1 >= 0) & (y_NH1 < rows)) & ((x_N1W >= 0) & (x_N1W < columns))
    first_N11 = torch.arange(images, device=x_NHW.device).view(-1, 1, 1) * (rows * columns)
    place = y_NH1.clamp(0, rows - 1) * columns + first_N11 + x_N1W.clamp(0, columns - 1)
    moved = x_NHW.reshape(-1).index_select(0, place.view(-1)).view(x_NHW.shape)
    return moved.mul_(inside), inside


def gaussian_smoothing(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Blend in a blurred copy of each image around a few random spots.

    There are 3 + floor(U 10c) spots. The blur is a Gaussian exp(-r^2 / s^2) with s = 2 + 6cU on a
    square kernel of 12 + floor(U 20c) pixels; the copy is stretched to the image's maximum. Its
    weight is (sqrt 2 - r / h)^5 on each spot's square of half width h; the image has weight 1.
    """
    u_N3 = draws.uniform("gaussian smoothing/size", 3) * c_N.unsqueeze(1)
    size_N = 12 + (20 * u_N3[:, 1]).floor()
    blurred = _stretched(_blurred(x_NHW, 2 + 6 * u_N3[:, 0], size_N), x_NHW)
    weight = _spots(x_NHW, size_N, 3 + (10 * u_N3[:, 2]).floor(), draws)
    return ((x_NHW + blurred * weight) / (weight + 1)).clamp_(0, 1)


def _blurred(x_NHW: Tensor, sigma_N: Tensor, size_N: Tensor) -> Tensor:
    """Filter rows and columns, tap by tap: a matrix product may round differently by batch."""
    reach = int(size_N.max()) // 2
    taps_T = torch.arange(-reach, reach + 1, device=x_NHW.device)
    half_N1 = (size_N / 2).floor().unsqueeze(1)
    place_NT = taps_T + half_N1
    far_NT = (place_NT - size_N.unsqueeze(1) / 2).double() / sigma_N.double().unsqueeze(1)
    within_NT = (place_NT >= 0) & (place_NT < size_N.unsqueeze(1))
    weight_NT = torch.exp(-far_NT.square()).float() * within_NT
    for dim in (1, 2):
        x_NHW = _filtered(x_NHW, weight_NT, dim)
    return x_NHW


def _filtered(x_NHW: Tensor, weight_NT: Tensor, dim: int) -> Tensor:
    length, taps = x_NHW.shape[dim], weight_NT.shape[1]
    out_NHW = torch.zeros_like(x_NHW)
    for tap in range(max(0, taps // 2 + 1 - length), min(taps, taps // 2 + length)):
        offset = tap - taps // 2
        target = out_NHW.narrow(dim, max(0, offset), length - abs(offset))
        source = x_NHW.narrow(dim, max(0, -offset), length - abs(offset))
        target += source * weight_NT[:, tap].view(-1, 1, 1)
    return out_NHW


def _stretched(y_NHW: Tensor, x_NHW: Tensor) -> Tensor:
    """Stretch blurred images to the minimum and maximum of `x_NHW`, as the generator does."""
    low, high = y_NHW.amin((1, 2), keepdim=True), y_NHW.amax((1, 2), keepdim=True)
    floor, ceiling = x_NHW.amin((1, 2), keepdim=True), x_NHW.amax((1, 2), keepdim=True)
    return (y_NHW - low + floor) / (high - low + floor).clamp_(min=1e-6) * ceiling


def _spots(x_NHW: Tensor, size_N: Tensor, count_N: Tensor, draws: Draws) -> Tensor:
    """Return the weight of the blurred copy [N, H, W]."""
    _, rows, columns = x_NHW.shape
    half_N11 = (size_N / 2).view(-1, 1, 1)
    y_H1 = torch.arange(rows, device=x_NHW.device).unsqueeze(1)
    x_W = torch.arange(columns, device=x_NHW.device)
    weight = torch.zeros_like(x_NHW)
    for spot in range(int(count_N.max())):
        place_N2 = draws.uniform(f"gaussian smoothing/spot {spot}", 2)
        center = [(place_N2[:, k, None, None] * n).floor_() for k, n in enumerate((rows, columns))]
        shift_N11 = half_N11.floor() - half_N11  # half a pixel where the square is odd
        down_NH1, across_N1W = y_H1 - center[0] + shift_N11, x_W - center[1] + shift_N11
        inside = _in(down_NH1, half_N11) & _in(across_N1W, half_N11)
        inside &= (spot < count_N).view(-1, 1, 1)
        distance = (down_NH1.square() + across_N1W.square()).sqrt_()
        peak = 2**0.5 - distance / half_N11
        weight += peak.square().square_().mul_(peak).mul_(inside)
    return weight


def _in(offset: Tensor, half_N11: Tensor) -> Tensor:
    return (offset >= -half_N11) & (offset < half_N11)
