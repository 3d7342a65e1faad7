"""Glyphs: digits and letters of matplotlib's fonts, a substitute of NISTP without a download.

Legend of shape suffixes: M characters, H rows, W columns.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.data.sources.dataset import Dataset, NoOptions
from pipeline.data.sources.generated import CLASS_NAMES, SHAPE, Generated, encoding, fixed_draws
from pipeline.data.splits.distortions.pipelines import Characters
from pipeline.data.splits.split import Split, Splits
from pipeline.data.splits.stored_arrays import arrays, npz
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

FILE = "glyphs.npz"
# Font families are not divided: all styles of a family are in one split.
FONTS = {
    "train": (
        *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
        *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
        *("cmr10", "cmb10", "cmti10", "cmss10"),
    ),
    "valid": (
        *("DejaVuSansMono", "DejaVuSansMono-Bold"),
        *("DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique", "cmtt10"),
    ),
    "test": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
}
CAPITAL, WIDEST = 18, 30  # pixels: height of a capital H, and largest side of a character
DPI, SIZE = 72, 64  # at 72 dots an inch a point is a pixel


def write_raw(raw: Path, _source: NoOptions) -> None:
    """Render the characters of each split into an npz file of the folder `raw`.

    It has x [M, 32, 32] and y [M] of each split. Raises Problem where matplotlib lacks a font.
    """
    rendered: dict[str, Any] = {}
    for part, fonts in FONTS.items():
        rendered[f"{part}_x"] = np.concatenate([render(font) for font in fonts])
        rendered[f"{part}_y"] = np.tile(np.arange(len(CLASS_NAMES)), len(fonts))
    storage.write_bytes(raw / FILE, npz(rendered))


def render(font: str) -> NDArray[np.uint8]:
    """Return the 62 characters [62, 32, 32] of one of matplotlib's fonts: 0 background, 255 ink.

    The font size makes a capital H 18 pixels high; each character is centered. Raises Problem where
    the font is absent or lacks a character.
    """
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    path = Path(get_data_path(), "fonts/ttf", f"{font}.ttf")
    if not path.exists():
        raise Problem(f"matplotlib has no font {path}: install matplotlib as in constraints.txt")
    face = FT2Font(str(path))
    size = SIZE * CAPITAL / _bitmap(face, "H", SIZE).shape[0]
    return np.stack([_centered(face, name, size) for name in CLASS_NAMES])


def _bitmap(face: "FT2Font", character: str, size: float) -> NDArray[np.uint8]:
    """Return a character [H, W] at a size in points, cropped to its ink."""
    from matplotlib.ft2font import LoadFlags

    if not face.get_char_index(ord(character)):
        raise Problem(
            f"the font {face.family_name} lacks {character!r}: install matplotlib as in "
            "constraints.txt"
        )
    face.set_size(size, DPI)
    face.set_text(character, 0, flags=LoadFlags.NO_HINTING)
    face.draw_glyphs_to_bitmap(antialiased=True)
    image_HW = np.asarray(face.get_image())
    rows, columns = image_HW.nonzero()
    return image_HW[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _centered(face: "FT2Font", character: str, size: float) -> NDArray[np.uint8]:
    """Return a character [32, 32]; one wider or higher than 30 pixels is rendered smaller."""
    ink_HW = _bitmap(face, character, size)
    if max(ink_HW.shape) > WIDEST:
        ink_HW = _bitmap(face, character, size * WIDEST / (max(ink_HW.shape) + 1))
    canvas_HW = np.zeros(SHAPE, np.uint8)
    top, left = ((SHAPE[axis] - ink_HW.shape[axis]) // 2 for axis in (0, 1))
    canvas_HW[top : top + ink_HW.shape[0], left : left + ink_HW.shape[1]] = ink_HW
    return canvas_HW


def split(raw: Path, options: Generated) -> Splits:
    """Return the training characters, and fixed draws of distorted ones for validation and test.

    Raises Problem where the file in the folder `raw` is absent or damaged.
    """
    x_MHW, y_M = arrays(raw / FILE, ("train_x", "train_y"))
    train = Split(x_MHW.reshape(len(x_MHW), -1), y_M, encoding(options.recipe))
    fixed = [
        fixed_draws(options.recipe, _characters(raw, part), ("glyphs", part), count=count)
        for part, count in (("valid", options.valid), ("test", options.test))
    ]
    return Splits(train, *fixed)


def _characters(raw: Path, part: str) -> Characters:
    x_MHW, y_M = arrays(raw / FILE, (f"{part}_x", f"{part}_y"))
    return Characters(torch.from_numpy(x_MHW), torch.from_numpy(y_M))


GLYPHS = Dataset(
    name="glyphs",
    title="Digits and letters of matplotlib's fonts, distorted as NISTP's",
    address="matplotlib, mpl-data/fonts/ttf",
    citation="DejaVu, STIX and Computer Modern fonts; the generator of Bengio et al. (2011)",
    license="the fonts' own licenses, beside them in matplotlib",
    split=split,
    preprocess=Generated,
    write_raw=write_raw,
)
