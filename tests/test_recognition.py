"""Recognition of files by `ask`: formats, texts, headers, classes, and options that were given."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from pipeline.questions import files
from pipeline.runtime.errors import Problem
from tests import own_data
from tests.questions import question

TABLE = {"label": "label", "delimiter": ",", "scaling": "standardized"}


def recognized(path: Path, content: str, **options: Any) -> files.Recognized:
    path.write_text(content)
    asked = question(label=options.pop("label", None), preprocess=options)
    return files.recognize(path, path.parent, asked)


def table(header: str, row: str, rows: int = 12) -> str:
    """Return a CSV table whose last column alternates between two classes."""
    return f"{header},label\n" + "".join(f"{row},{'ab'[n % 2]}\n" for n in range(rows))


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("a, b", "0.1234567890123456, 0.7213877150417534"),  # a space follows the comma
        ("# a,b", "0.25,3"),  # as numpy.savetxt writes
    ],
)
def test_tables_of_numbers_are_no_texts(tmp_path: Path, header: str, row: str) -> None:
    """Spaces and a comment sign in front of cells change nothing."""
    found = recognized(tmp_path / "a.csv", table(header, row))
    assert found.preprocess.items() >= TABLE.items()
    assert found.what == "a table of 12 rows, 2 inputs, classes in column label"


def test_rows_without_a_class_are_not_counted(tmp_path: Path) -> None:
    """The description names them; `preprocess` leaves them out."""
    lines = [*table("a,b", "1,2").splitlines(), "1,2,", "1,2,NA"]
    found = recognized(tmp_path / "a.csv", "\n".join(lines))
    assert found.rows == 12
    assert found.what.endswith("classes in column label; left out: 2 more without a class")


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("Name", '"Braund, Mr. Owen Harris the elder"'),
        ("address", "12 Long Street of the Old Town"),
        ("comment", "sensor ok"),
        ("timestamp", "2024-01-01 00:00:00+00:00"),
    ],
)
def test_short_texts_beside_numbers_are_refused(tmp_path: Path, name: str, cell: str) -> None:
    """Names, addresses, remarks and times in a table of numbers: the remedies are named."""
    content = table(f"x,{name},y", f"1.5,{cell},2.5")
    with pytest.raises(Problem, match=f"column {name} has .* no numbers: .* --set text={name}"):
        recognized(tmp_path / "a.csv", content)
    assert recognized(tmp_path / "a.csv", content, text=name).preprocess["text"] == name


def test_columns_that_are_not_used_are_named(tmp_path: Path) -> None:
    """Long texts are texts among numbers too; the other columns are said to be left out."""
    text = "a long review of many different words about a product that was bought last week"
    found = recognized(tmp_path / "a.csv", table("votes,body,useful", f"1,{text},2"))
    assert found.what == (
        "12 rows with texts under body and classes under label; not used: votes, useful"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("ham\tgo until then\n" + "ham\tgood words\nspam\tfree words\n" * 9, "ham is also a cell"),
        ("v1,v2,,,\n" + "ham,some words,,,\n" * 9, r"columns 3, 4 and 5 have no name: remove"),
        ("a,b,label,\n" + "1,2,x,\n1,2,y,\n" * 9, "column 4 has no name: remove empty columns"),
        ("a,b,label\n" + "1,red,x\n2,blue,y\n" * 9, "column b has 'red' and other cells"),
    ],
)
def test_odd_headers_are_named(tmp_path: Path, content: str, says: str) -> None:
    """A row in place of a header, and columns without a name or without numbers."""
    suffix = ".tsv" if "\t" in content else ".csv"
    with pytest.raises(Problem, match=says):
        recognized(tmp_path / f"a{suffix}", content)


@pytest.mark.parametrize(
    ("header", "row", "delimiter"),
    [
        ('"length, cm";"weight, kg";label', "1;2;x", ";"),
        ("p(a|b|c),q(a|b|c),label", "1,2,x", ","),
    ],
)
def test_delimiters_are_those_of_the_rows(
    tmp_path: Path, header: str, row: str, delimiter: str
) -> None:
    """Marks within quotes, and marks that the rows lack, are no delimiters."""
    content = f"{header}\n" + f"{row}\n{row[:-1]}y\n" * 9
    assert recognized(tmp_path / "a.csv", content).preprocess["delimiter"] == delimiter


def test_stars_are_ratings(tmp_path: Path) -> None:
    """Half stars are refused as classes, with the option that makes them ratings."""
    stars = [1 + n / 2 % 4 for n in range(45)]
    rows = [{"text": f"some words of review {n}", "rating": star} for n, star in enumerate(stars)]
    lines = "\n".join(map(json.dumps, rows))
    cells = "text,rating\n" + "".join(f"{row['text']},{row['rating']}\n" for row in rows)
    for name, content in (("a.jsonl", lines), ("b.csv", cells)):
        with pytest.raises(Problem, match="if these are stars, give --set stars=rating"):
            recognized(tmp_path / name, content)
        found = recognized(tmp_path / name, content, stars="rating").preprocess
        assert found["stars"] == "rating"
        assert "label" not in found


def test_terms_are_those_of_labeled_texts(tmp_path: Path) -> None:
    """Texts without a label do not raise the number of terms."""
    rows = [
        {"text": f"word{'abcdefghij'[n % 10]} common", "label": n % 2 if n < 20 else None}
        for n in range(40)
    ]
    rows += [{"text": f"other{'x' * n} rare", "label": None} for n in range(200)]
    found = recognized(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert found.preprocess["terms"] == 5  # half of eleven


def test_tables_of_numbers_have_one_encoding(tmp_path: Path) -> None:
    """The option of texts is refused with a remedy that works."""
    with pytest.raises(Problem, match="is a table of numbers: save it in UTF-8"):
        recognized(tmp_path / "a.csv", table("a,b", "1,2"), encoding="latin-1")


def test_formats_are_recognized(tmp_path: Path) -> None:
    """Delimiters, columns of labels and texts, sizes of images, arrays and named splits."""
    (tmp_path / "a.csv").write_text("Species;width\n" + "a;1\nb;2\n" * 9)
    (tmp_path / "b.csv").write_text("comment,score\n" + '"not good, at all",0\nfine by me,1\n' * 9)
    lines = [{"body": f"a text of some length {n}", "stars": n % 2, "n": n} for n in range(20)]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)))
    own_data.classes(tmp_path / "d", {"a": 3, "b": 3}, (9, 7))
    own_data.classes(tmp_path / "e/train", {"a": 3, "b": 3}, (90, 70, 3))
    own_data.classes(tmp_path / "e/test", {"a": 3, "b": 3}, (80, 70, 3))
    x, y = np.eye(6), np.arange(6) % 2
    own_data.npz(tmp_path / "f.npz", X=x, target=y)
    own_data.npz(tmp_path / "g.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    for zipped, plain in (("h.jsonl.gz", "c.jsonl"), ("i.csv.gz", "b.csv")):
        (tmp_path / zipped).write_bytes(gzip.compress((tmp_path / plain).read_bytes()))
    for n in range(6):  # a camera that was held upright; a palette of grays
        image = Image.fromarray(own_data.picture(n, (7, 9))).quantize(8)
        exif = image.getexif()
        exif[ExifTags.Base.Orientation] = 6
        (tmp_path / "j" / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "j" / "ab"[n % 2] / f"{n}{('.png', '.tif')[n // 3]}", exif=exif)
    shares = {"valid": 0.15, "test": 0.25}
    table = {"label": "Species", "delimiter": ";", "scaling": "standardized"}
    (tmp_path / "k.csv").write_text("content,x,label\n" + "12.5,NA,a\n,7,b\n" * 9)
    numbers = {"label": "label", "delimiter": ",", "scaling": "range"}
    texts = {"text": "comment", "label": "score", "delimiter": ",", "terms": 3}
    parts = {"x": "X", "y": "y", "scaling": "range", "valid": 0.15}
    for name, label, expected in (
        ("a.csv", "Species", table | shares),
        ("b.csv", None, texts | shares),
        ("c.jsonl", None, {"text": "body", "label": "stars", "terms": 7} | shares),
        ("d", None, {"size": [9, 7], "color": False} | shares),
        ("e", None, {"size": [32, 32], "color": True, "valid": 0.15}),
        ("f.npz", "target", {"x": "X", "y": "target", "scaling": "range"} | shares),
        ("g.npz", None, parts),
        ("h.jsonl.gz", None, {"text": "body", "label": "stars", "terms": 7} | shares),
        ("i.csv.gz", None, texts | shares),
        ("j", None, {"size": [9, 7], "color": False} | shares),
        ("k.csv", None, numbers | shares),
    ):
        scaling = None if name in ("a.csv", "d", "e", "j") else "range"
        asked = question(label=label, scaling=scaling)
        found = files.recognize(tmp_path / name, tmp_path / "questions/q", asked)
        assert found.preprocess == expected
        assert [*found.source.values()] == [f"../../{name}"]


def test_options_without_effect_are_refused(tmp_path: Path) -> None:
    """Classes of a folder are its folders, bytes are divided by 255."""
    own_data.classes(tmp_path / "images", {"a": 3, "b": 3}, (9, 7))
    own_data.npz(tmp_path / "bytes.npz", X=np.eye(6, dtype=np.uint8), y=np.arange(6) % 2)
    for name, options in (
        ("images", {"label": "kind"}),
        ("images", {"scaling": "range"}),
        ("bytes.npz", {"scaling": "range"}),
    ):
        with pytest.raises(Problem, match=f"{name}.* leave"):
            files.recognize(tmp_path / name, tmp_path, question(**options))


@pytest.mark.parametrize("options", [{"label": "coarse"}, {"preprocess": {"x": "other"}}])
def test_arrays_that_were_named_are_read(tmp_path: Path, options: dict[str, Any]) -> None:
    """They are not replaced by x_train and y_train."""
    x, y = np.eye(6), np.arange(6) % 2
    own_data.npz(tmp_path / "a.npz", x_train=x, y_train=y, coarse=y, other=x)
    with pytest.raises(Problem, match=r"has no array \w; it has .* --label NAME"):
        files.recognize(tmp_path / "a.npz", tmp_path, question(**options))
    both = question(label="coarse", preprocess={"x": "other"})
    found = files.recognize(tmp_path / "a.npz", tmp_path, both)
    assert found.preprocess.items() >= {"x": "other", "y": "coarse"}.items()


def test_alternating_images_are_all_in_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second image is in color and larger."""
    monkeypatch.setattr(files, "SAMPLE", 20)
    for n in range(40):
        (tmp_path / "in" / "ab"[n // 20]).mkdir(parents=True, exist_ok=True)
        image = own_data.picture(n, (9, 7, 3) if n % 2 else (8, 8))
        Image.fromarray(image).save(tmp_path / "in" / "ab"[n // 20] / f"{n:02d}.png")
    found = files.recognize(tmp_path / "in", tmp_path, question())
    assert found.what.endswith("read as 32 x 32 pixels in color")


def test_a_large_file_is_not_read_to_name_its_format(tmp_path: Path) -> None:
    """Its first bytes tell that it is no npz file."""
    path = tmp_path / "a.npz"
    with path.open("wb") as file:
        file.truncate(1 << 42)  # a file of 4 TB that takes no space
    with pytest.raises(Problem, match="cannot be read"):
        files.recognize(path, tmp_path, question())


def test_rows_without_a_class_at_the_top_are_no_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts and numbers are recognized by rows with a class; a later row may fill a column."""
    monkeypatch.setattr(files, "SAMPLE", 8)
    rows = "".join(f"a film of words,{'ab'[n % 2]}\n" for n in range(12))
    found = recognized(tmp_path / "a.csv", "text,label\n" + "?,\n" * 9 + rows)
    assert found.preprocess["text"] == "text"
    rows = "".join(f"{n},{n if n > 10 else ''},{'ab'[n % 2]}\n" for n in range(14))
    assert recognized(tmp_path / "b.csv", "x,y1,label\n" + rows).preprocess.items() >= TABLE.items()


def test_odd_numbers_are_labels_of_json(tmp_path: Path) -> None:
    """NaN is a missing label, not an eleventh class; a long whole number is a class."""
    lines = [
        {"text": "a good film", "label": float("nan") if n % 11 == 0 else n % 10}
        for n in range(220)
    ]
    path = tmp_path / "a.jsonl"
    assert recognized(path, "\n".join(map(json.dumps, lines))).preprocess["label"] == "label"
    lines = [{"text": "a good film", "label": 10**400 + n % 2} for n in range(20)]
    assert recognized(path, "\n".join(map(json.dumps, lines))).preprocess["label"] == "label"


def test_a_last_column_of_texts_has_no_classes(tmp_path: Path) -> None:
    """The message names the column that was taken for that of the classes."""
    rows = "".join(f"{n % 2},a rather long film of {n} words\n" for n in range(12))
    with pytest.raises(Problem, match=r"looked for in the last column, tweet, .* with --label"):
        recognized(tmp_path / "a.csv", "polarity,tweet\n" + rows)
    found = recognized(tmp_path / "a.csv", "polarity,tweet\n" + rows, label="polarity")
    assert found.preprocess["text"] == "tweet"


def test_a_line_that_names_the_delimiter_is_refused(tmp_path: Path) -> None:
    """Excel writes it."""
    with pytest.raises(Problem, match="sep=;, names the delimiter: delete the line"):
        recognized(tmp_path / "a.csv", "sep=;\na;label\n1;a\n2;b\n")


def test_given_options_take_the_place_of_recognized_ones(tmp_path: Path) -> None:
    """Arrays, columns and an encoding other than the usual ones are read, and stay in the block."""
    lines = [f"{'good' if n % 2 else 'bad'} film\t{n}\t{n % 2}" for n in range(12)]
    content = "\n".join(["words of it\tcount\tstars", *lines])
    (tmp_path / "a.tsv").write_text(content, encoding="utf-16")
    own_data.npz(tmp_path / "b.npz", values=np.eye(6), kinds=np.arange(6) % 2)
    own_data.classes(tmp_path / "c", {"a": 3, "b": 3}, (9, 7))
    with pytest.raises(Problem, match=r"b\.npz"):
        files.recognize(tmp_path / "b.npz", tmp_path, question())
    for name, options, expected in (
        ("a.tsv", {"encoding": "utf-16", "text": "words of it"}, {"label": "stars", "terms": 1}),
        ("b.npz", {"x": "values", "y": "kinds"}, {"scaling": "standardized"}),
        ("c", {"size": [4, 4], "background": "black"}, {"color": False}),
    ):
        found = files.recognize(tmp_path / name, tmp_path, question(preprocess=options))
        assert found.preprocess.items() >= (options | expected).items()
    assert "read as 4 x 4 gray pixels" in found.what


def test_wide_tables_are_recognized_at_once(tmp_path: Path) -> None:
    """40,000 columns take less than a tenth of a millisecond each."""
    path = tmp_path / "wide.csv"
    rows = [[*(f"c{n}" for n in range(40_000)), "label"]]
    rows += [[*["1.5"] * 40_000, str(n % 2)] for n in range(12)]
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    start = time.process_time()
    assert files.recognize(path, tmp_path, question()).rows == 12
    assert time.process_time() - start < 4
