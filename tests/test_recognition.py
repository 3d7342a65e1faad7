"""Recognition of tables and texts by `ask`: what is a text, a header, a class."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.questions import files
from pipeline.questions.question import Question
from pipeline.runtime.errors import Problem

TABLE = {"label": "label", "delimiter": ",", "scaling": "standardized"}


def recognized(path: Path, content: str, **options: Any) -> files.Recognized:
    path.write_text(content)
    given = {"label": options.pop("label", None), "preprocess": options}
    arms = {"activations": ["rectifier"], "initializations": ["random"]}
    question = Question.model_validate({"dataset": "q", "looks": [2], **arms, **given})
    return files.recognize(path, path.parent, question)


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
