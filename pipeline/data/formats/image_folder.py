"""Image folders: one folder of image files per class, decoded to planes of bytes.

Legend of shape suffixes: N images, I inputs, B images of a block, H rows, W columns, C planes.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.data.download.inventory import File, Inventory
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Blocks, Split, Splits
from pipeline.runtime.errors import Problem

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
BLOCK = 1 << 26  # bytes of decoded images in memory at a time
MOST_INPUTS = 1 << 22  # per example; more would make the first layer fill the memory
SCALE = 1 / 255  # a value of 0 to 255 becomes an input in [0, 1]
GRAY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
DEEP = ("I", "F")
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError),
    *(RuntimeError, struct.error, zlib.error),
)


class Target(NamedTuple):
    """Size and color that every image is brought to, or must already have."""

    first: Path  # the image that decides what the options leave open
    size: tuple[int, int]
    color: bool
    resized: bool  # images are resized; otherwise all must have `size`
    recolored: bool  # images are converted; otherwise all must be in color, or all gray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example: (3, H, W) or (H, W)."""
        return (3, *self.size) if self.color else self.size


@dataclass(frozen=True)
class ImageFolder:
    """Labeled images of a folder, not yet split.

    y_N [N] are positions in `class_names`. part_N [N] is the split that the folders name, "train"
    where they name none.
    """

    inventory: Inventory
    class_names: tuple[str, ...]
    y_N: NDArray[np.int64]
    part_N: NDArray[np.str_]
    size: tuple[int, int] | None
    color: bool | None

    def splits(self, rows: tuple[NDArray[np.int64], ...]) -> Splits:
        """Return the splits of the given images, which are decoded when a split is read.

        Without `size` or `color`, all images must agree with the first training image. Raises
        Problem naming an image that cannot be used, now or when the split is read.
        """
        first = self.inventory.files[int(rows[0].min())]
        target = _target(self.inventory, first, self.size, color=self.color)
        encoding = Encoding(target.shape, self.class_names, SCALE)
        if encoding.inputs > MOST_INPUTS:
            raise Problem(
                f"{self.inventory.place(first)} makes {encoding.inputs} inputs, more than "
                f"{MOST_INPUTS}: give a smaller datasets.{self.inventory.dataset}.preprocess.size"
            )
        return Splits(*(self._split(rows_B, target, encoding) for rows_B in rows))

    def _split(self, rows_N: NDArray[np.int64], target: Target, encoding: Encoding) -> Split:
        files = [self.inventory.files[row] for row in rows_N]
        make = partial(_blocks, self.inventory, files, target)
        return Split(Blocks((len(files), encoding.inputs), make), self.y_N[rows_N], encoding)


def image_folder(
    inventory: Inventory, size: tuple[int, int] | None, *, color: bool | None
) -> ImageFolder:
    """Return the images of a folder with their labels, none of them decoded yet.

    With `size` (rows, columns) images are resized by Pillow's antialiased bicubic filter, without
    keeping their proportions. `color` selects three planes, or gray by ITU-R 601. Of 16-bit values
    the high byte is kept; transparent images are composited on white.
    """
    names = [str(file.class_name) for file in inventory.files]
    class_names, y_N = np.unique(names, return_inverse=True)
    part_N = np.array([file.part or "train" for file in inventory.files])
    return ImageFolder(
        inventory, tuple(class_names.tolist()), y_N.astype(np.int64), part_N, size=size, color=color
    )


def _target(
    inventory: Inventory, file: File, size: tuple[int, int] | None, *, color: bool | None
) -> Target:
    image = _opened(inventory, file)
    return Target(
        inventory.place(file),
        size or (image.height, image.width),
        _colored(image) if color is None else color,
        resized=size is not None,
        recolored=color is not None,
    )


def _blocks(inventory: Inventory, files: list[File], target: Target) -> Iterator[NDArray[np.uint8]]:
    inputs = int(np.prod(target.shape))
    rows = max(1, BLOCK // inputs)
    for first in range(0, len(files), rows):
        some = files[first : first + rows]
        x_BI = np.empty((len(some), inputs), np.uint8)
        for x_I, file in zip(x_BI, some, strict=True):
            x_I[:] = _decoded(inventory, file, target)
        yield x_BI


def _decoded(inventory: Inventory, file: File, target: Target) -> NDArray[np.uint8]:
    """Return one image [I] as uint8, color planes first."""
    image = _opened(inventory, file)
    where = f"{inventory.place(file)} is"
    remedy = f"in datasets.{inventory.dataset}.preprocess"
    if not target.recolored and _colored(image) != target.color:
        kinds = ("in color", "gray") if _colored(image) else ("gray", "in color")
        raise Problem(
            f"{where} {kinds[0]}, {target.first} {kinds[1]}: say color: true or false {remedy}"
        )
    image = image.convert("RGB" if target.color else "L")
    rows, columns = target.size
    if image.size != (columns, rows):
        if not target.resized:
            raise Problem(
                f"{where} {image.height} x {image.width} (rows x columns), {target.first} "
                f"{rows} x {columns}: say size: [rows, columns] {remedy}"
            )
        image = image.resize((columns, rows), Image.Resampling.BICUBIC)
    x_HWC = np.asarray(image)
    return x_HWC.transpose(2, 0, 1).ravel() if target.color else x_HWC.ravel()


def _opened(inventory: Inventory, file: File) -> Image.Image:
    """Return an image upright, opaque, and with 8 bits per value."""
    path, content = inventory.place(file), inventory.content(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata; damage raises
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            fault = _fault(image)
            if fault:
                raise Problem(f"{path} {fault}")
            image.load()
            return _flat(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"more than {Image.MAX_IMAGE_PIXELS} pixels"
        raise Problem(f"{path} has {limit}: make it smaller, or remove it") from error
    except UnidentifiedImageError as error:
        raise Problem(f"{path} is not an image of a known format: remove it") from error
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise Problem(f"{path} cannot be decoded ({reason}): replace or remove it") from error


def _fault(image: Image.Image) -> str | None:
    # A phone's JPEG may hold more frames (MPO): small or stereo versions of the first.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        return "has several frames: save one of them, or remove it"
    if image.mode in DEEP:
        return "has 32-bit pixels: save it with 8 or 16"
    return None


def _flat(image: Image.Image) -> Image.Image:
    """Return the image composited on white, with 8 bits per value."""
    if image.mode.startswith("I;16"):
        # Pillow would clip; for 16-bit color it keeps the high byte itself.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB") if _colored(image) else image.convert("L")
    opaque = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return opaque.convert("RGB" if _colored(image) else "L")


def _colored(image: Image.Image) -> bool:
    """Return whether an image is in color; an image with a palette of grays is gray."""
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return image.mode not in GRAY
