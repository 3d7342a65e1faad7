"""Small files of a user's own data, and their three splits."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.sources import own
from pipeline.data.splits import examples

NAME = "mine"


def stock(source: dict[str, Any], raw: Path) -> None:
    """Write the inventory of the user's files as `download` does."""
    raw.mkdir(parents=True, exist_ok=True)
    write_raw = own.entry(NAME).write_raw
    assert write_raw
    write_raw(raw, own.Source.model_validate(source))


def ready(raw: Path, **options: Any) -> dict[str, examples.Examples]:
    """Return the three splits of the files of an inventory, as `preprocess` writes them."""
    splits = own.entry(NAME).split(raw, own.Preprocess.model_validate(options))
    for part, split in splits._asdict().items():
        examples.write(split, raw / f"{part}.npz")
    return {part: examples.read(raw / f"{part}.npz") for part in splits._fields}


def made(source: dict[str, Any], raw: Path, **options: Any) -> dict[str, examples.Examples]:
    """Return the three splits of a source: `download`, then `preprocess`."""
    stock(source, raw)
    return ready(raw, **options)


def picture(value: int, shape: tuple[int, ...] = (4, 3)) -> NDArray[np.uint8]:
    """Return an image of random pixels, another one for each value."""
    return np.random.default_rng(value).integers(0, 256, shape).astype(np.uint8)


def save(path: Path, pixels: NDArray[Any], **options: Any) -> None:
    """Write an image in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def classes(root: Path, counts: dict[str, int], shape: tuple[int, ...] = (4, 3)) -> Path:
    """Write a folder of PNG images for each class; no two images are alike."""
    for n, (name, count) in enumerate(counts.items()):
        for image in range(count):
            save(root / name / f"{image}.png", picture(1000 * n + image, shape))
    return root


def npz(path: Path, **arrays: NDArray[Any]) -> Path:
    """Write an npz file; object arrays are allowed."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    path.write_bytes(file.getvalue())
    return path


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file, with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *, bits: int = 8, color: int = 0) -> bytes:
    """Return a PNG file with this header and these compressed lines, whether they agree or not."""
    header = struct.pack(">2I5B", width, height, bits, color, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)
