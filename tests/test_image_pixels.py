"""Pixels of images: as a viewer shows them, or refused."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from pipeline.config import params
from pipeline.data import catalogue
from pipeline.runtime.errors import Problem
from tests.imports import ROOT
from tests.own_data import chunk, made, picture, png, save

SIZE = (4, 3)


def folder(
    root: Path, images: list[Image.Image | bytes], suffix: str = ".png", **options: object
) -> dict[str, str]:
    """Write the images, or files of images, into two classes in turn."""
    for n, image in enumerate(images):
        path = root / "ab"[n % 2] / f"{n}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, bytes):
            path.write_bytes(image)
        else:
            image.save(path, **options)
    return {"folder": str(root)}


def pixels(source: dict[str, str], raw: Path, **options: object) -> np.ndarray:
    """Return the stored bytes of all splits, sorted by their first byte."""
    parts = made(source, raw, **options)
    rows = np.concatenate([split.x_NI.numpy() for split in parts.values()])
    return rows[np.lexsort(rows.T[::-1])]


def stack(images: list[np.ndarray]) -> np.ndarray:
    rows = np.stack([image.ravel() for image in images])
    return rows[np.lexsort(rows.T[::-1])]


def netpbm(image: np.ndarray) -> bytes:
    """Return a PGM or PPM file of 16 bits a value; Pillow writes no such PPM file."""
    kind, size = b"P6" if image.ndim == 3 else b"P5", b"%d %d" % image.shape[1::-1]
    return b"%s %s 65535\n%s" % (kind, size, image.astype(">u2").tobytes())


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm", ".jpg"])
def test_16_bit_images_are_read_by_the_bits_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bits: int, suffix: str
) -> None:
    """16-bit files whose values use 8 to 14 bits come out as bright as 8-bit files do.

    A PNG file may be called .jpg.
    """
    plain = [picture(n, SIZE) for n in range(10)]
    for image in plain:
        image[0, 0] = 255
    arrays = [image.astype(np.uint16) << (bits - 8) for image in plain]
    deep: list[Image.Image | bytes] = [Image.fromarray(array) for array in arrays]
    if suffix == ".pgm":
        deep = [netpbm(array) for array in arrays]
    if suffix == ".jpg":
        deep = [deep_png(array) for array in arrays]
    read = pixels(folder(tmp_path / "in", deep, suffix), tmp_path / "raw")
    np.testing.assert_array_equal(read, stack(plain))
    assert ("16-bit training images reach" in caplog.text) == (bits < 16)


def test_training_images_decide_the_depth(tmp_path: Path) -> None:
    """A brighter image of another split is clipped, not a reason to darken all."""
    for part, top in (("train", 200), ("test", 60_000)):
        for name in "ab":
            for n in range(2):
                image = np.full(SIZE, top, np.uint16)
                image[0, 0] = n
                save(tmp_path / "in" / part / name / f"{n}.png", image)
    parts = made({"folder": str(tmp_path / "in")}, tmp_path / "raw")
    assert parts["train"].x_NI.max() == 200
    assert parts["test"].x_NI.max() == 255


def deep_png(values: np.ndarray, transparent: int | None = None) -> bytes:
    """Return a PNG of 16 bits a value: gray, gray and alpha, or colors.

    `transparent` is the gray value that is transparent.
    """
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    color = 0 if values.ndim == 2 else {2: 4, 3: 2}[values.shape[2]]
    file = png(values.shape[1], len(values), zlib.compress(lines), bits=16, color=color)
    if transparent is None:
        return file
    start = file.index(b"IDAT") - 4
    return file[:start] + chunk(b"tRNS", transparent.to_bytes(2)) + file[start:]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_transparent_gray_levels_of_few_bits(tmp_path: Path, bits: int) -> None:
    """The level that is transparent takes the background's color, whatever the bits of a pixel."""
    levels = {"0": (1 << bits) - 1, "1": 1}  # 1 is transparent
    files = []
    for n in range(8):
        row = "".join(format(levels[digit], f"0{bits}b") for digit in f"{n:08b}")
        line = int(row, 2).to_bytes(bits)
        file = png(8, 1, zlib.compress(b"\0" + line), bits=bits)
        start = file.index(b"IDAT") - 4
        files.append(file[:start] + chunk(b"tRNS", b"\0\1") + file[start:])
    stored = pixels(folder(tmp_path / "in", files), tmp_path / "raw", background="black")
    drawn = [np.array([255 * (digit == "0") for digit in f"{n:08b}"], np.uint8) for n in range(8)]
    assert (stored == stack(drawn)).all()


