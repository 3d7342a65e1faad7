"""NISTP: characters of NIST's Special Database 19 under random distortions (paper, section 4.1).

The zip has an image `by_class/<code>/hsf_<n>/hsf_<n>_<number>.png` for each character with that
hexadecimal ASCII code on the forms of partition n. Lists (.mit) and the folders `train_<code>`,
which repeat some of the images, are ignored. The generator of the paper's authors also drew from
fonts, CAPTCHAs and printed text; the paper says only "NIST with randomized distortions". Here all
characters are from NIST.

Legend of shape suffixes: B images of a block, M characters, I pixels of a character.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import archives
from pipeline.data.sources.dataset import Dataset
from pipeline.data.sources.generated import CLASS_NAMES, SHAPE, Generated, encoding, fixed_draws
from pipeline.data.splits.distortions.pipelines import Characters
from pipeline.data.splits.split import Blocks, Split, Splits
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

ARCHIVE = RemoteFile(
    name="by_class.zip",
    digest="79572b1694a8506f2b722c7be54130c4",
    size=None,  # about 1 GB; not published
    urls=("https://s3.amazonaws.com/nist-srd/SD19/by_class.zip",),
    algorithm="md5",
)
LABELS = {f"{ord(name):02x}": label for label, name in enumerate(CLASS_NAMES)}
MEMBER = re.compile(r"by_class/([^/]+)/(?:hsf_(\d)/hsf_\2_\d+\.png)?")
TEST_PART = 4  # partition hsf_4, which NIST recommends for testing
VALID_SHARE = 80_000 / 731_668  # of the other partitions, as in the laboratory's split of NIST
RANDOM_STATE = 0
SHEET = (128, 128)  # pixels of an official image
REDUCTION = 4
BLOCK = 4096  # images in one block
PNG_SIZE = archives.AtMost(1 << 17)  # twice the pixels of an official image, uncompressed
HEADER = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"  # then width and height
MODES = ("1", "L", "P", "RGB")
PNG_DAMAGE = (
    OSError, EOFError, SyntaxError, LookupError, ValueError, struct.error, zlib.error,
    Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip

Members = Sequence[tuple[str, int]]  # names in the zip, and labels


def split(raw: Path, options: Generated) -> Splits:
    """Return the training characters, and fixed draws of distorted ones for validation and test.

    Test characters are those of hsf_4, validation characters a share of the others, drawn once
    with equal shares of each class. Raises Problem where the archive is absent or damaged.
    """
    from sklearn.model_selection import train_test_split

    archive = raw / ARCHIVE.name
    by_part = parts(archive)
    pool = [member for part, some in by_part.items() if part != TEST_PART for member in some]
    train, valid = train_test_split(
        np.arange(len(pool)),
        test_size=VALID_SHARE,
        stratify=[label for _, label in pool],
        random_state=RANDOM_STATE,
    )
    train, valid = ([pool[n] for n in sorted(rows)] for rows in (train, valid))
    recipe, test = options.recipe, by_part[TEST_PART]
    blocks = Blocks((len(train), SHAPE[0] * SHAPE[1]), lambda: images(archive, train))
    return Splits(
        Split(blocks, _labels(train), encoding(recipe)),
        fixed_draws(recipe, _in_memory(archive, valid), ("nistp", "valid"), count=options.valid),
        fixed_draws(recipe, _in_memory(archive, test), ("nistp", "test"), count=options.test),
    )


def _in_memory(archive: Path, members: Members) -> Characters:
    x_MI = np.concatenate(list(images(archive, members)))
    return Characters(torch.from_numpy(x_MI).view(-1, *SHAPE), torch.from_numpy(_labels(members)))


def _labels(members: Members) -> NDArray[np.int64]:
    return np.array([label for _, label in members], np.int64)


def parts(archive: Path) -> dict[int, list[tuple[str, int]]]:
    """Return the images of each partition hsf_<n> by n, in the order of the zip's directory.

    An image is the name of its member and its label, a position in CLASS_NAMES. Raises Problem
    where the zip is absent or damaged, has a folder that is none of the 62 classes, or lacks the
    images of the test partition or of all others.
    """
    by_part: dict[int, list[tuple[str, int]]] = {}
    for name in archives.members(archive):
        match = MEMBER.match(name)
        if not match:
            continue
        code, part = match.groups()
        if code not in LABELS:
            raise _damaged(archive, f"folder {code[:40]!r} is none of the {len(LABELS)} classes")
        if part and match.end() == len(name):
            by_part.setdefault(int(part), []).append((name, LABELS[code]))
    if TEST_PART not in by_part or len(by_part) == 1:
        missing = "hsf_4" if TEST_PART not in by_part else "any partition but hsf_4"
        raise _damaged(archive, f"no image of {missing}")
    return dict(sorted(by_part.items()))


def images(archive: Path, members: Members) -> Iterator[NDArray[np.uint8]]:
    """Yield blocks [B, I] uint8 of the given images, 32 x 32 pixels of 0 (background) to 255 (ink).

    A pixel is the rounded mean of 4 x 4 pixels of the official frame. Blocks have 4096 images, the
    last one fewer. Each call reads the zip's directory, about 15 s for the official file. Raises
    Problem where the zip or an image is absent or damaged, ValueError where `members` repeats one.
    """
    sizes = {name: PNG_SIZE for name, _ in members}
    if len(sizes) < len(members):
        raise ValueError("an image is named twice")
    contents = archives.read(archive, sizes)
    while rows := [_pixels(archive, *member) for member in islice(contents, BLOCK)]:
        yield 255 - np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)


def _pixels(archive: Path, name: str, content: bytes) -> bytes:
    """Return the 1024 pixels of an image, 0 for ink."""
    if not content.startswith(HEADER):
        raise _damaged(archive, f"{name} is not a PNG image")
    sizes = tuple(int.from_bytes(content[i : i + 4]) for i in (16, 20))
    if sizes != SHEET:
        raise _damaged(archive, f"{name} has {sizes[0]} x {sizes[1]} pixels, expected 128 x 128")
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            # A second header could have changed the size.
            if image.size == SHEET and image.mode in MODES:
                return image.convert("L").reduce(REDUCTION).tobytes()
            raise ValueError(f"it has {image.size} pixels of mode {image.mode}")
    except PNG_DAMAGE as error:
        what = " ".join(str(error).split())
        raise _damaged(archive, f"{name} is not a readable PNG image: {what}") from error


def _damaged(archive: Path, what: str) -> Problem:
    return storage.unreadable(archive, ValueError(what))


NISTP = Dataset(
    name="nistp",
    title="NIST Special Database 19 with random distortions",
    address="https://www.nist.gov/srd/nist-special-database-19",
    citation="Grother (1995), NIST Special Database 19; the generator of Bengio et al. (2011)",
    license="https://www.nist.gov/open/license",
    split=split,
    files=lambda _: (ARCHIVE,),
    preprocess=Generated,
)
