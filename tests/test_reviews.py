"""Review files: good lines become reviews, and every bad line is reported."""

import io
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.formats import review_files
from pipeline.data.formats.review_files import read_json_lines
from pipeline.data.sources import own
from pipeline.data.text.reviews import Fault, Review, Stars, Tally, class_names
from pipeline.runtime.errors import Problem
from tests.review_files import LABEL, STARS, jsonl, parted, reviews, splits

BAD_OBJECTS = [
    ('{"text": "good", "stars": 5', "no JSON"),
    ("[1, 2]", "no JSON object"),
    ("[" * 100_000, "no JSON"),
    ('{"stars": 5}', "no 'text'"),
    ('{"text": null, "stars": 5}', "no 'text'"),
    ('{"text": ["a"], "stars": 5}', "no text"),
    ('{"text": " \\n", "stars": 5}', "the text is empty"),
    ('{"text": "good"}', "stars are missing"),
    ('{"text": "good", "stars": null}', "stars are missing"),
    ('{"text": "good", "stars": ""}', "stars are missing"),
    ('{"text": "good", "stars": "five"}', "'five' are no number"),
    ('{"text": "good", "stars": true}', "'True' are no number"),
    ('{"text": "good", "stars": "1_0"}', "'1_0' are no number"),
    ('{"text": "good", "stars": 6}', "'6' are not from 1 to 5"),
    ('{"text": "good", "stars": 0}', "'0' are not from 1 to 5"),
    ('{"text": "good", "stars": NaN}', "'nan' are not from 1 to 5"),
    ('{"text": "good", "stars": Infinity}', "'inf' are not from 1 to 5"),
    ('{"text": "good", "stars": 4.2}', "neither whole nor half"),
]
BAD_ROWS = [
    ("fine", "other cells"),
    ("fine,4,more", "other cells"),
    (",4", "the text is empty"),
    ("fine,", "the stars are missing"),
    ("fine,six", "no number"),
    ("fine,6", "not from 1 to 5"),
    ('"fine"ly,4', "no CSV"),
]


def of_table(text: str, columns=STARS, delimiter: str = ","):
    lines = io.StringIO(text, newline="")
    return parted([*review_files.read_csv(lines, "a.csv", columns, delimiter=delimiter)])


def test_objects_become_reviews() -> None:
    """JSON objects give text and label under any column names; blank lines are skipped."""
    lines = ['{"text": "A", "stars": 4.0, "x": 1}\n', "\n", '{"text": "B", "stars": "4.5"}\n']
    assert [*read_json_lines(lines, "a", STARS)] == [Review("A", "4"), Review("B", "4.5")]
    lines = ['{"text": "A", "label": "up"}', '{"text": "B", "label": 2}']
    assert [*read_json_lines(lines, "a", LABEL)] == [Review("A", "up"), Review("B", "2")]


@pytest.mark.parametrize(("line", "says"), BAD_OBJECTS, ids=[says for _, says in BAD_OBJECTS])
def test_bad_objects_are_reported_with_their_line(line: str, says: str) -> None:
    """A bad line costs no other line, and line numbers count blank lines."""
    good = '{"text": "good", "stars": 5}'
    found, faults = parted([*read_json_lines([good, "", line, good], "a.jsonl", STARS)])
    assert len(found) == 2
    [fault] = faults
    assert (fault.path, fault.line, fault.lines) == ("a.jsonl", 3, 1)
    assert says in fault.what


def test_missing_labels_are_reported() -> None:
    """Absent, blank and list labels are bad lines."""
    lines = ['{"text": "a"}', '{"text": "a", "label": " "}', '{"text": "a", "label": []}']
    found, faults = parted([*read_json_lines(lines, "a", LABEL)])
    assert not found
    assert [fault.what.split()[-1] for fault in faults] == ["missing", "missing", "number"]


