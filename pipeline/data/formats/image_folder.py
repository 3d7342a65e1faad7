"""Image folders: one folder of image files per class, decoded to planes of bytes.

Legend of shape suffixes: N images, I inputs, B images of a block, H rows, W columns, C planes.
"""

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pipeline.data.download.inventory import File, Inventory
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Blocks, Split, Splits
from pipeline.data.text.labels import class_name, classes
from pipeline.runtime.errors import Problem

log = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
BLOCK = 1 << 26  # bytes of decoded images in memory at a time
MOST_INPUTS = 1 << 22  # per example; more would make the first layer fill the memory
SCALE = 1 / 255  # a value of 0 to 255 becomes an input in [0, 1]
GRAY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N", "I")
DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
# First bytes of the formats that may have 16 bits a value: PNG, TIFF, PGM and PPM.
DEEP_STARTS = (b"\x89PNG", b"II*", b"II+", b"MM\0*", b"MM\0+", b"P2", b"P3", b"P5", b"P6")
FEW_BITS = {"L;2": 85, "L;4": 17}  # layouts of gray pixels, and the factor to 8 bits
GRAY_AND_ALPHA = "LA;16B"  # a layout that Pillow reads as if it were in color
SIDEWAYS = range(5, 9)  # EXIF orientations that exchange rows and columns
MISSING = -1  # no pixel has this value
INVERTED = "white_is_zero"  # key of an image's information
DEPTHS = (8, 10, 12, 14, 16)  # bits in use of a 16-bit value
BACKGROUNDS = {"white": 255, "gray": 128, "black": 0}
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0  # a tag of TIFF files, and one of its values
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError),
    *(RuntimeError, struct.error, zlib.error),
)

Background = Literal["white", "gray", "black"]


class Reading(NamedTuple):
    """Conversion of pixels to bytes: bits in use of 16-bit values, background of transparency."""

    bits: int = 16
    background: Background = "white"


class Target(NamedTuple):
    """Size and color that every image is brought to, or must already have."""

    first: Path  # the image that decides what the options leave open
    size: tuple[int, int]
    color: bool
    resized: bool  # images are resized; otherwise all must have `size`
    recolored: bool  # images are converted; otherwise all must be in color, or all gray
    reading: "Reading"

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
    background: Background = "white"

    def splits(self, rows: tuple[NDArray[np.int64], ...]) -> Splits:
        """Return the splits of the given images, which are decoded when a split is read.

        Without `size` or `color`, all images must agree with the first training image. The training
        images decide the depth of 16-bit values. Raises Problem naming an image that cannot be
        used, now or when the split is read.
        """
        files = [self.inventory.files[row] for row in np.sort(rows[0])]
        first = files[0]
        reading = Reading(_bits(self.inventory, files), self.background)
        target = _target(self.inventory, first, self.size, color=self.color, reading=reading)
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
    inventory: Inventory,
    size: tuple[int, int] | None,
    *,
    color: bool | None,
    background: Background = "white",
) -> ImageFolder:
    """Return the images of a folder with their labels, none of them decoded yet.

    With `size` (rows, columns) images are resized by Pillow's antialiased bicubic filter, without
    keeping their proportions. `color` selects three planes, or gray by ITU-R 601. Of 16-bit values
    the top 8 of the bits in use are kept; transparent images are composited on `background`. Raises
    Problem where a folder's name is no class, or two names are the same class.
    """
    names = [str(file.class_name) for file in inventory.files]
    class_names, y_N = classes(np.array(names), lambda n: str(inventory.place(inventory.files[n])))
    if len(class_names) < len({*names}):
        alike = [name for name in sorted({*names}) if name not in class_names]
        raise Problem(
            f"{inventory.path} has two folders of class {class_name(alike[0])}, one of them "
            f"{alike[0]}: rename one, or merge the folders"
        )
    part_N = np.array([file.part or "train" for file in inventory.files])
    return ImageFolder(inventory, class_names, y_N, part_N, size, color, background)


