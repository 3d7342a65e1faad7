"""npz arrays and CSV files: numbers are scaled as documented, other files are refused."""

import gzip
import math
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.cards import split_statistics
from pipeline.data.formats import npz_arrays as archives
from pipeline.runtime.errors import Problem
from tests.own_data import made, npz

LABELS = np.array([7, 10, 9] * 4)
X_NI = np.random.default_rng(0).normal(size=(12, 4)) * [1, 10, 0, 1e-3] + [0, 5, 3, 0]


def csv(path: Path, text: str | bytes, **options):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return made({"csv": str(path)}, path.parent / "raw", **options)


def arrays(path: Path, options=None, **given):
    return made({"npz": str(npz(path, **given))}, path.parent / "raw", **(options or {}))


def lines(x_NI=X_NI, labels=LABELS, header="a,b,c,d,label") -> str:
    rows = zip(x_NI.tolist(), labels.tolist(), strict=True)
    return "\n".join([header, *(",".join(map(repr, [*x_I, y])) for x_I, y in rows)]) + "\n"


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (12, *shape)).astype(np.uint8)


def gathered(parts) -> dict[tuple, str]:
    """Return the class of each example of all splits, by its values."""
    return {
        tuple(x_I): split.encoding.class_names[y]
        for split in parts.values()
        for x_I, y in zip(split.x_NI.tolist(), split.y_N.tolist(), strict=True)
    }


