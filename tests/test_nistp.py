"""NISTP: the official zip is read whole, or refused; its characters are divided and distorted."""

import io
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.sources import nistp
from pipeline.data.sources.generated import CLASS_NAMES, Generated
from pipeline.data.splits import examples
from pipeline.data.splits.split import Splits
from pipeline.runtime.errors import Problem
from tests import own_data

RNG = np.random.default_rng(0)
INKED = RNG.integers(0, 2, (6, 128, 128), np.uint8) * 255  # black 0, white 255
NAMES = [
    "by_class/30/hsf_0/hsf_0_00000.png",
    "by_class/41/hsf_4/hsf_4_00000.png",
    "by_class/41/hsf_1/hsf_1_00012.png",
    "by_class/7a/hsf_4/hsf_4_00001.png",
    "by_class/7a/hsf_0/hsf_0_00003.png",
    "by_class/4d/hsf_7/hsf_7_12345.png",
]
OTHERS = {
    "by_class/": b"",
    "by_class/30/": b"",
    "by_class/30/hsf_0.mit": b"1\n",
    "by_class/30/train_30/train_30_00000.png": b"left out",
    "by_class/30/hsf_0/": b"",
    "by_class/30/hsf_0/hsf_0_00000.png.bak": b"left out",
    "by_class/30/hsf_0/hsf_1_00000.png": b"left out",
}


def png(pixels: np.ndarray, mode: str = "L") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()


def members(mode: str = "L") -> dict[str, bytes]:
    images = {name: png(pixels, mode) for name, pixels in zip(NAMES, INKED, strict=True)}
    return OTHERS | images