@pytest.mark.parametrize("suffix", [".png", ".ppm"])
@pytest.mark.parametrize("shift", [0, 4, 8])
def test_16_bit_colors_are_read_or_refused(tmp_path: Path, shift: int, suffix: str) -> None:
    """Colors that use the low bits alone would become black: they are refused."""
    plain = [picture(n, (*SIZE, 3)) for n in range(8)]
    written = netpbm if suffix == ".ppm" else deep_png
    files = [written(image.astype(np.uint16) << shift) for image in plain]
    source = folder(tmp_path / "in", files, suffix)
    if shift < 8:
        with pytest.raises(Problem, match=r"have 16 bits a color, .* would be black: save them"):
            made(source, tmp_path / "raw")
    else:
        wanted = stack([image.transpose(2, 0, 1) for image in plain])
        # Pillow rounds the colors of a PPM file.
        read = pixels(source, tmp_path / "raw").astype(int)
        np.testing.assert_allclose(read, wanted, atol=suffix == ".ppm")


def test_16_bit_gray_with_alpha_is_gray(tmp_path: Path) -> None:
    """Pillow reads such files as if they were in color; beside 8-bit gray files they are gray."""
    plain = [picture(n, SIZE) for n in range(8)]
    opaque = np.full(SIZE, 65535, np.uint16)
    deep = [deep_png(np.dstack([image.astype(np.uint16) * 257, opaque])) for image in plain[1:]]
    source = folder(tmp_path / "in", [Image.fromarray(plain[0]), *deep])
    np.testing.assert_array_equal(pixels(source, tmp_path / "raw"), stack(plain))


def test_transparent_value_of_16_bit_images_lies_on_the_ground(tmp_path: Path) -> None:
    """A gray value that the file calls transparent is white; a drawing in white is refused."""
    plain = [np.where(picture(n, SIZE) < 128, 7, picture(n, SIZE)) for n in range(8)]
    deep = [deep_png(image.astype(np.uint16) << 8, 7 << 8) for image in plain]
    source = folder(tmp_path / "in", deep)
    wanted = stack([np.where(image == 7, 255, image) for image in plain])
    np.testing.assert_array_equal(pixels(source, tmp_path / "raw"), wanted)
    white = [np.where(image == 7, 7, 65535) for image in plain]
    source = folder(tmp_path / "white", [deep_png(image, 7) for image in white])
    with pytest.raises(Problem, match="is white on a transparent ground and would be blank"):
        made(source, tmp_path / "raw")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_zero_may_be_white_in_tiff_files(tmp_path: Path, dtype: type) -> None:
    """The photometric interpretation `WhiteIsZero` is applied to 8 and to 16 bits."""
    plain = [picture(n, SIZE) for n in range(6)]
    shift = 8 * (np.dtype(dtype).itemsize - 1)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[262] = 0
    images = [Image.fromarray(image.astype(dtype) << shift) for image in plain]
    read = pixels(folder(tmp_path / "in", images, ".tif", tiffinfo=tags), tmp_path / "raw")
    viewed = []
    for n, image in enumerate(plain):
        with Image.open(tmp_path / "in" / "ab"[n % 2] / f"{n}.tif") as stored:
            assert stored.tag_v2[262] == 0
            # Pillow's own writer inverts 8-bit values on the way out.
            viewed.append(np.asarray(stored) if dtype == np.uint8 else 255 - image)
    np.testing.assert_allclose(read.astype(int), stack(viewed), atol=1)