@pytest.mark.parametrize("shape", [(5,), (3, 2), (3, 2, 1), (3, 2, 3)])
def test_bytes_come_back_as_they_are(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Every image is in one split, color planes first, with its own label."""
    x = images(*shape)
    parts = arrays(tmp_path / "in.npz", X=x, y=LABELS)
    planes = x.transpose(0, 3, 1, 2) if len(shape) == 3 else x
    wanted = zip(planes.reshape(12, -1).tolist(), LABELS, strict=True)
    assert gathered(parts) == {tuple(x_I): str(y) for x_I, y in wanted}
    drawn = (3, 3, 2) if shape == (3, 2, 3) else shape[:2]
    assert parts["test"].encoding.shape == drawn
    assert parts["train"].encoding.class_names == ("7", "9", "10")


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i2", "u4", "i8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_range_spans_the_training_split(tmp_path: Path, dtype: str, order: str) -> None:
    """Each feature runs from 0 to 1 in train, is clipped to it elsewhere, constant ones are 0."""
    x_NI = np.array(X_NI * 100, dtype=dtype, order=order)
    x_NI[:, 2] = 1
    parts = arrays(tmp_path / "in.npz", X=x_NI, y=LABELS)
    train_NI = parts["train"].x_NI.numpy()
    spans = np.ptp(train_NI, axis=0)
    assert set(spans.tolist()) <= {0, 1}
    assert spans[1] == (dtype != "?")
    assert not any(split.x_NI[:, 2].any() for split in parts.values())
    assert all(split.x_NI.min() >= 0 and split.x_NI.max() <= 1 for split in parts.values())


def test_other_splits_decide_nothing(tmp_path: Path) -> None:
    """Test examples outside the training range change no training input and are clipped."""
    given = {"x_train": X_NI, "y_train": LABELS, "x_test": X_NI, "y_test": LABELS}
    parts = arrays(tmp_path / "in.npz", **given)
    given["x_test"] = X_NI + 1000 * (1 + np.arange(12))[:, None]
    far = arrays(tmp_path / "in.npz", **given)
    np.testing.assert_array_equal(far["train"].x_NI, parts["train"].x_NI)
    assert far["test"].x_NI.unique().tolist() == [0, 1]
    assert not far["test"].x_NI[:, 2].any()


def test_standardized_features_have_deviation_one(tmp_path: Path) -> None:
    """In train, a feature that varies has mean 0 and standard deviation 1, without bounds."""
    parts = arrays(tmp_path / "in.npz", {"scaling": "standardized"}, X=X_NI, y=LABELS)
    x_NI = parts["train"].x_NI.numpy().astype(float)
    np.testing.assert_allclose(x_NI.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(x_NI.std(0), [1, 1, 0, 1], atol=1e-6)
    assert parts["train"].encoding.bounds == (-np.inf, np.inf)


def test_text_labels_are_sorted(tmp_path: Path) -> None:
    """Class names are in the order of their code points; the options x and y name the arrays."""
    labels = np.array(["b", "10", "9"] * 4)
    parts = arrays(tmp_path / "in.npz", {"x": "p", "y": "q"}, p=images(2), q=labels)
    assert parts["train"].encoding.class_names == ("10", "9", "b")


def test_keras_layout_keeps_its_test_split(tmp_path: Path) -> None:
    """x_test is the test split; validation comes from x_train."""
    x = images(2)
    given = {"x_train": x[:9], "y_train": LABELS[:9], "x_test": x[9:], "y_test": LABELS[9:]}
    parts = arrays(tmp_path / "in.npz", **given)
    assert sorted(parts["test"].x_NI.tolist()) == sorted(x[9:].tolist())
    assert [len(split) for split in parts.values()] == [6, 3, 3]


NAN = np.where(np.arange(48).reshape(12, 4) == 9, np.nan, X_NI)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"X": X_NI}, r"has no arrays X and y, nor x_train and y_train; it has X: set x and y"),
        ({"X": NAN, "y": LABELS}, r"X\[2\] holds nan, which is not a finite"),
        ({"X": X_NI * 1e300, "y": LABELS}, r"X\[0\] holds .*, which is not a finite"),
        ({"X": X_NI.astype("O"), "y": LABELS}, "X holds Python objects"),
        ({"X": X_NI, "y": LABELS.astype("O")}, "y holds Python objects"),
        ({"X": X_NI.astype("c16"), "y": LABELS}, "X is complex128: save real numbers"),
        ({"X": X_NI[0], "y": LABELS}, r"X has shape \[4\]: save it as"),
        ({"X": images(3, 2, 4), "y": LABELS}, r"X has shape \[12, 3, 2, 4\]: save it as"),
        ({"X": X_NI[:, :0], "y": LABELS}, r"X has shape \[12, 0\]: save it as"),
        ({"X": X_NI, "y": LABELS[1:]}, r"y has shape \[11\], expected \[12\]"),
        ({"X": X_NI, "y": np.eye(12)}, r"y has shape \[12, 12\], expected \[12\]"),
        ({"X": X_NI, "y": LABELS + 0.5}, r"y\[0\]: the label 7.5 is no whole number"),
        ({"X": X_NI, "y": LABELS * np.nan}, r"y\[0\]: the label is missing \(12 of 12 are"),
        ({"X": X_NI, "y": LABELS.astype("S")}, r"y is \|S\d+: labels"),
        (
            {"x_train": X_NI, "y_train": LABELS, "x_test": images(4), "y_test": LABELS},
            "the types differ, x_train float64 and x_test uint8: make",
        ),
        (
            {"x_train": X_NI, "y_train": LABELS, "x_test": X_NI[:, 1:], "y_test": LABELS},
            "x_train and x_test differ in shape",
        ),
        (
            {"x_train": X_NI, "y_train": LABELS, "x_test": X_NI[:2], "y_test": LABELS[:2]},
            "class 9 of .* has no test examples",
        ),
        (
            {"x_train": X_NI, "y_train": LABELS, "x_test": X_NI, "y_test": LABELS - 1},
            "class 6 of .* has no train examples",
        ),
    ],
)
def test_arrays_of_no_use_are_refused(tmp_path: Path, given, says: str) -> None:
    """The error names the file and the array."""
    with pytest.raises(Problem, match=r"in\.npz.*" + says if "class" not in says else says):
        arrays(tmp_path / "in.npz", **given)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    """A file with any byte changed is refused, or gives what it gave before."""
    path = npz(tmp_path / "in.npz", X=images(4), y=LABELS)
    whole = path.read_bytes()
    before = gathered(made({"npz": str(path)}, tmp_path / "raw"))
    refused = 0
    for place in range(0, len(whole), 17):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            assert gathered(made({"npz": str(path)}, tmp_path / "raw")) == before
        except Problem as problem:
            refused += "in.npz" in str(problem)
    assert refused > 20


def test_bombs_are_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array beyond the limit, or a header that promises another size, is refused unread."""
    monkeypatch.setattr(archives, "MOST_BYTES", 1000)
    with pytest.raises(Problem, match="its arrays take 12352 bytes"):
        arrays(tmp_path / "in.npz", X=np.zeros((12, 1000), np.uint8), y=LABELS)
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (12, 1000000000)}\n"
    with zipfile.ZipFile(tmp_path / "in.npz", "w") as archive:
        for name in ("X.npy", "y.npy"):
            size = struct.pack("<H", len(header))
            archive.writestr(name, b"\x93NUMPY\x01\x00" + size + header)
    with pytest.raises(Problem, match="its header promises 12000000078"):
        made({"npz": str(tmp_path / "in.npz")}, tmp_path / "raw")


