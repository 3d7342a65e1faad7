"""Overlays on characters: scratches, occlusion by another character, photographic background.

All combine by the maximum, so ink is never removed.

Legend of shape suffixes: N images, H rows, W columns, G photographs, 2 (row, column).
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.module import Characters

SECOND, THIRD = 0.5, 0.2  # probability of at least two scratches, and of three
CAP = 15  # most pixels from the middle of an occluding piece to its edge
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, the gray of Pillow


def scratches(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Draw one, two or three straight strokes (probabilities .5, .3, .2) through the image.

    The angle is N(90, (100c)^2) degrees off the upright. The generator erodes one of 5,000
    pictures of a "1" by a square of 6, 5, 4 or 3 pixels, the smaller the higher the quarter of c;
    here the result is approximated by a stroke of half width 1, 1.5, 2 or 2.5 pixels.
    """
    more_N = draws.uniform("scratches/strokes")
    width_N = 1 + 0.5 * ((4 * c_N).ceil() - 1).clamp(0, 3)
    out = x_NHW
    for stroke, share in enumerate((1.0, SECOND, THIRD)):
        ink = _stroke(x_NHW, c_N, width_N, draws=draws, name=f"scratches/{stroke}")
        out = torch.maximum(out, ink * (more_N < share).view(-1, 1, 1))
    return out


def _stroke(x_NHW: Tensor, c_N: Tensor, width_N: Tensor, *, draws: Draws, name: str) -> Tensor:
    """Return an infinite line through a point in the middle half of each image."""
    _, rows, columns = x_NHW.shape
    degrees_N = 90 + 100 * c_N * draws.normal(f"{name}/angle")
    angle_N11 = degrees_N.double().mul_(torch.pi / 180).view(-1, 1, 1)
    normal_y, normal_x = torch.sin(angle_N11).float(), torch.cos(angle_N11).float()
    point_N2 = 0.25 + 0.5 * draws.uniform(f"{name}/point", 2)
    y_H1 = torch.arange(rows, device=x_NHW.device).unsqueeze(1) - point_N2[:, :1, None] * rows
    x_1W = torch.arange(columns, device=x_NHW.device) - point_N2[:, 1:, None] * columns
    distance_NHW = (y_H1 * normal_y + x_1W * normal_x).abs_()
    return (width_N.view(-1, 1, 1) + 0.5 - distance_NHW).clamp_(0, 1)


def occlusion(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Lay a piece of another character left, right, or (at half its ink) over the center.

    The piece is a rectangle around the middle of the other character, each edge
    |N(floor(8c), 2^2)| pixels from there, at most 15. Left and right, it lies |N(0, 2^2)| pixels
    from the side and N(0, 3^2) rows from the middle. Nothing happens at c = 0, which the generator
    intends but misspells.
    """
    _, rows, columns = x_NHW.shape
    reach_N4 = (8 * c_N).floor().unsqueeze(1) + 2 * draws.normal("occlusion/size", 4)
    caps_4 = reach_N4.new_tensor([rows, rows, columns, columns]).div_(2).ceil_().sub_(1)
    reach_N4 = reach_N4.abs_().floor_().minimum(caps_4.clamp_(max=CAP)).long()
    y_N, x_N, central_N = _targets(reach_N4, (rows, columns), draws)
    down_NH, in_rows = _places(y_N, reach_N4[:, :2], rows)
    across_NW, in_columns = _places(x_N, reach_N4[:, 2:], columns)
    source_N = draws.integers("occlusion/source", len(characters.x_MHW))
    place_NH = source_N.unsqueeze(1) * (rows * columns) + down_NH * columns
    place_NHW = place_NH.unsqueeze(2) + across_NW.unsqueeze(1)
    piece = characters.x_MHW.reshape(-1).index_select(0, place_NHW.view(-1)).view(x_NHW.shape)
    opacity_N11 = (1 - 0.5 * central_N.float()).div_(255).view(-1, 1, 1)
    ink_NHW = piece * opacity_N11 * (in_rows.unsqueeze(2) & in_columns.unsqueeze(1))
    return torch.maximum(x_NHW, ink_NHW.clamp_(max=1))


def _targets(
    reach_N4: Tensor, size: tuple[int, int], draws: Draws
) -> tuple[Tensor, Tensor, Tensor]:
    """Return row [N] and column [N] of the middle of each piece, and whether it is central [N]."""
    rows, columns = size
    up, down, left, right = reach_N4.unbind(1)
    side_N = draws.integers("occlusion/side", 3) - 1
    inset_N = (2 * draws.normal("occlusion/inset")).abs_().floor_().long()
    offset_N = (3 * draws.normal("occlusion/offset")).trunc_().long()
    wide_N = inset_N + left + right >= columns  # moves to the edge of the other side
    side_N, inset_N = torch.where(wide_N, -side_N, side_N), inset_N.masked_fill(wide_N, 0)
    offset_N = offset_N.minimum(rows - 1 - rows // 2 - down).maximum(up - rows // 2)
    lateral_N = torch.where(side_N < 0, inset_N + left, columns - 1 - inset_N - right)
    central_N = side_N == 0
    y_N = rows // 2 + offset_N.masked_fill(central_N, 0)
    return y_N, lateral_N.masked_fill(central_N, columns // 2), central_N


def _places(middle_N: Tensor, reach_N2: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the row (or column) of the other character that lands on each row [N, size].

    Its middle lands on `middle_N`. Also returns which rows [N, size] are within the piece.
    """
    away_NS = torch.arange(size, device=middle_N.device) - middle_N.unsqueeze(1)
    inside_NS = (away_NS >= -reach_N2[:, :1]) & (away_NS <= reach_N2[:, 1:])
    return (away_NS + (size // 2 - 1)).clamp_(0, size - 1), inside_NS


def background(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Put a crop of a photograph behind each character.

    The crop's brightest pixel is at max(0, maximum of the image - contrast), contrast 1 - U c, so
    the background is brighter at higher complexity. The photographs are scikit-learn's two instead
    of ImageNet. Images are at most 427 x 640.
    """
    _, rows, columns = x_NHW.shape
    photos_GHW = photographs(x_NHW.device)
    photo_count, height, width = photos_GHW.shape
    y_N = draws.integers("background/row", height - rows + 1)
    x_N = draws.integers("background/column", width - columns + 1)
    first_N = (draws.integers("background/photo", photo_count) * height + y_N) * width + x_N
    y_H1 = torch.arange(rows, device=x_NHW.device).unsqueeze(1)
    within_HW = y_H1 * width + torch.arange(columns, device=x_NHW.device)
    place_NHW = first_N.view(-1, 1, 1) + within_HW
    crop_NHW = photos_GHW.view(-1).index_select(0, place_NHW.view(-1)).view(x_NHW.shape).float()
    loss_N11 = (c_N * draws.uniform("background/contrast")).view(-1, 1, 1)
    level_N11 = (x_NHW.amax((1, 2), keepdim=True) - 1 + loss_N11).clamp_(min=0)
    return torch.maximum(
        x_NHW, crop_NHW * (level_N11 / crop_NHW.amax((1, 2), keepdim=True).clamp_(min=1))
    )


@lru_cache
def photographs(device: torch.device) -> Tensor:
    """Return scikit-learn's two sample photographs in gray [2, 427, 640], uint8.

    They replace the generator's ImageNet pictures, and are read from the installed package.
    """
    from sklearn.datasets import load_sample_images  # takes a second, and only p07 needs it

    grey = [np.asarray(image @ np.array(LUMA)).round() for image in load_sample_images().images]
    return torch.from_numpy(np.stack(grey).astype(np.uint8)).to(device)
