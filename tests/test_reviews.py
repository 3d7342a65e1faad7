"""Review files: good lines become reviews, and every bad line is reported."""

import io
import logging

import numpy as np
import pytest

from pipeline.data.formats import review_files
from pipeline.data.formats.review_files import read_json_lines
from pipeline.data.sources import own
from pipeline.data.text.reviews import Fault, Review, Tally
from pipeline.runtime.errors import Problem
from tests.review_files import LABEL, STARS, parted

BAD_OBJECTS = [
    ('{"text": "good", "stars": 5', "not JSON"),
    ("[1, 2]", "not a JSON object"),
    ("[" * 100_000, "not JSON"),
    ('{"stars": 5}', "no 'text'"),
    ('{"text": null, "stars": 5}', "no 'text'"),
    ('{"text": ["a"], "stars": 5}', "not text"),
    ('{"text": " \\n", "stars": 5}', "the text is empty"),
    ('{"text": "good"}', "stars are missing"),
    ('{"text": "good", "stars": null}', "stars are missing"),
    ('{"text": "good", "stars": ""}', "stars are missing"),
    ('{"text": "good", "stars": "five"}', "'five' are not a number"),
    ('{"text": "good", "stars": true}', "'True' are not a number"),
    ('{"text": "good", "stars": "1_0"}', "'1_0' are not a number"),
    ('{"text": "good", "stars": 6}', "'6' are not from 1 to 5"),
    ('{"text": "good", "stars": 0}', "'0' are not from 1 to 5"),
    ('{"text": "good", "stars": NaN}', "stars are missing"),
    ('{"text": "good", "stars": Infinity}', "'inf' are not a number"),
    ('{"text": "good", "stars": 4.2}', "neither whole nor half"),
]
BAD_ROWS = [
    ("fine", "differ in the number of cells"),
    ("fine,4,more", "differ in the number of cells"),
    (",4", "the text is empty"),
    ("fine,", "the stars are missing"),
    ("fine,six", "not a number"),
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
    for encoding in ("UTF-16", "utf-16-le"):  # the byte-order mark belongs to no line
        assert decoded("é\nb".encode("utf-16"), encoding) == ["é\n", "b"]
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
        ("a\n".encode("utf-32"), "utf-8", "a.jsonl, line 1: the file is UTF-32"),
        ("a\n".encode("utf-32"), "utf-16", "a.jsonl, line 1: the file is UTF-32"),
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
    with pytest.raises(ValueError, match="unknown text encoding"):
        own.Preprocess.model_validate({"encoding": encoding})


@pytest.mark.parametrize("ratings", [[5, 1], [3, 3], [1, float("nan")]])
def test_ratings_that_do_not_ascend_are_refused(ratings: list[float]) -> None:
    """The lowest number of stars comes first; params.yaml is refused, before any file is read."""
    with pytest.raises(ValueError, match="the lowest number of stars, then a higher one"):
        own.Preprocess.model_validate({"ratings": ratings})


@pytest.mark.parametrize("source", [{"csv": "a\0b"}, {"folder": ""}, {"reviews": ["a", "\0"]}])
def test_impossible_paths_are_refused(source: dict[str, str | list[str]]) -> None:
    """No file system has an empty path or one with a null character."""
    with pytest.raises(ValueError, match="a path is not empty and has no null character"):
        own.Source.model_validate(source)


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
        "mine: 4 bad lines skipped, 8 reviews read, the first is a, line 7: odd; "
        "1 more causes in the data card"
    ]


@pytest.mark.parametrize(("good", "says"), [(0, "none of its lines"), (1, "fewer than half")])
def test_file_of_bad_lines_is_a_problem(good: int, says: str) -> None:
    """A file with more bad lines than reviews is a Problem."""
    found = [Fault("a", 3, "odd", 2), *[Review("a", "1")] * good]
    with pytest.raises(Problem, match=f"a, line 3: odd .{says}"):
        list(Tally().usable(found))