def test_csv_is_as_good_as_its_arrays(tmp_path: Path) -> None:
    """The same numbers from a CSV file and from an npz file make the same splits."""
    parts = csv(tmp_path / "in.csv", lines())
    same = arrays(tmp_path / "in.npz", X=X_NI, y=LABELS)
    for part, split in parts.items():
        np.testing.assert_array_equal(split.x_NI, same[part].x_NI, strict=True)
        np.testing.assert_array_equal(split.y_N, same[part].y_N, strict=True)
    assert parts["train"].encoding == same["train"].encoding


def test_csv_of_other_habits_is_read(tmp_path: Path) -> None:
    """A byte order mark, another delimiter, quotes, spaces and line ends are read."""
    rows = "".join(f'"cat; {n % 2}";{n};{-n}e1 \r\n' for n in range(8))
    text = "\ufeffkind; ü;v\r\n" + rows + "\r\n"
    parts = csv(tmp_path / "in.csv", text, label="kind", delimiter=";")
    assert parts["train"].encoding.class_names == ("cat; 0", "cat; 1")
    assert parts["train"].encoding.shape == (2,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"is empty, or begins with an empty line"),
        ("a,label\n", "has no rows below its header"),
        ("a,b\n1,2\n", "has no column 'label'; it has a, b: set label"),
        ("a;label\n1;x\n", "the header 'a;label' is a single column: set delimiter"),
        ("a,a,label\n1,2,x\n", "has two columns 'a': rename"),
        (",a,label\n0,1,x\n", "has a column without a name, number 1: rename"),
        ("label\nx\n", "has no column but 'label'"),
        ("a,label\n1,x\n\n1,2,x\n", "line 4: 3 cells, expected 2"),
        ("a,label\n1,x\n,x\n", "line 3, column a is empty"),
        ("a,label\n1,x\n2, \n", r"line 3, column label: the label is missing \(1 of 2"),
        ("a,b,label\n1,2,x\n2,nan,x\n", "line 3, column b is 'nan', which is not a finite"),
        ("a,b,label\n1,-inf,x\n", "line 2, column b is '-inf'"),
        ("a,b,label\n1,1e39,x\n", "line 2, column b is '1e39'"),
        ("a,b,label\n1,two,x\n", "line 2, column b is 'two'"),
        ("a,b,label\n1,1_0,x\n", "line 2, column b is '1_0'"),
        ('a,label\n1,"x\n2,x\n', "line 3: unexpected end of data: correct"),
        ("a,label\n1,ä\n".encode("latin-1"), "is not text in UTF-8: save it as CSV in UTF-8"),
        ("a,label\n1,x\n".encode("utf-16"), "is not text in UTF-8 but UTF-16: save it as"),
        (
            gzip.compress(b"a,label\n1,x\n", mtime=0),
            "is not text in UTF-8 but a gzip file: save it",
        ),
        (b"PK\x03\x04\xff", "is not text in UTF-8 but a zip file or an Excel workbook: save"),
        ("a,label\n1,x\n2,x\0\n", r"line 3, column label: the label 'x\\x00' has several lines or"),
        ("a,label\n1,0.5\n2,1\n", r"line 2, column label: the label 0.5 is no whole"),
        ("a,label\n1,x\n2,y\n", "class x of .* has 1 examples"),
    ],
)
def test_csv_of_no_use_is_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    """The error names the file, and line and column where there are any."""
    with pytest.raises(Problem, match=says) as caught:
        csv(tmp_path / "in.csv", text)
    assert "in.csv" in str(caught.value)


