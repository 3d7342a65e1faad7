"""Class labels: the same rule for CSV tables, npz arrays, image folders and reviews."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.text.labels import MissingLabelError, class_name
from pipeline.runtime.errors import Problem
from tests.own_data import made, npz, picture, save
from tests.review_files import jsonl, splits

SAME = [
    ("0", ["0", "0.0", "-0", " 0 ", 0, 0.0, -0.0, False]),
    ("1", ["1", "1.00", 1, 1.0, True]),
    ("-3", ["-3", "-3.0", -3, -3.0]),
    ("12345678901234567890", ["12345678901234567890", 12345678901234567890]),
]
TEXTS = ["1_11", "01", "1e1", "+1", "1.", ".0", "٣", "True", "false", "Na", "None", "inf", "a b"]
MISSING = [None, float("nan"), "", " ", "nan", "NaN", "NA", "N/A", "null", "NULL", "<NA>"]
REFUSED = [
    *(0.5, "0.5", "-1.25", 1e300, float("inf"), [], {}, b"a", "a\nb", "a\u2028b", "a\0", "\x1b[1m"),
    "\ud83d",  # half an emoji
]


@pytest.mark.parametrize(("name", "labels"), SAME, ids=[name for name, _ in SAME])
def test_whole_numbers_are_one_class(name: str, labels: list[object]) -> None:
    """Numbers, booleans and the decimal text of a whole number are the same class."""
    assert {class_name(label) for label in labels} == {name}


def test_other_text_stays_text() -> None:
    """Text that only some programs read as a number is a class of its own."""
    assert [class_name(f" {text} ") for text in TEXTS] == TEXTS


@pytest.mark.parametrize("label", MISSING, ids=repr)
def test_missing_labels_are_no_class(label: object) -> None:
    """Every usual way to write a missing value is a missing label."""
    with pytest.raises(MissingLabelError, match="the label is missing"):
        class_name(label)


@pytest.mark.parametrize("label", REFUSED, ids=repr)
def test_other_values_are_refused(label: object) -> None:
    """Fractions, infinities and values that are not scalars are no labels."""
    with pytest.raises(ValueError, match="the label"):
        class_name(label)


def test_spellings_of_unicode_are_one_class() -> None:
    """Letters with an accent, and Hangul, are the same in one sign and in several."""
    for composed, decomposed in (("caf\u00e9", "cafe\u0301"), ("\uac01", "\u1100\u1161\u11a8")):
        assert class_name(composed) == class_name(decomposed) == composed


def of_csv(folder: Path, labels: list[object]) -> tuple[str, ...]:
    rows = "".join(f"{n},{-n},{label}\n" for n, label in enumerate(labels))
    (folder / "in.csv").write_text("a,b,label\n" + rows)
    parts = made({"csv": str(folder / "in.csv")}, folder / "raw")
    return parts["train"].encoding.class_names


def of_npz(folder: Path, labels: list[object]) -> tuple[str, ...]:
    x_NI = np.arange(2.0 * len(labels)).reshape(-1, 2)
    path = npz(folder / "in.npz", X=x_NI, y=np.array(labels, str))
    return made({"npz": str(path)}, folder / "raw")["train"].encoding.class_names


def of_reviews(folder: Path, labels: list[object]) -> tuple[str, ...]:
    rows = [{"text": f"common word{n}", "label": label} for n, label in enumerate(labels)]
    path = jsonl(folder / "in.jsonl", rows)
    found = splits(folder, {"reviews": str(path)}, label="label", terms=1)
    return found.train.encoding.class_names


READERS = {"csv": of_csv, "npz": of_npz, "reviews": of_reviews}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_every_reader_has_the_rule(tmp_path: Path, read) -> None:  # type: ignore[no-untyped-def]
    """Numbers with and without a fraction of 0 are one class, and text keeps its underscores."""
    assert read(tmp_path, ["0", "0.0", "1", "1.0", "10", "10.0"] * 5) == ("0", "1", "10")
    assert read(tmp_path, ["1_11", "11_1", "01"] * 10) == ("01", "11_1", "1_11")


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("missing", ["NA", "nan", "null", ""])
def test_missing_labels_are_counted(  # type: ignore[no-untyped-def]
    tmp_path: Path, caplog: pytest.LogCaptureFixture, read, missing: str
) -> None:
    """Rows without a label are refused with their number, or of reviews left out and counted."""
    labels = ["no", missing, "yes", missing] * 2 + ["no", "yes"] * 10
    if read is of_reviews:
        assert read(tmp_path, labels) == ("no", "yes")
        assert "4 bad lines" in caplog.text
        return
    with pytest.raises(Problem, match=r"label is missing.* \(4 of 28 are missing\): fill it in"):
        read(tmp_path, labels)


def test_labels_of_json_are_the_same_in_all_files(tmp_path: Path) -> None:
    """Whole numbers, floats, booleans and strings of several files give two classes."""
    values = [[0, 1], [0.0, 1.0], [False, True], ["0", "1"]]
    paths = [
        jsonl(tmp_path / f"{n}.jsonl", [
            json.dumps({"text": f"common t{n}{k}", "label": pair[k % 2]}) for k in range(10)
        ])
        for n, pair in enumerate(values)
    ]  # fmt: skip
    source = {"reviews": [str(path) for path in paths]}
    found = splits(tmp_path, source, label="label", terms=1)
    assert found.train.encoding.class_names == ("0", "1")
    assert np.bincount(found.test.y_N).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("cat", "nan"), "the label is missing"),
        (("1", "1.0"), "two folders of class 1, one of them 1.0: rename one"),
        (("0.5", "1"), "the label 0.5 is no whole number"),
    ],
)
def test_folders_that_name_no_class_are_refused(
    tmp_path: Path, names: tuple[str, str], says: str
) -> None:
    """A folder is named by the same rule as any label."""
    for n, name in enumerate(names):
        for image in range(3):
            save(tmp_path / "in" / name / f"{image}.png", picture(10 * n + image))
    with pytest.raises(Problem, match=says):
        made({"folder": str(tmp_path / "in")}, tmp_path / "raw")


def test_folders_of_numbers_are_in_numeric_order(tmp_path: Path) -> None:
    """Classes 2 and 10 come in this order."""
    for name in ("10", "2"):
        for image in range(3):
            save(tmp_path / "in" / name / f"{image}.png", picture(10 * len(name) + image))
    parts = made({"folder": str(tmp_path / "in")}, tmp_path / "raw")
    assert parts["train"].encoding.class_names == ("2", "10")
