"""Thickness: a grey dilation or erosion of each image, or neither.

Legend of shape suffixes: N images, H rows, W columns.
"""

import torch
from torch import Tensor

from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.module import Characters

# (rows, columns) of the structuring elements in the order in which complexity opens them. Of the
# generator's twelve, the last three are out of reach of the at most nine that are ever used.
RECTANGLES = [(1, 2), (2, 1), (2, 2), (0, 0), (2, 3), (3, 2), (3, 3), (3, 4), (4, 3)]
CROSS = 3  # the element that is no rectangle: a pixel and its four neighbors
ERODING, DILATING = 5, 9  # elements at complexity 1


def thickness(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Thin or thicken strokes, then stretch each image back to its own maximum.

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
    """Return 0 for nothing, 1 to 5 for erosion, 6 to 14 for dilation, by element [N]."""
    erosions_N, dilations_N = (ERODING * c_N).ceil(), (DILATING * c_N).ceil()
    place_N = draws.uniform("thickness/operation") * (erosions_N + dilations_N + 1)
    erode_N, nothing_N = place_N < erosions_N, place_N >= erosions_N + dilations_N
    kinds_N = place_N.floor() + 1  # the place within its interval is uniform: it is the element
    dilation_N = (place_N - erosions_N).floor() + 1 + ERODING
    return torch.where(erode_N, kinds_N, dilation_N).masked_fill_(nothing_N, 0).long()


def _morphed(x_NHW: Tensor, kind: int) -> Tensor:
    if kind >= ERODING:
        return _stretched(dilate(x_NHW, kind - ERODING), x_NHW)
    return _stretched(-dilate(-x_NHW.flip(1, 2), kind).flip(1, 2), x_NHW)


def dilate(x_NHW: Tensor, element: int) -> Tensor:
    """Return the grey dilation [N, H, W] by structuring element number `element`, from 0 to 8.

    Even elements reach further right and down, as scipy.ndimage.grey_dilation has it.
    """
    if element == CROSS:
        return torch.maximum(_window(x_NHW, 1, 3), _window(x_NHW, 2, 3))
    rows, columns = RECTANGLES[element]
    return _window(_window(x_NHW, 1, rows), 2, columns)


def _window(x_NHW: Tensor, dim: int, size: int) -> Tensor:
    """Return the maximum over a window of 1 to 4 pixels; what is outside does not count."""
    length = x_NHW.shape[dim]
    out_NHW = x_NHW.clone() if size > 1 else x_NHW
    for offset in range(-((size - 1) // 2), size // 2 + 1):
        if offset:
            inner = out_NHW.narrow(dim, max(0, -offset), length - abs(offset))
            other = x_NHW.narrow(dim, max(0, offset), length - abs(offset))
            torch.maximum(inner, other, out=inner)
    return out_NHW


def _stretched(x_NHW: Tensor, before_NHW: Tensor) -> Tensor:
    """Stretch each image to [0, maximum before]; a flat one gives way to the image before."""
    low_N11, high_N11 = x_NHW.amin((1, 2), keepdim=True), x_NHW.amax((1, 2), keepdim=True)
    flat_N11 = high_N11 <= low_N11
    scale_N11 = before_NHW.amax((1, 2), keepdim=True) / (high_N11 - low_N11).masked_fill_(
        flat_N11, 1
    )
    return torch.where(flat_N11, before_NHW, ((x_NHW - low_N11) * scale_N11).clamp_(max=1))