def test_many_large_numbers_are_read(tmp_path: Path) -> None:
    """Finite numbers are read, even where their sum is not finite."""
    rows = "".join(f"3e38,{n}e38,{n % 2}\n" for n in (1, 2, 3, 1, 2, 3, 2, 1))
    parts = csv(tmp_path / "in.csv", "a,b,label\n" + rows)
    assert parts["train"].x_NI[:, 1].max() == 1


ROWS = np.arange(24)
SHUFFLED = np.random.default_rng(2).permutation(24) + 100
NOISE = np.random.default_rng(3).normal(size=24)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"Id": ROWS + 1, "a": NOISE}, ["Id"]),
        ({"Unnamed: 0": NOISE, "a": NOISE}, ["Unnamed: 0"]),
        ({"a": NOISE, "b": SHUFFLED}, ["b"]),
        ({"PassengerId": ROWS**2, "row_id": NOISE, "humid": NOISE}, ["PassengerId", "row_id"]),
        ({"a": ROWS * 2, "b": ROWS // 2, "c": ROWS + 0.5, "id": ROWS // 2}, []),
    ],
)
def test_index_columns_are_pointed_out(tmp_path: Path, caplog, columns, found) -> None:
    """A column that counts the rows, in any order, is named in the log and in the notes."""
    table = np.column_stack([*columns.values(), ROWS % 2])
    rows = "\n".join(",".join(map(str, row)) for row in table.tolist())
    csv(tmp_path / "in.csv", ",".join([*columns, "label"]) + "\n" + rows)
    assert split_statistics.notes(tmp_path / "raw/train.npz").get("index_columns", []) == found
    assert ("numbers the rows" in caplog.text) == bool(found)
    arrays(tmp_path / "in.npz", X=table[:, :-1], y=ROWS % 2)
    positions = [
        f"[:, {n}]" for n, name in enumerate(columns) if name in found and name in ("Id", "b")
    ]
    notes = split_statistics.notes(tmp_path / "raw/train.npz")
    assert notes.get("index_columns", []) == positions


PARTS = {
    "keras": ("x_train", "y_train", "x_valid", "y_valid", "x_test", "y_test"),
    "medmnist": (
        "train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels",
    ),
    "capitals": ("X_train", "y_train", "X_val", "y_val", "X_test", "y_test"),
    "hyphens": ("data-training", "targets-training", "data-dev", "targets-dev", "data-test",
                "targets-test"),
}  # fmt: skip


@pytest.mark.parametrize("names", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("chosen", [False, True])
def test_all_parts_of_an_archive_are_used(
    tmp_path: Path, names: tuple[str, ...], chosen: bool
) -> None:
    """Training, validation and test examples stay apart, also where `x` and `y` name the first."""
    x = images(2, 3)
    pieces = [array for n in range(3) for array in (x[n::3], LABELS[n::3][:, None])]
    options = {"x": names[0], "y": names[1]} if chosen else None
    labels = LABELS.copy()
    labels[:] = [7, 7, 7, 10, 10, 10] * 2
    pieces[1::2] = [labels[n::3][:, None] for n in range(3)]
    parts = arrays(tmp_path / "in.npz", options, **dict(zip(names, pieces, strict=True)))
    for n, part in enumerate(("train", "valid", "test")):
        wanted = x[n::3].reshape(4, -1).tolist()
        assert sorted(parts[part].x_NI.tolist()) == sorted(wanted)
    assert parts["train"].encoding.class_names == ("7", "10")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"X": X_NI, "y": LABELS, "notes": X_NI}, "the arrays notes are not used"),
        ({"x_train": X_NI, "y_train": LABELS, "x_test": X_NI}, "the arrays x_test are not used"),
        ({"X": X_NI, "y": LABELS, "X_test": X_NI, "y_test": LABELS}, ""),
    ],
)
def test_unused_arrays_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, given, says: str
) -> None:
    """An array that is in no split is named in a warning."""
    arrays(tmp_path / "in.npz", **given)
    assert [says] * bool(says) == [record.getMessage().split(": ")[1] for record in caplog.records]


