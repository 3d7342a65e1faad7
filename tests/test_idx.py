"""IDX files: round trip, and refusal of damaged or different files."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources import mnist
from pipeline.runtime.errors import Problem

SHAPE = (5, 3, 2)
PIXELS = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8
LABELS = bytes([3, 0, 9, 1, 1])


def images(magic: int = 2051, shape: tuple[int, ...] = SHAPE) -> bytes:
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + PIXELS.tobytes()


def labels(magic: int = 2049, count: int = 5) -> bytes:
    return struct.pack(">2I", magic, count) + LABELS


def packed(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content, mtime=0))
    return path


def test_images_are_read_as_written(tmp_path: Path) -> None:
    """Images come back as rows of pixels, uint8."""
    read = mnist.read_images(packed(tmp_path / "images.gz", images()), SHAPE)
    np.testing.assert_array_equal(read, PIXELS, strict=True)


def test_labels_are_read_as_written(tmp_path: Path) -> None:
    """Labels come back as int64."""
    read = mnist.read_labels(packed(tmp_path / "labels.gz", labels()), 5, 10)
    np.testing.assert_array_equal(read, np.array([3, 0, 9, 1, 1], np.int64), strict=True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (images(magic=2049), "magic number 2049, expected 2051"),
        (images(shape=(5, 2, 3)), r"dimensions \[5, 2, 3\], expected \[5, 3, 2\]"),
        (images()[:-1], "45 bytes when expanded, expected 46"),
        (images() + b"\0", "more bytes when expanded, expected 46"),
        (b"", "0 bytes when expanded, expected 46"),
    ],
    ids=["magic", "dimensions", "short", "trailing", "empty"],
)
def test_other_images_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """An undamaged file of other content is refused with the actual and the expected value."""
    path = packed(tmp_path / "images.gz", content)
    with pytest.raises(Problem, match=f"images.gz.*{says}"):
        mnist.read_images(path, SHAPE)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (labels(), "label 9, expected 0 to 8"),
        (labels(magic=2051), "magic number 2051, expected 2049"),
    ],
)
def test_other_labels_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """A label beyond the classes, and a file of images of the right length, are refused."""
    with pytest.raises(Problem, match=says):
        mnist.read_labels(packed(tmp_path / "labels.gz", content), 5, 9)


def test_absent_file_is_named(tmp_path: Path) -> None:
    """A missing file is a Problem that names it."""
    with pytest.raises(Problem, match=r"nowhere\.gz is missing"):
        mnist.read_images(tmp_path / "nowhere.gz", SHAPE)


def test_file_cut_short_is_refused(tmp_path: Path) -> None:
    """A file truncated at any byte is a Problem."""
    path = packed(tmp_path / "images.gz", images())
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Problem, match=r"images\.gz"):
            mnist.read_images(path, SHAPE)


def test_flipped_bit_never_changes_a_pixel(tmp_path: Path) -> None:
    """A file with one bit flipped is a Problem, or reads the same where gzip ignores the bit."""
    path = packed(tmp_path / "images.gz", images())
    whole = path.read_bytes()
    refused = 0
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            np.testing.assert_array_equal(mnist.read_images(path, SHAPE), PIXELS)
        except Problem:
            refused += 1
    assert refused > 0.8 * 8 * len(whole)


def test_bomb_is_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gzip bomb is expanded by one byte more than expected, no further."""
    asked = []
    read = gzip.GzipFile.read

    def counted(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        asked.append(size)
        return read(self, size)

    path = packed(tmp_path / "bomb.gz", images() + bytes(10_000_000))
    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(Problem, match="more bytes when expanded"):
        mnist.read_images(path, SHAPE)
    assert asked == [47]
