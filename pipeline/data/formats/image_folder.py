"""Folders of image files, decoded to planes of bytes.

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

from pipeline.data.download.inventory import File, Stock
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Blocks, Split, Splits
from pipeline.runtime.errors import Problem

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
BLOCK = 1 << 26  # bytes of decoded images that are in memory at once
MOST_INPUTS = 1 << 22  # of one example: beyond, a network's first layer alone would fill memory
SCALE = 1 / 255  # a value of 0 to 255 becomes an input in [0, 1]
GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
DEEP = ("I", "F")
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError),
    *(RuntimeError, struct.error, zlib.error),
)


class Wanted(NamedTuple):
    """What every image becomes: rows and columns, and whether in color."""

    first: Path  # the image that decides what was not asked for
    size: tuple[int, int]
    color: bool
    resized: bool  # the size was asked for; otherwise every image has to have it
    recolored: bool  # color or grey was asked for; otherwise every image has to be so

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example: (3, H, W) or (H, W)."""
        return (3, *self.size) if self.color else self.size


@dataclass(frozen=True)
class Pictures:
    """Images of a folder that wait to be split; y_N [N] are positions in the class names."""

    stock: Stock
    class_names: tuple[str, ...]
    y_N: NDArray[np.int64]
    part_N: NDArray[np.str_]
    size: tuple[int, int] | None
    color: bool | None

    def splits(self, rows: tuple[NDArray[np.int64], ...]) -> Splits:
        """Return the splits that hold the given images, decoded whenever they are read.

        Without `size` or `color`, the first training image decides and the others have to agree.
        Raises Problem naming the file, then or while it is read, where one cannot be used.
        """
        first = self.stock.files[int(rows[0].min())]
        wanted = _wanted(self.stock, first, self.size, color=self.color)
        form = Encoding(wanted.shape, self.class_names, SCALE)
        if form.inputs > MOST_INPUTS:
            raise Problem(
                f"{self.stock.place(first)} makes {form.inputs} inputs, more than {MOST_INPUTS}: "
                f"give a smaller datasets.{self.stock.dataset}.preprocess.size"
            )
        return Splits(*(self._split(rows_B, wanted, form) for rows_B in rows))

    def _split(self, rows_N: NDArray[np.int64], wanted: Wanted, form: Encoding) -> Split:
        files = [self.stock.files[row] for row in rows_N]
        make = partial(_blocks, self.stock, files, wanted)
        return Split(Blocks((len(files), form.inputs), make), self.y_N[rows_N], form)


def pictures(stock: Stock, size: tuple[int, int] | None, *, color: bool | None) -> Pictures:
    """Return the images of a folder with their labels, none of them decoded yet.

    With `size` (rows, columns) they are resized, whatever their proportions, by Pillow's bicubic
    filter, which is antialiased. `color` asks for three planes, or for grey by ITU-R 601. Of 16-bit
    values the high byte is kept; what is transparent lies on white.
    """
    names = [str(file.class_name) for file in stock.files]
    class_names, y_N = np.unique(names, return_inverse=True)
    part_N = np.array([file.part or "train" for file in stock.files])
    return Pictures(
        stock, tuple(class_names.tolist()), y_N.astype(np.int64), part_N, size=size, color=color
    )


def _wanted(
    stock: Stock, file: File, size: tuple[int, int] | None, *, color: bool | None
) -> Wanted:
    image = _opened(stock, file)
    return Wanted(
        stock.place(file),
        size or (image.height, image.width),
        _colored(image) if color is None else color,
        resized=size is not None,
        recolored=color is not None,
    )


def _blocks(stock: Stock, files: list[File], wanted: Wanted) -> Iterator[NDArray[np.uint8]]:
    inputs = int(np.prod(wanted.shape))
    rows = max(1, BLOCK // inputs)
    for first in range(0, len(files), rows):
        some = files[first : first + rows]
        x_BI = np.empty((len(some), inputs), np.uint8)
        for x_I, file in zip(x_BI, some, strict=True):
            x_I[:] = _decoded(stock, file, wanted)
        yield x_BI


def _decoded(stock: Stock, file: File, wanted: Wanted) -> NDArray[np.uint8]:
    """Return one image [I], color planes first."""
    image = _opened(stock, file)
    where = f"{stock.place(file)} is"
    remedy = f"in datasets.{stock.dataset}.preprocess"
    if not wanted.recolored and _colored(image) != wanted.color:
        kinds = ("in color", "grey") if _colored(image) else ("grey", "in color")
        raise Problem(
            f"{where} {kinds[0]}, {wanted.first} {kinds[1]}: say color: true or false {remedy}"
        )
    image = image.convert("RGB" if wanted.color else "L")
    rows, columns = wanted.size
    if image.size != (columns, rows):
        if not wanted.resized:
            raise Problem(
                f"{where} {image.height} x {image.width} (rows x columns), {wanted.first} "
                f"{rows} x {columns}: say size: [rows, columns] {remedy}"
            )
        image = image.resize((columns, rows), Image.Resampling.BICUBIC)
    x_HWC = np.asarray(image)
    return x_HWC.transpose(2, 0, 1).ravel() if wanted.color else x_HWC.ravel()


def _opened(stock: Stock, file: File) -> Image.Image:
    """Return an image upright, opaque, and of 8 bits a value."""
    path, content = stock.place(file), stock.content(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what harms raises
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
        raise Problem(f"{path} is no image of a known format: remove it") from error
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
    """Return the image on white, and with 8 bits a value."""
    if image.mode.startswith("I;16"):
        # Pillow would clip here; of 16-bit color it keeps the high byte itself.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB") if _colored(image) else image.convert("L")
    opaque = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return opaque.convert("RGB" if _colored(image) else "L")


def _colored(image: Image.Image) -> bool:
    """Say whether an image is stored in color; a palette of greys is grey."""
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return image.mode not in GREY
