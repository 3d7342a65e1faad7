"""Folders of images: every format and mode is decoded as documented, other files are refused."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.download import inventory
from pipeline.data.formats import image_folder
from pipeline.runtime.errors import Problem
from tests.own_data import classes, made, picture, png, save, stock

COLOR = (4, 3, 3)


def one(path: Path, content: bytes | Image.Image, **options):
    """Return the inputs of an image in a folder of otherwise black images."""
    root = path.parent.parent
    save(root / "b/0.png", np.zeros((4, 3), np.uint8))
    for n in range(3):
        for label in "ab":
            save(root / label / f"1{n}.png", np.zeros((4, 3), np.uint8))
    if isinstance(content, Image.Image):
        file = io.BytesIO()
        content.save(file, Image.registered_extensions()[path.suffix])
        content = file.getvalue()
    path.write_bytes(content)
    parts = made({"folder": str(root)}, root.parent / "raw", **options)
    found = [row for part in parts.values() for row in part.x_NI.numpy() if row.any()]
    assert len(found) == 1
    return found[0].reshape(parts["train"].encoding.shape)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in/a/9.png"


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".gif"])
def test_grey_images_come_back(path: Path, suffix: str) -> None:
    """The pixels of a lossless format become inputs, byte for byte."""
    if suffix == ".webp":
        file = io.BytesIO()
        Image.fromarray(picture(1)).save(file, "WEBP", lossless=True)
        read = one(path.with_suffix(suffix), file.getvalue(), color=False)
    else:
        read = one(path.with_suffix(suffix), Image.fromarray(picture(1)))
    np.testing.assert_allclose(read.astype(int), picture(1), atol=suffix == ".webp")


def test_color_planes_come_first(path: Path) -> None:
    """An image [H, W, 3] becomes three planes [3, H, W]."""
    read = one(path, Image.fromarray(picture(1, COLOR)), color=True)
    np.testing.assert_array_equal(read, picture(1, COLOR).transpose(2, 0, 1))


def test_grey_is_that_of_itu_r_601(path: Path) -> None:
    """Gray is 0.299 red + 0.587 green + 0.114 blue."""
    grey = picture(1, COLOR) @ np.array([0.299, 0.587, 0.114])
    read = one(path, Image.fromarray(picture(1, COLOR)), color=False)
    np.testing.assert_allclose(read, grey, atol=1)


def test_size_is_rows_and_columns(tmp_path: Path) -> None:
    """Images of several sizes become one, and a larger one is averaged, not sampled."""
    root = classes(tmp_path / "in", {"a": 3, "b": 3})
    stripes = np.tile(np.array([0, 255], np.uint8), (40, 30))
    stripes[:, 30:] = 0
    save(root / "a/9.png", stripes)
    parts = made({"folder": str(root)}, tmp_path / "raw", size=[4, 6])
    assert parts["train"].encoding.shape == (4, 6)
    rows = [row for part in parts.values() for row in part.x_NI.tolist()]
    wanted = np.tile([127.5, 127.5, 127.5, 0, 0, 0], 4)
    assert any(np.abs(wanted - row).max() < 25 for row in rows)


def test_exif_orientation_is_applied(path: Path) -> None:
    """An image with an EXIF orientation is turned upright."""
    image, file = Image.fromarray(picture(1).T.copy()), io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = 5  # mirrored at the diagonal
    image.save(file, "PNG", exif=exif)
    np.testing.assert_array_equal(one(path, file.getvalue()), picture(1))


def test_sixteen_bits_keep_the_high_byte(path: Path) -> None:
    """A 16-bit value is divided by 256, not clipped at 255."""
    deep = picture(1).astype(np.uint16) * 256 + picture(2)
    np.testing.assert_array_equal(one(path, Image.fromarray(deep)), picture(1))


def test_what_is_transparent_lies_on_white(path: Path) -> None:
    """Alpha 0 shows white, 255 the image, whatever the color below."""
    alpha = np.where(picture(2) < 128, 0, 255).astype(np.uint8)
    read = one(path, Image.fromarray(np.dstack([picture(1), alpha]), "LA"))
    np.testing.assert_array_equal(read, np.where(alpha, picture(1), 255))


def test_palette_gives_its_colors(path: Path) -> None:
    """An image with a palette is that of its colors; a palette of greys is grey."""
    image = Image.fromarray(picture(1, COLOR)).quantize(12)
    wanted = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(one(path, image, color=True), wanted)
    grey = Image.fromarray(picture(1)).quantize(12)
    np.testing.assert_array_equal(one(path, grey), np.asarray(grey.convert("L")))


def test_blocks_do_not_change_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images decoded two at a time are the images decoded at once."""
    source = {"folder": str(classes(tmp_path / "in", {"a": 7, "b": 8}))}
    whole = made(source, tmp_path / "raw")["train"]
    monkeypatch.setattr(image_folder, "BLOCK", 24)
    np.testing.assert_array_equal(made(source, tmp_path / "raw")["train"].x_NI, whole.x_NI)


