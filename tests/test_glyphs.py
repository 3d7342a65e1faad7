"""Characters of matplotlib's fonts, and the splits drawn from them."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources import generated, glyphs
from pipeline.data.sources.generated import CLASS_NAMES, Generated
from pipeline.data.splits import examples
from pipeline.data.splits.split import Splits
from pipeline.runtime.errors import Problem

OPTIONS = Generated(recipe="nistp", valid=70, test=130)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the rendered characters."""
    folder = tmp_path_factory.mktemp("raw")
    glyphs.write_raw(folder, None)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="module")
def splits(raw: Path) -> Splits:
    """Splits with few validation and test images."""
    return glyphs.split(raw, OPTIONS)


def test_each_font_has_62_characters_that_fit(raw: Path) -> None:
    """Every character has ink, none touches the border, capitals stand about 18 pixels high."""
    for fonts in glyphs.FONTS.values():
        for font in fonts:
            x_MHW = glyphs.render(font)
            assert x_MHW.shape == (62, 32, 32)
            assert (x_MHW.max((1, 2)) > 200).all(), font
            border = x_MHW[:, [0, -1]].any() or x_MHW[:, :, [0, -1]].any()
            assert not border, font
            heights = (x_MHW[[CLASS_NAMES.index(c) for c in "EHT"]] > 0).any(2).sum(1)
            assert np.abs(heights - glyphs.CAPITAL).max() <= 2, font


def test_characters_are_different() -> None:
    """Within a font no two characters share a picture, but for letters that are one shape."""
    for font in ("DejaVuSans", "cmr10", "STIXGeneral"):
        pictures = dict(zip(CLASS_NAMES, glyphs.render(font), strict=True))
        same = [
            a + b for a, b in combinations(CLASS_NAMES, 2) if (pictures[a] == pictures[b]).all()
        ]
        assert same == [], font


def test_fonts_are_in_one_split_each() -> None:
    """No two splits share a font or a font family."""
    families = {
        part: {font.split("-")[0][:11] for font in fonts} for part, fonts in glyphs.FONTS.items()
    }
    for one, other in combinations(glyphs.FONTS, 2):
        assert not set(glyphs.FONTS[one]) & set(glyphs.FONTS[other])
    assert not any("Mono" in font for font in families["train"] | families["test"])
    assert not any("STIX" in font for font in families["train"] | families["valid"])


def test_an_unknown_font_is_a_problem() -> None:
    """A font that matplotlib lacks is named."""
    with pytest.raises(Problem, match=r"no font .*Nowhere\.ttf"):
        glyphs.render("Nowhere")


def test_train_holds_clean_characters(splits: Splits) -> None:
    """The training split has each class once per font, and names the recipe."""
    train = splits.train
    assert train.encoding.pipeline == "nistp"
    assert (np.bincount(train.y_N) == len(glyphs.FONTS["train"])).all()
    np.testing.assert_array_equal(
        np.asarray(train.x_NI)[:62].reshape(62, 32, 32), glyphs.render("DejaVuSans")
    )


def test_valid_and_test_are_fixed_draws(raw: Path, splits: Splits, tmp_path: Path) -> None:
    """They have the sizes asked for, plain pixels, and come back the same; a longer draw begins
    with the shorter one."""
    longer = glyphs.split(raw, OPTIONS.model_copy(update={"valid": 90}))
    for name, split, count in (("valid", splits.valid, 70), ("test", splits.test, 130)):
        examples.write(split, tmp_path / f"{name}.npz")
        read = examples.read(tmp_path / f"{name}.npz")
        assert read.x_NI.shape == (count, 1024)
        assert read.encoding == generated.encoding()
    found = np.concatenate(list(longer.valid.x_NI))
    np.testing.assert_array_equal(found[:70], np.concatenate(list(splits.valid.x_NI)))
    np.testing.assert_array_equal(longer.valid.y_N[:70], splits.valid.y_N)


def test_labels_are_those_of_the_pictures(raw: Path) -> None:
    """Without distortion each drawn picture is its label's character in one of the fonts."""
    split = glyphs.split(raw, OPTIONS.model_copy(update={"recipe": "clean"})).test
    fonts = [glyphs.render(font).reshape(62, -1) for font in glyphs.FONTS["test"]]
    for x_I, y in zip(np.concatenate(list(split.x_NI)), split.y_N, strict=True):
        assert any((font[y] == x_I).all() for font in fonts)


def test_unknown_recipes_are_refused() -> None:
    """The error for an unknown recipe lists the known ones."""
    with pytest.raises(ValueError, match="use one of clean, nistp, p07"):
        Generated(recipe="p08", valid=1, test=1)
