"""NIST Special Database 19: characters by class, straight from the official zip.

`by_class/<code>/hsf_<n>/hsf_<n>_<number>.png` is an image of the character with that hexadecimal
ASCII code, from the forms of partition n. Beside them are lists (.mit), and in `train_<code>` some
of the images once more: both are left out.

Legend of shape suffixes: B images of a block, I pixels of a character.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import archives
from pipeline.data.sources.generated import CLASS_NAMES
from pipeline.runtime import storage

FILE = "by_class.zip"
FILES = (
    RemoteFile(
        name=FILE,
        digest="79572b1694a8506f2b722c7be54130c4",
        size=None,  # about 1 GB; not published
        urls=("https://s3.amazonaws.com/nist-srd/SD19/by_class.zip",),
        algorithm="md5",
    ),
)
LABELS = {f"{ord(name):02x}": label for label, name in enumerate(CLASS_NAMES)}
MEMBER = re.compile(r"by_class/([^/]+)/(?:hsf_(\d)/hsf_\2_\d+\.png)?")
TEST_PART = 4  # the partition that NIST suggests for testing
SHEET = (128, 128)  # pixels of an official image
REDUCTION = 4
SHAPE = (SHEET[0] // REDUCTION, SHEET[1] // REDUCTION)
BLOCK = 4096  # images in one block
PNG_SIZE = archives.AtMost(1 << 17)  # twice the pixels of an official image, uncompressed
HEADER = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"  # then width and height
MODES = ("1", "L", "P", "RGB")
PNG_DAMAGE = (
    OSError, EOFError, SyntaxError, LookupError, ValueError, struct.error, zlib.error,
    Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip

Members = Sequence[tuple[str, int]]  # names in the zip, and labels
Parts = dict[int, list[tuple[str, int]]]


def parts(path: Path) -> Parts:
    """Return the images of each partition hsf_<n> by n, in the order of the zip's directory.

    An image is the name of its member and its label, a position in CLASS_NAMES.

    Raises Problem where the zip is absent or damaged, has a folder that is none of the 62 classes,
    or lacks the images of the test partition or of all others.
    """
    found: Parts = {}
    for name in archives.members(path):
        match = MEMBER.match(name)
        if not match:
            continue
        code, part = match.groups()
        if code not in LABELS:
            raise _refusal(path, f"folder {code[:40]!r} is none of the {len(LABELS)} classes")
        if part and match.end() == len(name):
            found.setdefault(int(part), []).append((name, LABELS[code]))
    if TEST_PART not in found or len(found) == 1:
        missing = "hsf_4" if TEST_PART not in found else "any partition but hsf_4"
        raise _refusal(path, f"no image of {missing}")
    return dict(sorted(found.items()))


def images(path: Path, members: Members) -> Iterator[NDArray[np.uint8]]:
    """Yield blocks [B, 1024] of images as `parts` lists them: 32 x 32, ink 255 on ground 0.

    The whole frame of 128 x 128 is reduced: a pixel is the mean of 4 x 4, rounded. Blocks hold 4096
    images but for the last one. Reading the zip's directory takes about 15 s: ask for all at once.

    Raises Problem where the zip is absent or damaged, and where an image is: it is named. Raises
    ValueError where `members` has an image twice.
    """
    sizes = {name: PNG_SIZE for name, _ in members}
    if len(sizes) < len(members):
        raise ValueError("an image is named twice")
    contents = archives.read(path, sizes)
    while rows := [_pixels(path, *member) for member in islice(contents, BLOCK)]:
        yield 255 - np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)


def _pixels(path: Path, name: str, content: bytes) -> bytes:
    """Return the 1024 pixels of an image, ink still black."""
    if not content.startswith(HEADER):
        raise _refusal(path, f"{name} is not a PNG image")
    sizes = tuple(int.from_bytes(content[i : i + 4]) for i in (16, 20))
    try:
        if sizes == SHEET:
            with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
                # A second header could have changed the size.
                if image.size == SHEET and image.mode in MODES:
                    return image.convert("L").reduce(REDUCTION).tobytes()
                raise ValueError(f"it has {image.size} pixels of mode {image.mode}")
    except PNG_DAMAGE as error:
        what = " ".join(str(error).split())
        raise _refusal(path, f"{name} is not a readable PNG image: {what}") from error
    raise _refusal(path, f"{name} has {sizes[0]} x {sizes[1]} pixels, expected 128 x 128")


def _refusal(path: Path, what: str) -> Exception:
    return storage.unreadable(path, ValueError(what))