def test_two_arrays_of_one_part_are_refused(tmp_path: Path) -> None:
    """Of x_test and test_images neither is preferred."""
    given = {"x_train": X_NI, "y_train": LABELS, "x_test": X_NI, "test_images": X_NI}
    with pytest.raises(Problem, match="both test_images and x_test are x of test: remove one"):
        arrays(tmp_path / "in.npz", **given)


def test_archive_that_expands_many_times_is_refused(tmp_path: Path) -> None:
    """Gigabytes of zeros in a small file are refused in one line, and take no memory."""
    path, size = tmp_path / "in.npz", 1 << 29
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape in (("X", (size // 64, 64)), ("y", (size // 64,))):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                for _ in range(math.prod(shape) >> 20 or 1):
                    file.write(bytes(min(1 << 20, math.prod(shape))))
    assert path.stat().st_size < 2_000_000
    tracemalloc.start()
    with pytest.raises(Problem, match=r"its arrays take \d+ bytes, \d+ times the file"):
        made({"npz": str(path)}, tmp_path / "raw")
    assert tracemalloc.get_traced_memory()[1] < 2 * path.stat().st_size + (1 << 20)
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\0\0\x08\x03\0\0\0\x01", "it is an IDX file"),
        (b"\x93NUMPY\x01\0", "it is a single .npy array"),
        (b"\x89HDF\r\n", "it is an HDF5 file"),
        (b"none of these", "not a zip file"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, content: bytes, says: str) -> None:
    """A file of another known format is called by its name."""
    (tmp_path / "in.npz").write_bytes(content)
    with pytest.raises(Problem, match=rf"cannot be read \(.*{says}.*\): save it with numpy.savez"):
        made({"npz": str(tmp_path / "in.npz")}, tmp_path / "raw")


def test_long_labels_take_their_own_memory(tmp_path: Path) -> None:
    """One label of 100,000 characters does not make the others as long."""
    labels = ["x" * 100_000, *"xy" * 300]
    rows = "".join(f"{n},{label}\n" for n, label in enumerate(labels))
    tracemalloc.start()
    with pytest.raises(Problem, match=r"class xxx.* has 1 examples"):
        csv(tmp_path / "in.csv", "a,label\n" + rows)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_wide_tables_are_read_in_linear_time(tmp_path: Path) -> None:
    """40,000 columns are 80 times as slow as 500 at most by a factor, not by its square."""
    header = ",".join(f"c{n}" for n in range(40_000)) + ",label\n"
    rows = "".join(",".join(["1.5"] * 40_000) + f",{n % 2}\n" for n in range(8))
    start = time.process_time()
    csv(tmp_path / "in.csv", header + rows)
    assert time.process_time() - start < 5


def test_rows_within_quotes_are_refused(tmp_path: Path) -> None:
    """A label that swallows rows is refused; with `quoting: false` the quotes are in the labels."""
    text = "a,label\n" + "1,x\n2,y\n" * 5 + '3,"x\n4,y\n5,x"\n'
    says = "line 12: a quoted cell goes on to line 14, .* or set quoting: false"
    with pytest.raises(Problem, match=says):
        csv(tmp_path / "in.csv", text)
    text = "a,label\n" + '1,"x\n2,y"\n' * 5
    parts = csv(tmp_path / "in.csv", text, quoting=False)
    assert parts["train"].encoding.class_names == ('"x', 'y"')


def test_equal_rows_are_those_of_the_file(tmp_path: Path) -> None:
    """Rows that scaling makes equal, beyond the training range, are no duplicates; copies are."""
    rows = [f"{1.7**n},{n % 2}" for n in range(40)]
    csv(tmp_path / "in.csv", "\n".join(["x,label", *rows]), valid=0.4, test=0.4)
    assert split_statistics.repeated(tmp_path / "raw")["test_in_train"] > 0
    assert split_statistics.notes(tmp_path / "raw/train.npz")["duplicates"] == {}
    csv(tmp_path / "in.csv", "\n".join(["x,label", *rows * 2]), valid=0.4, test=0.4)
    assert split_statistics.notes(tmp_path / "raw/train.npz")["duplicates"]["test_in_train"] > 9