def test_rows_become_reviews() -> None:
    """Cells of several lines and doubled quotes are read as CSV defines them."""
    text = 'stars , text\r\n4,"two\r\nlines, ""quoted"""\r\n\r\n5,plain\r\n'
    found, faults = of_table(text)
    assert found == [Review('two\r\nlines, "quoted"', "4"), Review("plain", "5")]
    assert not faults
    assert of_table("text\tlabel\nA\tup\n", LABEL, "\t")[0] == [Review("A", "up")]


@pytest.mark.parametrize(("row", "says"), BAD_ROWS, ids=[says for _, says in BAD_ROWS])
def test_bad_rows_are_reported_with_their_first_line(row: str, says: str) -> None:
    """Line numbers are those of an editor, and the rows around are kept."""
    found, faults = of_table(f'text,stars\n"two\nlines",5\n{row}\nlast,1\n')
    assert [review.text for review in found] == ["two\nlines", "last"]
    [fault] = faults
    assert (fault.line, fault.lines) == (4, 1)
    assert says in fault.what


def test_lines_in_an_unclosed_quote_are_counted() -> None:
    """An unclosed quote makes one bad row, all of whose lines count."""
    found, faults = of_table('text,stars\ngood,5\n"open,4\nlost,3\nlost,2\n')
    assert [review.text for review in found] == ["good"]
    assert [(fault.line, fault.lines) for fault in faults] == [(3, 3)]


def test_no_line_is_dropped_silently() -> None:
    """Reviews and bad lines together are all non-blank lines."""
    rows = [row for row, _ in BAD_ROWS] + ["good,5"] * 4
    order = np.random.default_rng(0).permutation(len(rows))
    found, faults = of_table("text,stars\n" + "".join(f"{rows[n]}\n" for n in order))
    assert len(found) + sum(fault.lines for fault in faults) == len(rows)
    lines = [line for line, _ in BAD_OBJECTS]
    found, faults = parted([*read_json_lines(lines, "a", STARS)])
    assert (len(found), len(faults)) == (0, len(lines))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("body,stars", "line 1: there is no column 'text'; it has body, stars"),
        ("text,rating", "there is no column 'stars'"),
        ("text,stars,text", "two columns 'text'"),
        ("", "empty"),
        ('"text"x,stars', "line 1"),
    ],
)
def test_header_without_the_columns_is_a_problem(header: str, says: str) -> None:
    """A header without the columns is a Problem that lists the columns it has."""
    with pytest.raises(Problem, match=says):
        of_table(f"{header}\nfine,4\n")


def decoded(content: bytes, encoding: str = "utf-8") -> list[str]:
    class Raw(io.RawIOBase):
        file = io.BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            return self.file.readinto(buffer)

    return [*review_files.lines(Raw(), "a.jsonl", encoding, newline="\n")]


def test_files_are_decoded_by_their_encoding() -> None:
    """UTF-8 with or without a byte order mark, and any other encoding of Python."""
    assert decoded("\ufeffé\n".encode()) == decoded("é\n".encode()) == ["é\n"]
    assert decoded("é\n".encode("latin-1"), "latin-1") == ["é\n"]
    assert decoded("é\nb".encode("utf-16"), "UTF-16") == ["é\n", "b"]
    assert decoded(b"a\rb\x1a\n") == ["a\rb\x1a\n"]


def test_line_of_another_encoding_is_bad() -> None:
    """A line that cannot be decoded is one bad line."""
    content = b'{"text": "a", "stars": 1}\n{"text": "\xe9", "stars": 1}\n'
    found, faults = parted([*read_json_lines(decoded(content), "a", STARS)])
    assert [review.text for review in found] == ["a"]
    assert [fault.line for fault in faults] == [2]
    assert "encoding" in faults[0].what
    found, faults = of_table("text,stars\ngood,1\n\udce9,2\n")
    assert [fault.line for fault in faults] == [3]


@pytest.mark.parametrize(
    ("content", "encoding", "says"),
    [
        ("a\n".encode("utf-16"), "utf-8", "a.jsonl, line 1: the file is UTF-16"),
        (b"\xff\xfea\0\n\0b", "utf-16", "a.jsonl, line 2: the file is not utf-16"),
    ],
)
def test_file_of_another_encoding_is_a_problem(content: bytes, encoding: str, says: str) -> None:
    """A file that cannot be divided into lines is a Problem."""
    with pytest.raises(Problem, match=says):
        decoded(content, encoding)