def quoted(rows: int, columns: str, row: str) -> str:
    """Return a file in which every 10th text begins with a quote, and one 5 rows on ends with one.

    `row` has the places {text}, {label} and {n}.
    """
    lines = [columns]
    for n in range(rows):
        text = f'"start {n}' if n % 10 == 2 else f'end {n}"' if n % 10 == 7 else f"text {n}"
        lines.append(row.format(text=text, label=n % 2 + 1, n=n))
    return "".join(f"{line}\n" for line in lines)


QUOTED = {
    "tsv": ("text\tlabel", "{text}\t{label}", "\t"),
    "csv": ("id,text,label", "{n},{text},{label}", ","),
    "tsv last": ("label\ttext", "{label}\t{text}", "\t"),
}


@pytest.mark.parametrize(("header", "row", "delimiter"), QUOTED.values(), ids=QUOTED)
def test_rows_within_quotes_are_not_lost(header: str, row: str, delimiter: str) -> None:
    """Quotes that are plain characters make bad lines, and reviews with `quoting: false`."""
    text = quoted(100, header, row)
    found, faults = of_table(text, LABEL, delimiter)
    assert len(found) + sum(fault.lines for fault in faults) == 100
    assert all("set quoting: false" in fault.what for fault in faults)
    lines = io.StringIO(text, newline="")
    plain = [*review_files.read_csv(lines, "a", LABEL, delimiter=delimiter, quoting=False)]
    found, faults = parted(plain)
    assert (len(found), faults) == (100, [])
    assert sorted({review.label for review in found}) == ["1", "2"]
    assert '"start 2' in [review.text for review in found]


def test_a_ragged_row_within_quotes_hides_no_others() -> None:
    """One line with a cell more does not make a review of the 30 rows that quotes enclose."""
    rows = [f"words {n}\t{n % 2 + 1}\tmore" for n in range(100)]
    rows[10], rows[20] = f'"{rows[10]}', f"{rows[20]}\textra"
    rows[40] = rows[40].replace("\t", '"\t', 1)
    found, faults = of_table("text\tlabel\tc\n" + "\n".join(rows) + "\n", LABEL, "\t")
    assert (len(found), [fault.lines for fault in faults]) == (69, [31])


@pytest.mark.parametrize("header", ["text\tlabel", "label\ttext", "n\ttext\tlabel"])
def test_texts_of_several_lines_are_whole_between_tabs(header: str) -> None:
    """A quoted text of three lines is one review, wherever its column stands."""
    cells = {"text": '"first\nsecond\nthird"', "label": "up", "n": "1"}
    row = "\t".join(cells[name] for name in header.split("\t"))
    found, faults = of_table(f"{header}\n{row}\n{row}\n", LABEL, "\t")
    assert [review.text for review in found] == ["first\nsecond\nthird"] * 2
    assert faults == []


def test_texts_of_several_lines_are_one_review() -> None:
    """Lines of a quoted text that are no rows stay in it, and `quoting: true` accepts any."""
    rows = '"one, two\nand three\n",up\n"first, down\nlast",up\n"a, up\nb up",up\n'
    found, faults = of_table("text,label\nplain,up\n" + rows, LABEL)
    kept = ["plain", "one, two\nand three\n", "first, down\nlast"]
    assert [review.text for review in found] == kept
    assert [fault.lines for fault in faults] == [2]
    lines = io.StringIO("text,label\nplain,up\n" + rows, newline="")
    accepted = [*review_files.read_csv(lines, "a", LABEL, delimiter=",", quoting=True)]
    assert len(parted(accepted)[0]) == 4


def test_lines_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is too long to be a review is refused before it fills the memory."""
    monkeypatch.setattr(review_files, "LONGEST_LINE", 1000)
    with pytest.raises(Problem, match=r"a\.jsonl, line 2: more than 1000 characters"):
        decoded(b"short\n" + b"x" * 5000)