def test_white_is_zero_has_one_scale(tmp_path: Path) -> None:
    """Zeros are white in all 12-bit images, whatever the largest value of each."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[262] = 0
    arrays = [np.full(SIZE, top, np.uint16) for top in (900, 4000) * 3]
    for array in arrays:
        array[0, 0] = 0
    source = folder(tmp_path / "in", [Image.fromarray(a) for a in arrays], ".tif", tiffinfo=tags)
    read = pixels(source, tmp_path / "raw")
    assert (read.max(1) == 255).all()


def drawing(ink: int, n: int) -> Image.Image:
    alpha = np.where(picture(n, SIZE) < 128, 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([np.full(SIZE, ink, np.uint8), alpha]), "LA")


@pytest.mark.parametrize(("ink", "ground"), [(255, "white"), (0, "black")])
def test_drawings_in_the_color_of_the_ground_are_refused(
    tmp_path: Path, ink: int, ground: str
) -> None:
    """White on transparent would be blank on white; another background shows it."""
    images = [drawing(ink, n) for n in range(8)]
    source = folder(tmp_path / "in", images)
    with pytest.raises(Problem, match=f"is {ground} on a transparent ground and would be blank"):
        made(source, tmp_path / "raw", background=ground)
    other, level = ("black", 0) if ground == "white" else ("white", 255)
    wanted = [np.where(np.asarray(image)[..., 1] > 0, ink, level) for image in images]
    read = pixels(source, tmp_path / "raw", background=other)
    np.testing.assert_array_equal(read, stack(wanted))


def bitmap(values: np.ndarray) -> bytes:
    """Return a 32-bit BMP with a mask for the fourth byte, which Pillow does not write."""
    rows, columns, _ = values.shape
    masks = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000) + b"BGRs"
    size = struct.pack("<I2i2H6I", 108, columns, -rows, 1, 32, 3, values.size, 0, 0, 0, 0)
    header = b"BM" + struct.pack("<I2HI", 122 + values.size, 0, 0, 122)
    return header + (size + masks).ljust(108, b"\0") + values.tobytes()


@pytest.mark.parametrize("alpha", [0, 128])
def test_unused_byte_of_a_bmp_is_not_transparency(tmp_path: Path, alpha: int) -> None:
    """A 32-bit BMP whose fourth bytes are all 0 is opaque; others lie on white."""
    plain = [picture(n, (*SIZE, 3)) for n in range(6)]
    fourth = np.full(SIZE, alpha, np.uint8)
    files = [bitmap(np.dstack([image, fourth])) for image in plain]
    read = pixels(folder(tmp_path / "in", files, ".bmp"), tmp_path / "raw").astype(int)
    share = alpha / 255 or 1
    wanted = [image.transpose(2, 0, 1) * share + 255 * (1 - share) for image in plain]
    np.testing.assert_allclose(read, stack(wanted), atol=1 if alpha else 0)


@pytest.mark.parametrize("suffix", [".pgm", ".ppm", ".jfif"])
def test_further_formats_are_read(tmp_path: Path, suffix: str) -> None:
    """Netpbm files and JPEG files of another name are images too."""
    shape = (*SIZE, 3) if suffix == ".ppm" else SIZE
    plain = [np.full(shape, 20 * n, np.uint8) for n in range(6)]
    source = folder(tmp_path / "in", [Image.fromarray(image) for image in plain], suffix)
    read = pixels(source, tmp_path / "raw")
    np.testing.assert_allclose(read.astype(int), stack(plain), atol=1)


def preprocessed(folder: Path, source: dict[str, str]) -> None:
    settings = params.load(ROOT / "params.yaml")
    block = settings.datasets["digits"].model_copy(update={"source": source, "preprocess": {}})
    settings = settings.model_copy(update={"datasets": {"mine": block}})
    raw, ready = folder / "raw", folder / "ready"
    catalogue.download(settings, "mine", raw, downloads=folder / "kept")
    catalogue.preprocess(settings, "mine", raw, ready=ready, results=folder / "results")


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ("ab", "mine: all examples in train have the same inputs"),
        ("b", "mine: the examples of b in train have the same inputs"),
        ("", None),
    ],
)
def test_constant_inputs_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, classes: str, says: str | None
) -> None:
    """A split, or a class of it, without any difference between its inputs is worth a warning."""
    for name in "ab":
        for n in range(10):
            image = picture(0 if name in classes else ord(name) + 2 * n, SIZE)
            save(tmp_path / "in" / name / f"{n}.png", image)
    preprocessed(tmp_path, {"folder": str(tmp_path / "in")})
    assert (says or "have the same inputs") in caplog.text or says is None
    assert ("same inputs" in caplog.text) == (says is not None)