@pytest.mark.parametrize("encoding", ["klingon", "", "rot13", "base64", "utf-8\0"])
def test_unknown_encodings_are_refused(encoding: str) -> None:
    """Unknown encodings, and codecs that are not of text, are refused with the options."""
    with pytest.raises(ValueError, match="no such encoding"):
        own.Preprocess.model_validate({"encoding": encoding})


def test_bad_lines_are_counted_by_file_and_cause(caplog: pytest.LogCaptureFixture) -> None:
    """The log has one line with the number of bad lines and the first of them."""
    tally = Tally()
    good = [Review("a", "1")] * 4
    kept = [*tally.usable([*good, Fault("a", 7, "odd"), Fault("a", 9, "odd", 2)])]
    kept += tally.usable([*good, Fault("b", 1, "worse")])
    assert (len(kept), tally.lines) == (8, 4)
    assert tally.records() == [
        {"file": "a", "what": "odd", "lines": 3, "first": 7},
        {"file": "b", "what": "worse", "lines": 1, "first": 1},
    ]
    with caplog.at_level(logging.WARNING):
        tally.report("mine")
        Tally().report("mine")
    assert [record.getMessage() for record in caplog.records] == [
        "mine: 4 bad lines left out beside 8 reviews, the first is a, line 7: odd; "
        "1 more causes in the data card"
    ]


@pytest.mark.parametrize(("good", "says"), [(0, "none of its lines"), (1, "fewer than half")])
def test_file_of_bad_lines_is_a_problem(good: int, says: str) -> None:
    """A file with more bad lines than reviews is a Problem."""
    found = [Fault("a", 3, "odd", 2), *[Review("a", "1")] * good]
    with pytest.raises(Problem, match=f"a, line 3: odd .{says}"):
        list(Tally().usable(found))


def test_numeric_class_names_are_sorted_as_numbers() -> None:
    """Ratings are sorted as numbers, on any scale."""
    assert class_names(["10", "9.5", "2"]) == ("2", "9.5", "10")
    assert Stars(0, 10).label("10") == "10"


