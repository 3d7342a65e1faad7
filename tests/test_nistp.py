"""NISTP: characters of the official archive, divided and distorted."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.sources import nistp, sd19
from pipeline.data.sources.generated import CLASS_NAMES, Generated
from pipeline.data.splits import examples
from pipeline.data.splits.split import Splits

CLASSES, EACH, TESTED = "0Aq", 20, 4  # of each class: images of hsf_0 and of hsf_4
OPTIONS = Generated(recipe="nistp", valid=40, test=50)


def picture(number: int) -> bytes:
    """Return a PNG of a black square whose position tells the number."""
    pixels = np.full((128, 128), 255, np.uint8)
    row, column = 40 + 4 * (number // 8), 40 + 4 * (number % 8)
    pixels[row : row + 24, column : column + 16] = 0
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The official archive in small."""
    with zipfile.ZipFile(tmp_path / sd19.FILE, "w") as archive:
        for c, name in enumerate(CLASSES):
            for part, first, count in (("hsf_0", 0, EACH), ("hsf_4", EACH, TESTED)):
                for n in range(first, first + count):
                    member = f"by_class/{ord(name):x}/{part}/{part}_{n:05}.png"
                    archive.writestr(member, picture(c * (EACH + TESTED) + n))
    return tmp_path


def read(splits: Splits, folder: Path) -> dict[str, examples.Examples]:
    for name, split in splits._asdict().items():
        examples.write(split, folder / f"{name}.npz")
    return {name: examples.read(folder / f"{name}.npz") for name in splits._fields}


def test_characters_are_divided_once_and_for_all(raw: Path) -> None:
    """No character is in two splits; test has those of hsf_4, and classes keep their shares."""
    options = OPTIONS.model_copy(update={"recipe": "clean"})
    found = read(nistp.split(raw, options), raw)
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
    """Train keeps the characters for the generator; valid and test are what it made of others."""
    found = read(nistp.split(raw, OPTIONS), raw)
    assert found["train"].encoding.pipeline == "nistp"
    assert [len(found[name]) for name in ("valid", "test")] == [40, 50]
    assert found["test"].encoding.pipeline == ""
    clean = {x.numpy().tobytes() for x in found["train"].x_NI}
    assert not clean & {x.numpy().tobytes() for x in found["valid"].x_NI}


def test_splits_are_the_same_each_time(raw: Path, tmp_path: Path) -> None:
    """Same archive, same bytes."""
    whole = []
    for turn in ("one", "two"):
        (tmp_path / turn).mkdir()
        read(nistp.split(raw, OPTIONS), tmp_path / turn)
        whole.append([path.read_bytes() for path in sorted((tmp_path / turn).iterdir())])
    assert whole[0] == whole[1]
