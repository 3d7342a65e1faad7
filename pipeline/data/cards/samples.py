"""Sample images of the data card: training images by class, or images of the generator.

Legend of shape suffixes: R rows and C columns of a sheet, N images, H rows, W columns of pixels.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pipeline.data.cards.split_statistics import blocks, labels
from pipeline.data.splits import examples
from pipeline.data.splits.distortions import pipelines
from pipeline.data.splits.encoding import UNBOUNDED, Encoding, decode
from pipeline.data.splits.stored_arrays import npz

FEW_CLASSES, PER_CLASS = 12, 8  # up to 12 classes have a row of 8 images each
MOST, COLUMNS = 64, 16  # more classes have one or two images each on a sheet of 64 images
SIDE = 64  # largest side of an image, in pixels; larger images are reduced
STREAM = ("card",)  # random stream of a generator's draws, none of which trains a network
CANDIDATES = 4096  # draws that are searched for characters of different classes
SHOWN, DRAWS = 8, 64  # characters that show each module, and plain draws

Arrays = dict[str, NDArray[Any]]


def samples(ready: Path) -> bytes:
    """Return the content of samples.npz, from the training split in the folder `ready`.

    `x` [R, C, *shape] has the images, uint8, and `y` [R, C] their labels, positions in
    `class_names`, -1 for a gap. `rows` [R] has the names of the rows: classes, or for a generator
    "source", each module, and "all together"; a generator also has plain training draws, `draws`
    [R, C, H, W]. Examples that are not images have no rows.
    """
    train = ready / "train.npz"
    encoding = examples.read_encoding(train)
    if encoding.pipeline:
        arrays = _generated(train)
    elif drawable(encoding.shape):
        arrays = _stored(train, encoding)
    else:
        arrays = {"x": np.zeros((0, 0, *encoding.shape), np.uint8), "y": np.zeros((0, 0), np.int64)}
    content: dict[str, Any] = {
        "class_names": np.array(encoding.class_names),
        "rows": np.array([], "U"),
    }
    return npz(content | arrays)


def drawable(shape: tuple[int, ...]) -> bool:
    """Return whether an example is an image: [H, W], or one to four planes of that."""
    return len(shape) == 2 or (len(shape) == 3 and shape[0] <= 4)


def _stored(train: Path, encoding: Encoding) -> Arrays:
    """Return the first images of each class: a row of them for few classes, else one or two."""
    y_N = labels(train)
    if encoding.classes <= FEW_CLASSES:
        stereo = len(encoding.shape) == 3 and encoding.shape[0] == 2
        count = PER_CLASS // 2 if stereo else PER_CLASS
        place_RC = np.stack([_first(y_N, label, count) for label in range(encoding.classes)])
        names = {"rows": np.array(encoding.class_names)}
    else:
        shown = min(encoding.classes, MOST)
        chosen = np.arange(shown) * encoding.classes // shown
        count = 2 if 2 * shown <= MOST else 1
        flat = np.concatenate([_first(y_N, int(label), count) for label in chosen])
        gaps = np.full(-len(flat) % COLUMNS, -1)
        place_RC = np.concatenate([flat, gaps]).reshape(-1, COLUMNS)
        names = {}
    y_RC = np.where(place_RC < 0, -1, y_N[place_RC])
    return {"x": _pictures(train, encoding, place_RC), "y": y_RC, **names}


def _first(y_N: NDArray[np.int64], label: int, count: int) -> NDArray[np.int64]:
    """Return the positions [count] of the first examples of a class, -1 where it has fewer."""
    places = np.flatnonzero(y_N == label)[:count]
    return np.pad(places, (0, count - len(places)), constant_values=-1)


def _pictures(train: Path, encoding: Encoding, place_RC: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the examples at the given positions as images [R, C, *shape], black for -1."""
    images: dict[int, NDArray[np.uint8]] = {}
    wanted = np.unique(place_RC[place_RC >= 0])
    first = 0
    for x_BI in blocks(train):
        here = wanted[(wanted >= first) & (wanted < first + len(x_BI))]
        pixels = _bytes(x_BI[here - first], encoding)
        images |= {int(n): _reduced(image) for n, image in zip(here, pixels, strict=True)}
        first += len(x_BI)
        if first > wanted[-1]:
            break
    blank = np.zeros_like(images[int(wanted[0])])
    tiles = np.stack([images.get(int(place), blank) for place in place_RC.flat])
    return tiles.reshape(*place_RC.shape, *blank.shape)


def _bytes(x_NI: NDArray[Any], encoding: Encoding) -> NDArray[np.uint8]:
    """Return stored values as pixels [N, *shape]: 0 and 255 are the bounds of the inputs.

    Without bounds, bytes are unchanged, and other numbers are scaled by each image's own range.
    """
    low, high = encoding.bounds
    if not encoding.centered and encoding.bounds != UNBOUNDED:
        unit_NI = (decode(torch.from_numpy(x_NI), encoding).numpy() - low) / (high - low)
    elif x_NI.dtype == np.uint8:
        unit_NI = x_NI / 255
    else:
        low_N1, high_N1 = x_NI.min(1, keepdims=True), x_NI.max(1, keepdims=True)
        unit_NI = (x_NI - low_N1) / np.where(high_N1 > low_N1, high_N1 - low_N1, 1)
    pixels_NI: NDArray[np.uint8] = np.rint(unit_NI.clip(0, 1) * 255).astype(np.uint8)
    return pixels_NI.reshape(-1, *encoding.shape)


def _reduced(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image of at most 64 x 64 pixels, each the mean of a square of a larger image."""
    factor = -(-max(image.shape[-2:]) // SIDE)
    if factor == 1:
        return image
    planes = image.reshape(-1, *image.shape[-2:])
    small = np.stack([np.asarray(Image.fromarray(plane).reduce(factor)) for plane in planes])
    return small.reshape(*image.shape[:-2], *small.shape[1:])


def _generated(train: Path) -> Arrays:
    """Return some characters before and after each module, and plain draws of the recipe."""
    clean = examples.read(train)
    encoding, recipe = clean.encoding, clean.encoding.pipeline
    characters = pipelines.Characters(clean.images, clean.y_N)
    i_N, y_N = _different(characters)
    shown = pipelines.steps(recipe, characters, STREAM, i_N, complexity=pipelines.MAXIMUM)
    together, _ = pipelines.draw(recipe, characters, STREAM, i_N)
    shown.append(("all together", together.view(-1, *encoding.shape)))
    draws, _ = pipelines.draw(recipe, characters, STREAM, torch.arange(DRAWS))
    return {
        "x": np.stack([x_NHW.numpy() for _, x_NHW in shown]),
        "y": np.tile(y_N.numpy(), (len(shown), 1)),
        "rows": np.array([name for name, _ in shown]),
        "draws": draws.numpy().reshape(-1, COLUMNS, *encoding.shape),
    }


def _different(characters: pipelines.Characters) -> tuple[Tensor, Tensor]:
    """Return the indices and labels of draws of different classes, spread over the classes.

    A draw is the first of its class among the first 4,096.
    """
    _, y_N = pipelines.draw("clean", characters, STREAM, torch.arange(CANDIDATES))
    classes, first = np.unique(y_N.numpy(), return_index=True)
    shown = min(SHOWN, len(classes))
    chosen = np.arange(shown) * len(classes) // shown
    return torch.from_numpy(first[chosen]), torch.from_numpy(classes[chosen])