def test_own_reviews_become_splits(tmp_path: Path) -> None:
    """JSON Lines and CSV files together give stratified, disjoint splits."""
    first = jsonl(tmp_path / "a.jsonl", reviews(60))
    second = tmp_path / "b.csv"
    second.write_text("text,stars\n" + "".join(f"{r['text']},{r['stars']}\n" for r in reviews(40)))
    found = splits(tmp_path, {"reviews": [str(first), str(second)]}, valid=0.2, test=0.1)
    assert [len(split.y_N) for split in found] == [70, 20, 10]
    assert found.train.encoding.class_names == ("1", "2", "3", "4", "5")
    for split in found:
        assert np.bincount(split.y_N).tolist() == [len(split.y_N) // 5] * 5
    ids = np.concatenate([split.id_N for split in found])
    assert sorted(ids.tolist()) == list(range(100))
    rated = np.array([r["stars"] for r in reviews(60) + reviews(40)])
    assert all((rated[split.id_N] == split.y_N + 1).all() for split in found)


def test_unlabeled_reviews_are_for_training(tmp_path: Path) -> None:
    """Unlabeled reviews follow the labeled training reviews and need a text column only."""
    first = jsonl(tmp_path / "a.jsonl", reviews(50))
    second = jsonl(tmp_path / "b.jsonl", [{"text": "rare rarer"}] * 30)
    found = splits(tmp_path, {"reviews": str(first), "unlabeled": str(second)}, terms=2)
    assert found.train.y_N[-30:].tolist() == [-1] * 30
    assert (found.train.y_N[:-30] >= 0).all()
    assert found.train.encoding.vocabulary.terms == ("common", "rare")
    assert found.train.id_N[-30:].tolist() == list(range(50, 80))
    assert all((split.y_N >= 0).all() for split in found[1:])


def test_labels_of_another_column(tmp_path: Path) -> None:
    """With `label`, classes are the values of that column, and no stars are needed."""
    rows = [{"text": f"t{n} common", "kind": "up" if n % 2 else "down"} for n in range(40)]
    path = jsonl(tmp_path / "a.jsonl", rows)
    found = splits(tmp_path, {"reviews": str(path)}, label="kind", terms=1)
    assert found.train.encoding.class_names == ("down", "up")
    assert not found.train.encoding.vocabulary.stars
    with pytest.raises(Problem, match="both stars and label"):
        splits(tmp_path, {"reviews": str(path)}, label="kind", stars="stars")


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ([{"text": "a good one", "stars": 3}] * 9, {}, "one class alone, 3"),
        (reviews(10), {}, "class 1 of mine has 2 reviews to share"),
        (reviews(50), {"terms": 60}, "terms = 60, but the 40 reviews to train on have"),
        ([{"text": "a .", "stars": n % 2 + 1} for n in range(40)], {}, "no review has a term"),
        (reviews(50), {"size": [3, 3]}, "size does not apply to a source of kind reviews"),
        ([{"review": "a"}], {}, "a.jsonl, line 1: there is no 'text'"),
        ([], {}, "no review has a term"),
    ],
)
def test_reviews_that_cannot_be_used_are_a_problem(tmp_path: Path, rows, options, says) -> None:
    """Unusable reviews are refused in one line with a remedy."""
    path = jsonl(tmp_path / "a.jsonl", rows)
    with pytest.raises(Problem, match=says) as caught:
        splits(tmp_path, {"reviews": str(path)}, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"reviews": "nowhere.jsonl"}, "source.reviews: there is no file nowhere.jsonl"),
        ({"reviews": "a.jsonl", "unlabeled": "no.jsonl"}, "source.unlabeled: there is no file"),
        ({"reviews": ["a.jsonl", "a.jsonl"]}, "has a.jsonl twice"),
        ({"reviews": "a.txt"}, "a.txt ends neither in .jsonl nor in .csv"),
    ],
)
def test_absent_files_are_named(tmp_path: Path, monkeypatch, source, says: str) -> None:
    """The Problem names the key of params.yaml or the file."""
    monkeypatch.chdir(tmp_path)
    jsonl(tmp_path / "a.jsonl", reviews(50))
    jsonl(tmp_path / "a.txt", reviews(50))
    with pytest.raises(Problem, match=says):
        splits(tmp_path, source)


def test_changed_review_files_are_refused(tmp_path: Path) -> None:
    """A file that changed or vanished since `download` is a Problem."""
    path = jsonl(tmp_path / "a.jsonl", reviews(50))
    splits(tmp_path, {"reviews": str(path)})
    entry = own.entry("mine")
    path.write_text(path.read_text().replace("word7 ", "word8 "))
    with pytest.raises(Problem, match=r"a\.jsonl has changed since it was recorded"):
        entry.split(tmp_path / "raw", own.Preprocess(terms=3))
    path.unlink()
    with pytest.raises(Problem, match=r"a\.jsonl has changed since it was recorded"):
        entry.split(tmp_path / "raw", own.Preprocess(terms=3))


def test_unlabeled_goes_with_reviews() -> None:
    """`unlabeled` is refused beside other kinds of sources."""
    with pytest.raises(ValueError, match="unlabeled goes with reviews"):
        own.Source.model_validate({"csv": "a.csv", "unlabeled": "b.csv"})


def test_surrogates_in_json_are_text(tmp_path: Path) -> None:
    """A lone surrogate escaped in JSON is accepted as text."""
    rows = [row | {"text": row["text"] + " \ud800x"} for row in reviews(50)]
    path = jsonl(tmp_path / "a.jsonl", [json.dumps(row) for row in rows])
    assert len(splits(tmp_path, {"reviews": str(path)}).train.y_N) == 40
