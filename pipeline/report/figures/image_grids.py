"""Image grids: filters or examples side by side."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def drawable(shape: tuple[int, ...]) -> bool:
    """Return whether inputs of this shape are images: [H, W], or with channels first or last."""
    return len(shape) == 2 or (len(shape) == 3 and (shape[0] <= 4 or shape[2] <= 4))


def mosaic(filters: NDArray[Any], shape: tuple[int, ...], columns: int = 8) -> NDArray[np.float64]:
    """Return filters [units, I] side by side as one RGBA image [H, W, 4] in [0, 1].

    Each filter is divided by twice its own largest weight and moved to 0.5. Gaps are transparent.
    Of two planes, the eyes of a stereo pair, the first is shown.
    """
    tiles = [_tile(weights, shape) for weights in filters.astype(np.float64)]
    height, width = tiles[0].shape[0] + 1, tiles[0].shape[1] + 1
    picture = np.zeros((-(-len(tiles) // columns) * height, columns * width, 4))
    for index, tile in enumerate(tiles):
        top, left = index // columns * height, index % columns * width
        picture[top : top + height - 1, left : left + width - 1, :3] = tile
        picture[top : top + height - 1, left : left + width - 1, 3] = 1
    return picture[:-1, :-1]


def _tile(weights: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    planes = weights.reshape(shape if len(shape) == 3 else (*shape, 1))
    if len(shape) == 3 and shape[0] <= 4 < shape[2]:
        planes = np.moveaxis(planes, 0, -1)
    colors = planes if planes.shape[-1] == 3 else planes[..., :1]
    return 0.5 + colors / (2 * max(float(np.abs(colors).max()), 1e-12))


def sheet(tiles: NDArray[np.uint8], filled: NDArray[np.bool_]) -> bytes:
    """Return tiles [rows, columns, *shape] as one PNG; gaps and empty tiles are transparent.

    Tiles are [H, W], or planes first: two are the eyes of a stereo pair and stand side by side,
    three are colors, of four the first three are colors.
    """
    colors = _colors(tiles)
    rows, columns, height, width, _ = colors.shape
    gap = max(1, height // 16)
    picture = np.zeros((rows, height + gap, columns, width + gap, 4), np.uint8)
    opaque = np.where(filled, 255, 0)[:, None, :, None, None]
    picture[:, :height, :, :width, :3] = np.moveaxis(colors, 2, 1)
    picture[:, :height, :, :width, 3:] = opaque
    flat = picture.reshape(rows * (height + gap), columns * (width + gap), 4)
    content = io.BytesIO()
    Image.fromarray(flat[:-gap, :-gap]).save(content, "PNG", optimize=True)
    return content.getvalue()


def _colors(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return tiles [rows, columns, H, W, 3]; gray ones have three equal colors."""
    if tiles.ndim == 4:
        planes = tiles[:, :, None]
    elif tiles.shape[2] == 2:
        planes = np.concatenate([tiles[:, :, 0], tiles[:, :, 1]], -1)[:, :, None]
    else:
        planes = tiles[:, :, :3]
    return np.moveaxis(np.broadcast_to(planes, (*planes.shape[:2], 3, *planes.shape[3:])), 2, -1)
