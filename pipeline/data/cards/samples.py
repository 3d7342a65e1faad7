"""The pictures of a dataset's card: training images by class, or what a generator makes of some.

Legend of shape suffixes: R rows and C columns of a sheet, N images, H rows, W columns of pixels.
"""

import io
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

FEW, EACH = 12, 8  # with at most so many classes each has a row of so many pictures
MOST, COLUMNS = 64, 16  # with more, one or two of each class share a sheet this large
SIDE = 64  # pixels of a picture at most; larger ones are reduced
STREAM = ("card",)  # of the draws of a generator, none of which trains a network
CANDIDATES = 4096  # draws that are looked through for characters of different classes
SHOWN, DRAWS = 8, 64  # characters that each module is shown on, and plain draws

Arrays = dict[str, NDArray[Any]]


def samples(ready: Path) -> bytes:
    """Return samples.npz of the folder with the splits; only training images are looked at.

    `x` [R, C, *shape] is uint8 and `y` [R, C] says whose class each is, a position in
    `class_names`, -1 where there is none. `rows` [R] names the rows where they have names: classes,
    or for a generator "source", each module, and "all together". There, `draws` [R, C, H, W] has
    plain training draws too. Examples that are no pictures have no rows.
    """
    train = ready / "train.npz"
    form = examples.read_encoding(train)
    if form.pipeline:
        arrays = _generated(train)
    elif drawable(form.shape):
        arrays = _stored(train, form)
    else:
        arrays = {"x": np.zeros((0, 0, *form.shape), np.uint8), "y": np.zeros((0, 0), np.int64)}
    file = io.BytesIO()
    content: dict[str, Any] = {"class_names": np.array(form.class_names), "rows": np.array([], "U")}
    np.savez(file, **(content | arrays))
    return file.getvalue()


def drawable(shape: tuple[int, ...]) -> bool:
    """Tell whether an example is a picture: [H, W], or one to four planes of it."""
    return len(shape) == 2 or (len(shape) == 3 and shape[0] <= 4)


def _stored(train: Path, form: Encoding) -> Arrays:
    """Return the first images of each class, as many as their number allows."""
    y_N = labels(train)
    if form.classes <= FEW:
        each = EACH // 2 if len(form.shape) == 3 and form.shape[0] == 2 else EACH
        place_RC = np.stack([_first(y_N, label, each) for label in range(form.classes)])
        names = {"rows": np.array(form.class_names)}
    else:
        shown = min(form.classes, MOST)
        chosen = np.arange(shown) * form.classes // shown
        each = 2 if 2 * shown <= MOST else 1
        flat = np.concatenate([_first(y_N, int(label), each) for label in chosen])
        gaps = np.full(-len(flat) % COLUMNS, -1)
        place_RC = np.concatenate([flat, gaps]).reshape(-1, COLUMNS)
        names = {}
    y_RC = np.where(place_RC < 0, -1, y_N[place_RC])
    return {"x": _pictures(train, form, place_RC), "y": y_RC, **names}


def _first(y_N: NDArray[np.int64], label: int, each: int) -> NDArray[np.int64]:
    """Return where the first examples of a class are [each], -1 for those it lacks."""
    found = np.flatnonzero(y_N == label)[:each]
    return np.pad(found, (0, each - len(found)), constant_values=-1)


def _pictures(train: Path, form: Encoding, place_RC: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the examples at the given places as pictures [R, C, *shape], black for -1."""
    found: dict[int, NDArray[np.uint8]] = {}
    wanted = np.unique(place_RC[place_RC >= 0])
    first = 0
    for x_BI in blocks(train):
        here = wanted[(wanted >= first) & (wanted < first + len(x_BI))]
        pixels = _bytes(x_BI[here - first], form)
        found |= {int(n): _reduced(picture) for n, picture in zip(here, pixels, strict=True)}
        first += len(x_BI)
        if first > wanted[-1]:
            break
    blank = np.zeros_like(found[int(wanted[0])])
    tiles = np.stack([found.get(int(place), blank) for place in place_RC.flat])
    return tiles.reshape(*place_RC.shape, *blank.shape)


def _bytes(x_NI: NDArray[Any], form: Encoding) -> NDArray[np.uint8]:
    """Return stored values as pixels [N, *shape]: 0 and 255 are the bounds of the inputs.

    Without such bounds bytes stay as they are, and other numbers span each picture's own range.
    """
    low, high = form.bounds
    if not form.centered and form.bounds != UNBOUNDED:
        unit_NI = (decode(torch.from_numpy(x_NI), form).numpy() - low) / (high - low)
    elif x_NI.dtype == np.uint8:
        unit_NI = x_NI / 255
    else:
        low_N1, high_N1 = x_NI.min(1, keepdims=True), x_NI.max(1, keepdims=True)
        unit_NI = (x_NI - low_N1) / np.where(high_N1 > low_N1, high_N1 - low_N1, 1)
    pixels_NI: NDArray[np.uint8] = np.rint(unit_NI.clip(0, 1) * 255).astype(np.uint8)
    return pixels_NI.reshape(-1, *form.shape)


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture of at most 64 x 64 pixels: means of squares of the larger one."""
    factor = -(-max(picture.shape[-2:]) // SIDE)
    if factor == 1:
        return picture
    planes = picture.reshape(-1, *picture.shape[-2:])
    small = np.stack([np.asarray(Image.fromarray(plane).reduce(factor)) for plane in planes])
    return small.reshape(*picture.shape[:-2], *small.shape[1:])


def _generated(train: Path) -> Arrays:
    """Return the same characters before and after each module, and plain draws of the recipe."""
    clean = examples.read(train)
    form, recipe = clean.encoding, clean.encoding.pipeline
    characters = pipelines.Characters(clean.images, clean.y_N)
    i_N, y_N = _different(characters)
    shown = pipelines.steps(recipe, characters, STREAM, i_N, complexity=pipelines.MAXIMUM)
    together, _ = pipelines.draw(recipe, characters, STREAM, i_N)
    shown.append(("all together", together.view(-1, *form.shape)))
    draws, _ = pipelines.draw(recipe, characters, STREAM, torch.arange(DRAWS))
    return {
        "x": np.stack([x_NHW.numpy() for _, x_NHW in shown]),
        "y": np.tile(y_N.numpy(), (len(shown), 1)),
        "rows": np.array([name for name, _ in shown]),
        "draws": draws.numpy().reshape(-1, COLUMNS, *form.shape),
    }


def _different(characters: pipelines.Characters) -> tuple[Tensor, Tensor]:
    """Return which draws show characters of different classes, spread over them, and the classes.

    The first draw of each class that is met among the first 4,096.
    """
    _, y_N = pipelines.draw("clean", characters, STREAM, torch.arange(CANDIDATES))
    met, first = np.unique(y_N.numpy(), return_index=True)
    shown = min(SHOWN, len(met))
    chosen = np.arange(shown) * len(met) // shown
    return torch.from_numpy(first[chosen]), torch.from_numpy(met[chosen])