def _bits(inventory: Inventory, files: list[File]) -> int:
    """Return the number of bits that the 16-bit images of a split use.

    Raises Problem where no 16-bit image in color uses more than the lower 12 bits: Pillow gives the
    upper 8 alone.
    """
    highest, highest_color, colored = 0, 0, list[Path]()
    for file in files:
        path = inventory.place(file)
        depth = _depth(path)
        if depth == "gray":
            with _loaded(inventory, file) as image:
                highest = max(highest, int(np.asarray(image).max()))
        elif depth == "color":
            with _loaded(inventory, file) as image:
                highest_color = max(highest_color, int(np.asarray(image.convert("RGB")).max()))
            colored.append(path)
    if colored and highest_color <= 1 << 4:  # 12 bits, rounded
        raise Problem(
            f"{colored[0]} and {len(colored) - 1} other images have 16 bits a color, of which they "
            "use at most 12, and would be black: save them with 8 bits"
        )
    bits = next(bits for bits in DEPTHS if highest < 1 << bits) if highest else 16
    if bits < 16:
        log.warning(
            "%s: the 16-bit training images reach %d, and are read as images of %d bits",
            *(inventory.dataset, highest, bits),
        )
    return bits


def _depth(path: Path) -> Literal["gray", "color"] | None:
    """Return whether an image has 16 bits a value, from its header alone."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            if not file.read(4).startswith(DEEP_STARTS):
                return None
            file.seek(0)
            warnings.simplefilter("ignore")
            with Image.open(file, formats=FORMATS) as image:
                if _is_deep(image):
                    return "gray"
                layout = _layout(image)
                scaled = image.format == "PPM" and isinstance(layout, tuple) and layout[1] > 255
                return "color" if scaled or ";16" in str(layout) else None
    except (*DAMAGE, Image.DecompressionBombError):
        return None  # refused in words when the image is decoded


def _target(
    inventory: Inventory,
    file: File,
    size: tuple[int, int] | None,
    *,
    color: bool | None,
    reading: Reading,
) -> Target:
    image = _opened(inventory, file, reading)
    return Target(
        inventory.place(file),
        size or (image.height, image.width),
        _colored(image) if color is None else color,
        resized=size is not None,
        recolored=color is not None,
        reading=reading,
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
    image = _opened(inventory, file, target.reading)
    where = f"{inventory.place(file)} is"
    remedy = f"in datasets.{inventory.dataset}.preprocess"
    if not target.recolored and _colored(image) != target.color:
        kinds = ("in color", "gray") if _colored(image) else ("gray", "in color")
        raise Problem(
            f"{where} {kinds[0]}, {target.first} {kinds[1]}: set color: true or false {remedy}"
        )
    image = image.convert("RGB" if target.color else "L")
    rows, columns = target.size
    if image.size != (columns, rows):
        if not target.resized:
            raise Problem(
                f"{where} {image.height} x {image.width} (rows x columns), {target.first} "
                f"{rows} x {columns}: set size: [rows, columns] {remedy}"
            )
        image = image.resize((columns, rows), Image.Resampling.BICUBIC)
    x_HWC = np.asarray(image)
    return x_HWC.transpose(2, 0, 1).ravel() if target.color else x_HWC.ravel()


def _opened(inventory: Inventory, file: File, reading: Reading = Reading()) -> Image.Image:  # noqa: B008
    """Return an image upright, opaque, and with 8 bits per value."""
    with _loaded(inventory, file) as image:
        fault, flat = _flat(image, reading)
        if fault:
            raise Problem(f"{inventory.place(file)} {fault}")
        return flat


@contextmanager
def _loaded(inventory: Inventory, file: File) -> Iterator[Image.Image]:
    """Yield the decoded image of a file, upright. Raises Problem where it cannot be decoded."""
    path, content = inventory.place(file), inventory.content(file)
    with _decoding(path):
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        # A phone's JPEG may hold more frames (MPO): small or stereo versions of the first.
        if image.format != "MPO" and getattr(image, "is_animated", False):
            raise Problem(f"{path} has several frames: save one of them, or remove it")
        gray = _layout(image) == GRAY_AND_ALPHA
        if "transparency" in image.info:
            image.info["transparency"] = _transparent(image)
        image.load()
        upright = ImageOps.exif_transpose(image)
        upright = upright.convert("LA") if gray else upright
        upright.format = image.format
        tags = getattr(image, "tag_v2", {})
        upright.info[INVERTED] = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
        yield upright


def _transparent(image: Image.Image) -> Any:
    """Return the transparent value of an image that is not loaded yet, on the scale of its pixels.

    Pillow scales gray pixels of 2 and 4 bits to 8, but not this value.
    """
    value = image.info["transparency"]
    return value * FEW_BITS.get(_layout(image), 1) if isinstance(value, int) else value


def size_and_color(path: Path) -> tuple[tuple[int, int], bool]:
    """Return the rows and columns of an image, upright, and whether it is in color.

    Raises Problem where it is no image, or too large.
    """
    with _decoding(path), Image.open(path, formats=FORMATS) as image:
        gray = _layout(image) == GRAY_AND_ALPHA
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in SIDEWAYS
        # Pillow gives the upright size of a TIFF file.
        columns, rows = image.size[::-1] if turned and image.format != "TIFF" else image.size
        return (rows, columns), _colored(image) and not gray


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Raise Problem, naming the file, where an image cannot be decoded in this context."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata; damage raises
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"more than {Image.MAX_IMAGE_PIXELS} pixels"
        raise Problem(f"{path} has {limit}: make it smaller, or remove it") from error
    except UnidentifiedImageError as error:
        raise Problem(f"{path} is not an image of a known format: remove it") from error
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise Problem(f"{path} cannot be decoded ({reason}): replace or remove it") from error


def _flat(image: Image.Image, reading: Reading) -> tuple[str | None, Image.Image]:
    """Return what makes an image unusable, if anything does, and the image as opaque bytes."""
    ground = BACKGROUNDS[reading.background]
    if _is_deep(image):
        # Pillow would clip; for 16-bit color it keeps the high byte itself.
        x_HW, top = np.asarray(image), (1 << reading.bits) - 1
        drawn_HW = x_HW != image.info.get("transparency", MISSING)
        if image.info.get(INVERTED):  # Pillow inverts such images of 8 bits and less itself
            x_HW = top - np.minimum(x_HW, top)
        opaque_HW = np.minimum(x_HW >> (reading.bits - 8), 255).astype(np.uint8)
        opaque_HW[~drawn_HW] = ground
        return _blank(opaque_HW, drawn_HW, reading), Image.fromarray(opaque_HW)
    if image.mode in ("I", "F"):
        return "has 32-bit pixels, or signed or fractional ones: save it with 8 or 16 bits", image
    mode = "RGB" if _colored(image) else "L"
    if not image.has_transparency_data:
        return None, image.convert(mode)
    drawn = image.convert("RGBA")
    alpha_HW = np.asarray(drawn)[..., 3]
    if image.format == "BMP" and not alpha_HW.any():
        return None, drawn.convert(mode)  # the fourth byte of a pixel is not in use
    below = Image.new("RGBA", image.size, (ground,) * 3)
    opaque = Image.alpha_composite(below, drawn).convert(mode)
    return _blank(np.asarray(opaque), alpha_HW, reading), opaque


def _blank(x: NDArray[np.uint8], alpha_HW: NDArray[Any], reading: Reading) -> str | None:
    """Return the fault of an image [H, W] or [H, W, 3] that is drawn in the background's color."""
    if alpha_HW.min() == alpha_HW.max() or np.ptp(x.reshape(alpha_HW.size, -1), axis=0).any():
        return None
    other = ", ".join(name for name in BACKGROUNDS if name != reading.background)
    fault = f"is {reading.background} on a transparent ground and would be blank"
    return f"{fault}: set background in preprocess to one of {other}"


def _is_deep(image: Image.Image) -> bool:
    """Return whether an image has 16-bit gray values; Pillow scales those of Netpbm files."""
    return image.mode in DEEP or (image.mode == "I" and image.format == "PPM")


def _layout(image: Image.Image) -> Any:
    """Return Pillow's name of the layout of a file's pixels, before the image is loaded.

    Of Netpbm files it may be a pair with the value of white.
    """
    tiles = getattr(image, "tile", [])
    return tiles[0][3] if tiles else ""


def _colored(image: Image.Image) -> bool:
    """Return whether an image is in color; an image with a palette of grays is gray."""
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return image.mode not in GRAY
