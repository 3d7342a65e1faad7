"""Matrices of NORB's format are read back equal, or are refused in one clear line."""

import dataclasses
import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.formats import norb_matrix
from pipeline.data.sources import norb
from pipeline.data.sources.norb import Edition
from pipeline.runtime.errors import Problem
from tests.tiny_norb import (
    BYTES,
    CATEGORIES,
    COUNT,
    INTEGERS,
    drawn,
    images,
    integers,
    publish,
    read_splits,
)


def test_matrices_are_read_back_equal(tmp_path: Path) -> None:
    """Both kinds of matrix come back as written, in blocks and whole, of one to four dimensions."""
    values = drawn(0, 7, 12)
    (tmp_path / "dat").write_bytes(images(values))
    blocks = list(norb_matrix.read_images(tmp_path / "dat", values.shape, rows=3))
    assert [len(block) for block in blocks] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), values)
    for shape in ((5,), (5, 10), (5, 2, 3)):
        numbers = np.random.default_rng(0).integers(-(2**31), 2**31, shape)
        (tmp_path / "info").write_bytes(integers(numbers))
        np.testing.assert_array_equal(
            norb_matrix.read_integers(tmp_path / "info", shape), numbers, strict=True
        )


def test_padding_of_a_header_means_nothing(tmp_path: Path) -> None:
    """Lengths beyond the dimensions may hold anything."""
    header = struct.pack("<5i", 0x1E3D4C54, 1, 3, 0, -7)
    (tmp_path / "cat").write_bytes(gzip.compress(header + struct.pack("<3i", 5, 0, 2)))
    assert norb_matrix.read_integers(tmp_path / "cat", (3,)).tolist() == [5, 0, 2]


Attack = Callable[[bytes], bytes]


def reheaded(*header: int) -> Attack:
    """Replace the first numbers of a header."""
    new = struct.pack(f"<{len(header)}i", *header)
    return lambda whole: gzip.compress(new + gzip.decompress(whole)[len(new) :], 1)


def flipped(position: float) -> Attack:
    """Flip one bit, so far into the file: 0 is its start, 1 its end."""

    def attack(whole: bytes) -> bytes:
        at = int(position * len(whole))
        return whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]

    return attack


def checksum_flipped(whole: bytes) -> bytes:
    return whole[:-8] + bytes([whole[-8] ^ 4]) + whole[-7:]


def exploding(whole: bytes) -> bytes:
    return whole + gzip.compress(bytes(3 * 10**7))


def relabelled(label: int) -> Attack:
    return lambda whole: gzip.compress(gzip.decompress(whole)[:-4] + struct.pack("<i", label))


ATTACKS: dict[str, tuple[norb.Kind, Attack, str]] = {
    "truncated": ("dat", lambda whole: whole[:-100], "ended before the end-of-stream marker"),
    "header cut": ("dat", lambda _: gzip.compress(b"\x55\x4c"), "2 bytes .* too few"),
    "short": ("dat", lambda whole: gzip.compress(gzip.decompress(whole)[:-1]), "too few"),
    "checksum": ("dat", checksum_flipped, "CRC check failed"),
    "bit in the middle": ("dat", flipped(0.5), ""),
    "bit near the end": ("dat", flipped(0.99), ""),
    "bit in labels": ("cat", flipped(0.6), ""),
    "no gzip": ("dat", gzip.decompress, "Not a gzipped file"),
    "other type": ("dat", reheaded(INTEGERS), "number 0x1e3d4c54, expected 0x1e3d4c55"),
    "other dimensions": ("dat", reheaded(BYTES, 3), "3 dimensions, expected 4"),
    "many dimensions": ("dat", reheaded(BYTES, -1), "4294967295 dimensions, expected 4"),
    "other lengths": (
        "dat", reheaded(BYTES, 4, COUNT, 2, 96), r"\[12, 2, 96, 108\], expected \[12, 2, 108",
    ),
    "huge": ("dat", reheaded(BYTES, 4, 2**31 - 1), r"lengths \[2147483647, 2, 108, 108\]"),
    "trailing": ("dat", lambda whole: whole + gzip.compress(b"more"), "more than 279960 bytes"),
    "bomb": ("dat", exploding, "more than 279960 bytes"),
    "cat bomb": ("cat", exploding, "more than 68 bytes"),
    "label": ("cat", relabelled(6), "labels from 0 to 6, expected 0 to 5"),
    "negative": ("cat", relabelled(-1), "labels from -1 to 5, expected 0 to 5"),
    "cat of bytes": ("cat", reheaded(BYTES), "number 0x1e3d4c55, expected 0x1e3d4c54"),
    "other info": ("info", reheaded(INTEGERS, 2, COUNT, 9), r"\[12, 9\], expected \[12, 10\]"),
    "no instance": (
        "info", lambda _: integers(np.full((COUNT, 10), 4)), "no toy is of instance 9",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "attack", "says"), ATTACKS.values(), ids=ATTACKS)
def test_wrong_file_is_one_clear_line(
    edition: Edition,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: norb.Kind,
    attack: Attack,
    says: str,
) -> None:
    """A file that is not as published is named with what is wrong, at no cost, and stays."""
    parts = ("training-08-", "testing-01-")
    digests = {name: value for name, value in edition.digests.items() if name.startswith(parts)}
    edition = dataclasses.replace(edition, digests=digests)
    monkeypatch.setattr(norb, "JITTERED", edition)
    publish(edition, tmp_path, CATEGORIES)
    path = tmp_path / edition.name("training-08", kind)
    path.write_bytes(attack(path.read_bytes()))
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    tracemalloc.start()
    with pytest.raises(
        Problem, match=rf"training-08-{kind}\.mat\.gz cannot be read \(.*{says}"
    ) as caught:
        read_splits(norb.NORB, tmp_path, {"split": "instance"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert peak < 20e6
    assert before.items() <= {file: file.read_bytes() for file in tmp_path.iterdir()}.items()
    assert not (tmp_path / "train.npz").exists()
