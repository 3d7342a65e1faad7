"""Distortions of gray levels: thickness of strokes, noise on single pixels, contrast.

Legend of shape suffixes: N images, H rows, W columns.
"""

import torch
from torch import Tensor

from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.module import Characters

# (rows, columns) of the structuring elements, in the order in which complexity allows them. The
# generator lists twelve but uses at most nine.
RECTANGLES = [(1, 2), (2, 1), (2, 2), (0, 0), (2, 3), (3, 2), (3, 3), (3, 4), (4, 3)]
CROSS = 3  # index of the element that is not a rectangle: a pixel and its four neighbors
ERODING, DILATING = 5, 9  # numbers of elements at complexity 1


def thickness(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Erode or dilate the strokes of each image, then stretch it to its previous maximum.

    With n = ceil(5c) and m = ceil(9c): erosion with probability n / (n + m + 1), dilation with
    m / (n + m + 1), else nothing; the element is one of the first n or m, uniformly. An erosion
    that would leave no ink leaves the image as it was (the generator divides by zero there).
    """
    kinds_N = _kinds(c_N, draws)
    order_N = kinds_N.argsort(stable=True)
    counts = torch.bincount(kinds_N, minlength=1 + ERODING + DILATING).tolist()
    same, *parts = x_NHW.index_select(0, order_N).split(counts)
    done = [_morphed(part, kind) if len(part) else part for kind, part in enumerate(parts)]
    return torch.empty_like(x_NHW).index_copy_(0, order_N, torch.cat([same, *done]))


def _kinds(c_N: Tensor, draws: Draws) -> Tensor:
    """Return the operation on each image [N]: 0 none, 1 to 5 erosion, 6 to 14 dilation."""
    erosions_N, dilations_N = (ERODING * c_N).ceil(), (DILATING * c_N).ceil()
    place_N = draws.uniform("thickness/operation") * (erosions_N + dilations_N + 1)
    erode_N, nothing_N = place_N < erosions_N, place_N >= erosions_N + dilations_N
    kinds_N = place_N.floor() + 1  # uniform within its interval, so it also draws the element
    dilation_N = (place_N - erosions_N).floor() + 1 + ERODING
    return torch.where(erode_N, kinds_N, dilation_N).masked_fill_(nothing_N, 0).long()


def _morphed(x_NHW: Tensor, kind: int) -> Tensor:
    if kind >= ERODING:
        return _stretched(dilate(x_NHW, kind - ERODING), x_NHW)
    return _stretched(-dilate(-x_NHW.flip(1, 2), kind).flip(1, 2), x_NHW)


def dilate(x_NHW: Tensor, element: int) -> Tensor:
    """Return the gray dilation [N, H, W] by structuring element `element`, from 0 to 8.

    Elements of even size reach further right and down, as in scipy.ndimage.grey_dilation.
    """
    if element == CROSS:
        return torch.maximum(_window(x_NHW, 1, 3), _window(x_NHW, 2, 3))
    rows, columns = RECTANGLES[element]
    return _window(_window(x_NHW, 1, rows), 2, columns)


def _window(x_NHW: Tensor, dim: int, size: int) -> Tensor:
    """Return the maximum over a window of 1 to 4 pixels along `dim`, pixels outside ignored."""
    length = x_NHW.shape[dim]
    out_NHW = x_NHW.clone() if size > 1 else x_NHW
    for offset in range(-((size - 1) // 2), size // 2 + 1):
        if offset:
            inner = out_NHW.narrow(dim, max(0, -offset), length - abs(offset))
            other = x_NHW.narrow(dim, max(0, offset), length - abs(offset))
            torch.maximum(inner, other, out=inner)
    return out_NHW


def _stretched(x_NHW: Tensor, before_NHW: Tensor) -> Tensor:
    """Stretch each image to [0, maximum of `before`]; a constant image is replaced by `before`."""
    low_N11, high_N11 = x_NHW.amin((1, 2), keepdim=True), x_NHW.amax((1, 2), keepdim=True)
    flat_N11 = high_N11 <= low_N11
    scale_N11 = before_NHW.amax((1, 2), keepdim=True) / (high_N11 - low_N11).masked_fill_(
        flat_N11, 1
    )
    return torch.where(flat_N11, before_NHW, ((x_NHW - low_N11) * scale_N11).clamp_(max=1))


def pixel_permutation(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Swap a share c/3 of the pixels with a neighbor, equally often left, right, up and down.

    The generator swaps pixel by pixel; here each direction is done at once, and a pixel whose
    neighbor swaps in the same direction is left out (at c = 1 one in twelve). Pixels at the edge
    have no neighbor outside the image.
    """
    u_NHW = draws.uniform("pixel permutation/pixels", *x_NHW.shape[1:])
    share_N11 = c_N.view(-1, 1, 1) / 12
    for turn, (dim, ahead) in enumerate(((2, False), (2, True), (1, False), (1, True))):
        chosen = (u_NHW >= turn * share_N11) & (u_NHW < (turn + 1) * share_N11)
        x_NHW = _swapped(x_NHW, chosen, dim, ahead=ahead)
    return x_NHW


def _swapped(x_NHW: Tensor, chosen_NHW: Tensor, dim: int, *, ahead: bool) -> Tensor:
    """Swap the chosen pixels with the next pixel along `dim`, or without `ahead` the previous."""
    last = x_NHW.shape[dim] - 1
    first, second = chosen_NHW.narrow(dim, 0, last), chosen_NHW.narrow(dim, 1, last)
    swap = first & ~second if ahead else second & ~first
    out = x_NHW.clone()
    low, high = x_NHW.narrow(dim, 0, last), x_NHW.narrow(dim, 1, last)
    out_low, out_high = out.narrow(dim, 0, last), out.narrow(dim, 1, last)
    out_low.copy_(torch.where(swap, high, out_low))
    out_high.copy_(torch.where(swap, low, out_high))
    return out


def gaussian_noise(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Add N(0, (c/10)^2) to each pixel and clip to [0, 1]."""
    noise_NHW = draws.normal("gaussian noise/pixels", *x_NHW.shape[1:])
    return (x_NHW + noise_NHW * (c_N / 10).view(-1, 1, 1)).clamp_(0, 1)


def salt_and_pepper(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Replace each pixel with probability c/5 by U[0, 1)."""
    share_N11 = (c_N / 5).view(-1, 1, 1)
    u_NHW = draws.uniform("salt and pepper/pixels", *x_NHW.shape[1:])
    # A draw below the share, divided by the share, is uniform in [0, 1) again.
    return torch.where(u_NHW < share_N11, u_NHW / share_N11.clamp(min=1e-9), x_NHW)


def contrast(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Map [0, 1] onto [(1 - C) / 2, (1 + C) / 2], C ~ U[1 - 0.85c, 1]; invert half of the images.

    As in the paper: this part of the generator's code is not public.
    """
    scale_N11 = (1 - 0.85 * c_N * draws.uniform("contrast/loss")).view(-1, 1, 1)
    inverted_N11 = (draws.uniform("contrast/polarity") < 0.5).view(-1, 1, 1)
    level_NHW = torch.where(inverted_N11, 1 - x_NHW, x_NHW)
    return level_NHW * scale_N11 + (1 - scale_N11) / 2