def bomb(side: int) -> bytes:
    return png(side, side, zlib.compress(b"\0" * 99))


def encoded(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


FRAMES = [Image.fromarray(picture(n)) for n in (1, 2)]
WHOLE = encoded(Image.fromarray(picture(1, (64, 64))), format="PNG")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (bomb(60_000), r"a/9\.png has more than \d+ pixels"),
        (bomb(10_000), r"a/9\.png has more than \d+ pixels"),
        (WHOLE[:-2000], r"a/9\.png cannot be decoded \(.+\): replace or remove it"),
        (b"no image", r"a/9\.png is not an image of a known format"),
        (b"", r"a/9\.png is not an image of a known format"),
        (
            encoded(FRAMES[0], format="GIF", save_all=True, append_images=FRAMES[1:]),
            r"a/9\.png has several frames",
        ),
        (encoded(Image.new("F", (3, 4)), format="TIFF"), r"a/9\.png has 32-bit pixels"),
        (WHOLE, r"a/9\.png is 64 x 64 \(rows x columns\), .*a/1\d\.png 4 x 3: set size:"),
        (
            encoded(Image.fromarray(picture(1, COLOR)), format="PNG"),
            r"a/9\.png is in color, .*a/1\d\.png gray: set color: true or false in datasets",
        ),
    ],
    ids=["bomb", "small bomb", "truncated", "text", "empty", "animated", "deep", "size", "color"],
)
def test_images_of_no_use_are_named(path: Path, content: bytes, says: str) -> None:
    """The image is refused in one line that names the file."""
    with pytest.raises(Problem, match=says) as caught:
        one(path, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_damaged_images_are_problems(tmp_path: Path, kind: str) -> None:
    """An image with damaged bytes is decoded, or refused by name."""
    whole = encoded(Image.fromarray(picture(1, (8, 8, 3))), format=kind)
    rng, refused = np.random.default_rng(0), 0
    names = [f"{n}.png" for n in range(60)]
    for name in names:
        content = bytearray(whole)
        content[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        cut = len(whole) if rng.random() < 0.7 else int(rng.integers(len(whole)))
        (tmp_path / "in" / name[0]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name[0] / name).write_bytes(content[:cut])
    taken = inventory.take("mine", "folder", str(tmp_path / "in"))
    for file in taken.files:
        try:
            image_folder._opened(taken, file)
        except Problem as problem:
            refused += file.path in str(problem)
    assert refused > 5


def test_examples_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of more inputs than a network can have are refused before any is decoded."""
    monkeypatch.setattr(image_folder, "MOST_INPUTS", 11)
    source = {"folder": str(classes(tmp_path / "in", {"a": 3, "b": 3}))}
    with pytest.raises(Problem, match=r"makes 12 inputs, more than 11: give a smaller"):
        made(source, tmp_path / "raw")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([], "in has no class folders: expected <class>/<image>"),
        (["1.png"], "in has no class folders: expected"),
        (["1.png", "a/1.png"], r"in/1\.png is in no class folder"),
        (["a/1.png", "b/"], "in/b has no images"),
        (["a/1.png", "a/more/1.png"], "in/a/more is a folder in a class folder"),
        (["train/a/1.png", "test/a/1.png", "x/a/1.png"], "in/x lies beside the splits train and"),
        (["train/a/1.png", "val/a/1.png", "dev/a/1.png"], "dev and .*val are both the valid split"),
        (["train/1.png", "valid/2.png"], "in/train has no class folders: expected"),
        (["train/1.png", "test1/2.png"], "in has test1 and train, which are not names of classes"),
        (["images/1.png", "labels/1.png"], "in has images and labels, which are not names of"),
        (["train_images/1.png", "Test2/1.png"], "in has Test2 and train_images, which are not"),
        (["imagesTr/1.png", "labelsTr/1.png"], "in has imagesTr and labelsTr, which are not"),
        (["holdout/1.png", "input/1.png", "ground_truth/1.png"], "in has ground_truth and holdout"),
        (["a/1.png", ".net/1.png"], r"in/\.net has images, but its name begins with a dot"),
        (["a/1.png", ".net/x/1.png"], r"in/\.net has images, but its name begins with a dot"),
        (["a/1.png", "b/.more/1.png"], r"in/b/\.more has images, but its name begins with a dot"),
        (["train/a/1.png", "test/a/1.png", ".valid/a/1.png"], r"in/\.valid has images, but its"),
        (["a/1.png", "b/\udce9.png"], r"in/b/\\udce9\.png has a name that is not UTF-8: rename it"),
        (["\udce9/1.png", "b/1.png"], r"in/\\udce9/1\.png has a name that is not UTF-8: rename it"),
        (["e\u0301/1.png", "\u00e9/2.png"], "in has two folders \u00e9 that differ only in their"),
        (["train/a/1.png", "train/b/1.png", "test/a/1.png"], "in/test has no folder b"),
        (["train/a/1.png", "train/1.png", "test/a/1.png"], r"train/1\.png is in no class"),
        (["train/a/1.png", "test/"], "in/test has no class folders"),
        (["a/1.png", "a/n.txt", "b/2.csv"], r"2 of the files in .* the first is .*a/n\.txt: move"),
        (["a/1.png", "a/README.md", "LICENSE"], r"1 of the files in .*a/README\.md"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, files: list[str], says: str) -> None:
    """A folder of another layout is refused with the file at fault and the expected layout."""
    (tmp_path / "in").mkdir()
    for name in files:
        place = tmp_path / "in" / name
        (place if name.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            place.write_bytes(name.encode(errors="surrogateescape"))
    with pytest.raises(Problem, match=says):
        stock({"folder": str(tmp_path / "in")}, tmp_path / "raw")


def test_folders_of_splits_have_several_names(tmp_path: Path) -> None:
    """Training and val are the splits train and valid; test examples are a share of train."""
    classes(tmp_path / "in/Training", {"x": 10, "y": 10})
    classes(tmp_path / "in/val", {"x": 2, "y": 2}, (4, 3))
    parts = made({"folder": str(tmp_path / "in")}, tmp_path / "raw", test=0.2)
    assert [len(split) for split in parts.values()] == [16, 4, 4]


def test_unicode_spelling_does_not_divide_a_class(tmp_path: Path) -> None:
    """The folders of one class in train and test may have another spelling in Unicode."""
    for part, name in (("train", "e\u0301"), ("test", "\u00e9")):
        classes(tmp_path / "in" / part, {name: 5, "z": 5})
    parts = made({"folder": str(tmp_path / "in")}, tmp_path / "raw")
    assert parts["test"].encoding.class_names == ("z", "\u00e9")


@pytest.mark.parametrize(
    ("folders", "says"),
    [
        (["training_set", "test_set"], "training_set"),
        (["seg_train", "seg_test"], "seg_test"),
    ],
)
def test_flat_splits_are_no_classes(tmp_path: Path, folders: list[str], says: str) -> None:
    """Kaggle's names of splits are no names of classes."""
    root = classes(tmp_path / "in", dict.fromkeys(folders, 4))
    with pytest.raises(Problem, match=f"{says}.*: (expected|which are not names of classes)"):
        made({"folder": str(root)}, tmp_path / "raw")


def test_sets_are_splits(tmp_path: Path) -> None:
    """`training_set/<class>/<image>` names the splits."""
    for part in ("training_set", "TestSet"):
        classes(tmp_path / "in" / part, {"a": 5, "b": 5})
    parts = made({"folder": str(tmp_path / "in")}, tmp_path / "raw")
    assert len(parts["test"]) == 10


def test_hidden_images_are_refused(tmp_path: Path) -> None:
    """They may be examples whose names come from another program: none is lost in silence."""
    root = classes(tmp_path / "in", {"a": 4, "b": 4})
    (root / "b/0.png").rename(root / "b/.0.png")
    with pytest.raises(Problem, match="begins with a dot, which marks a hidden file: rename it"):
        made({"folder": str(root)}, tmp_path / "raw")


def test_names_of_splits_may_be_classes(tmp_path: Path) -> None:
    """A class `train` beside other classes, and hidden folders without images, are fine."""
    root = classes(tmp_path / "in", {"bus": 4, "car": 4, "train": 4})
    (root / ".git").mkdir()
    (root / ".net").mkdir()
    parts = made({"folder": str(root)}, tmp_path / "raw")
    assert parts["train"].encoding.class_names == ("bus", "car", "train")