def packed(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def read(path: Path, names: list[str] = NAMES) -> np.ndarray:
    return np.concatenate(list(nistp.images(path, [(name, 0) for name in names])))


def refused(path: Path, says: str) -> None:
    """Check that the first image is refused in one line, and that the zip is left as it is."""
    before = path.read_bytes()
    with pytest.raises(Problem, match=says) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def expected() -> np.ndarray:
    """Return the inverted means of 4 x 4 pixels, computed by numpy."""
    means = INKED.reshape(6, 32, 4, 32, 4).astype(float).mean((2, 4))
    return (255 - np.floor(means + 0.5)).reshape(6, 1024).astype(np.uint8)


def test_parts_list_each_image_with_its_label(tmp_path: Path) -> None:
    """Partitions are in order, images as in the directory; copies, lists and folders left out."""
    found = nistp.parts(packed(tmp_path / "by_class.zip", members()))
    assert list(found) == [0, 1, 4, 7]
    assert found == {
        0: [(NAMES[0], 0), (NAMES[4], 61)],
        1: [(NAMES[2], 10)],
        4: [(NAMES[1], 10), (NAMES[3], 61)],
        7: [(NAMES[5], 22)],
    }


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_characters_are_means_of_the_whole_frame(tmp_path: Path, mode: str) -> None:
    """In any mode a pixel is the mean of 4 x 4 pixels, 255 for ink, in the caller's order."""
    path = packed(tmp_path / "by_class.zip", members(mode))
    np.testing.assert_array_equal(read(path), expected(), strict=True)
    np.testing.assert_array_equal(read(path, NAMES[::-1]), expected()[::-1], strict=True)


def test_images_come_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks but the last are full; together they have all images."""
    monkeypatch.setattr(nistp, "BLOCK", 4)
    path = packed(tmp_path / "by_class.zip", members())
    blocks = list(nistp.images(path, [(name, 0) for name in NAMES]))
    assert [block.shape for block in blocks] == [(4, 1024), (2, 1024)]
    np.testing.assert_array_equal(np.concatenate(blocks), expected())


@pytest.mark.parametrize("code", ["29", "5b", "zz", "7A", "train_30", "3\n0"])
def test_unknown_class_is_refused(tmp_path: Path, code: str) -> None:
    """A folder that is none of the 62 classes is named, not left out."""
    shown = re.escape(repr(code))
    names = members() | {f"by_class/{code}/hsf_0/hsf_0_00000.png": b""}
    with pytest.raises(Problem, match=f"by_class.zip.*folder {shown} is none of the 62 classes"):
        nistp.parts(packed(tmp_path / "by_class.zip", names))


@pytest.mark.parametrize(
    ("kept", "says"),
    [("4", "no image of any partition but hsf_4"), ("017", "no image of hsf_4")],
)
def test_zip_without_training_or_test_images_is_refused(
    tmp_path: Path, kept: str, says: str
) -> None:
    """A zip of the test partition alone, or without it, is refused."""
    names = {name: b"" for name in NAMES if name[16] in kept}
    with pytest.raises(Problem, match=says):
        nistp.parts(packed(tmp_path / "by_class.zip", names))


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG whose header promises many pixels."""
    return own_data.png(width, height, zlib.compress(bytes(90_000_000 // 1000)))


def two_headers(size: int) -> bytes:
    whole = png(INKED[0])
    second = struct.pack(">2I5B", size, size, 8, 0, 0, 0, 0)
    return whole[:33] + own_data.chunk(b"IHDR", second) + whole[33:]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (png(INKED[0][:, :127]), "has 127 x 128 pixels, expected 128 x 128"),
        (bomb(30_000, 30_000), "has 30000 x 30000 pixels, expected 128 x 128"),
        (bomb(128, 1 << 31), "has 128 x 2147483648 pixels, expected 128 x 128"),
        (two_headers(256), r"is not a readable PNG image: it has \(256, 256\) pixels"),
        (two_headers(30_000), "is not a readable PNG image"),
        (png(INKED[0], "LA"), "is not a readable PNG image: .*mode LA"),
        (png(INKED[0])[:-400], "is not a readable PNG image"),
        (png(INKED[0])[:20], "has"),
        (png(INKED[0]).replace(b"IDAT", b"IDAB"), "is not a readable PNG image"),
        (b"GIF89a" + bytes(100), "is not a PNG image"),
        (b"", "is not a PNG image"),
        (png(INKED[0]) + bytes(1 << 17), "has .* bytes, expected at most 131072"),
    ],
    ids=[
        "size", "bomb", "tall", "headers", "headers-bomb", "mode", "cut", "header", "chunk", "gif",
        "empty", "long",
    ],
)  # fmt: skip
def test_other_images_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """An image of another format is named, before more pixels than expected are decoded."""
    path = packed(tmp_path / "by_class.zip", members() | {NAMES[3]: content})
    refused(path, f"hsf_4_00001.png {says}")


def test_image_that_is_asked_for_twice_is_an_error(tmp_path: Path) -> None:
    """A repeated member is an error of the caller."""
    with pytest.raises(ValueError, match="twice"):
        read(tmp_path / "by_class.zip", [NAMES[0], NAMES[0]])


CLASSES, EACH, TESTED = "0Aq", 20, 4  # of each class: images of hsf_0 and of hsf_4
OPTIONS = Generated(recipe="nistp", valid=40, test=50)


def picture(number: int) -> bytes:
    """Return a PNG of a black square whose position depends on the number."""
    pixels = np.full((128, 128), 255, np.uint8)
    row, column = 40 + 4 * (number // 8), 40 + 4 * (number % 8)
    pixels[row : row + 24, column : column + 16] = 0
    return png(pixels)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Folder with a small archive in the official format."""
    with zipfile.ZipFile(tmp_path / nistp.ARCHIVE.name, "w") as archive:
        for c, name in enumerate(CLASSES):
            for part, first, count in (("hsf_0", 0, EACH), ("hsf_4", EACH, TESTED)):
                for n in range(first, first + count):
                    member = f"by_class/{ord(name):x}/{part}/{part}_{n:05}.png"
                    archive.writestr(member, picture(c * (EACH + TESTED) + n))
    return tmp_path


def read_back(splits: Splits, folder: Path) -> dict[str, examples.Examples]:
    for name, split in splits._asdict().items():
        examples.write(split, folder / f"{name}.npz")
    return {name: examples.read(folder / f"{name}.npz") for name in splits._fields}


def test_characters_are_divided_once_and_for_all(raw: Path) -> None:
    """No character is in two splits; test has those of hsf_4, and classes keep their shares."""
    options = OPTIONS.model_copy(update={"recipe": "clean"})
    found = read_back(nistp.split(raw, options), raw)
    seen = {
        name: {(x.numpy().tobytes(), int(y)) for x, y in zip(split.x_NI, split.y_N, strict=True)}
        for name, split in found.items()
    }
    assert not seen["train"] & seen["valid"]
    assert not (seen["train"] | seen["valid"]) & seen["test"]
    assert len(seen["test"]) <= len(CLASSES) * TESTED
    counts = np.bincount(found["train"].y_N)[[CLASS_NAMES.index(name) for name in CLASSES]]
    assert counts.max() - counts.min() <= 1
    held_out = round(len(CLASSES) * EACH * nistp.VALID_SHARE + 0.5)
    assert len(found["train"]) == len(CLASSES) * EACH - held_out


def test_training_is_on_clean_characters_and_a_recipe(raw: Path) -> None:
    """Train has clean characters for the generator; valid and test have distorted ones."""
    found = read_back(nistp.split(raw, OPTIONS), raw)
    assert found["train"].encoding.pipeline == "nistp"
    assert [len(found[name]) for name in ("valid", "test")] == [40, 50]
    assert found["test"].encoding.pipeline == ""
    clean = {x.numpy().tobytes() for x in found["train"].x_NI}
    assert not clean & {x.numpy().tobytes() for x in found["valid"].x_NI}


def test_splits_are_the_same_each_time(raw: Path, tmp_path: Path) -> None:
    """The same archive gives the same bytes."""
    whole = []
    for turn in ("one", "two"):
        (tmp_path / turn).mkdir()
        read_back(nistp.split(raw, OPTIONS), tmp_path / turn)
        whole.append([path.read_bytes() for path in sorted((tmp_path / turn).iterdir())])
    assert whole[0] == whole[1]
