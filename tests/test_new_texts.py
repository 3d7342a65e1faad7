"""Unlabeled texts: a file is read completely or refused."""

import pytest

from pipeline.data.sources import unlabeled_texts
from pipeline.data.sources.unlabeled_texts import Layout
from pipeline.runtime.errors import Problem


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.jsonl", b'{"text": "good"}\n{"text"\n', r"a\.jsonl, line 2: the line is not JSON"),
        ("a.jsonl", b'{"text": "good"}\n\n{"text": " "}\n', r"line 3: the text is empty"),
        ("a.jsonl", b'{"said": "good"}\n', r"line 1: there is no 'text'"),
        ("a.csv", b"said\ngood\n", r"line 1: there is no column 'text'; it has said: set its name"),
        ("a.txt", b"good\ncaf\xe9\n", r"line 2: the line has bytes that are invalid in the"),
        ("a.txt", b"\xff\xfeg\0o\0", r"line 1: the file is UTF-16, not utf-8: set its encoding"),
        ("a.txt", b"\n \n", r"a\.txt has no text"),
        ("a.pdf", b"good\n", r"a\.pdf does not end in \.jsonl, \.csv, \.tsv or \.txt"),
        ("none.txt", None, r"none\.txt cannot be read \(No such file"),
        (".", None, r"cannot be read \(Is a directory"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path, name, content, fault):
    """A bad line is refused by file and number."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Problem, match=fault):
        unlabeled_texts.read([], tmp_path / name, Layout())


def test_quotes_of_tables_are_chosen(tmp_path):
    """Stray quotes are refused with the command's options, each of which reads the file."""
    path = tmp_path / "a.tsv"
    path.write_text('text\tid\n"good film\t1\nbad film\t2\nfine film"\t3\n')
    with pytest.raises(Problem, match=r"give --no-quoting if .* else --quoting"):
        unlabeled_texts.read([], path, Layout())
    plain = ['"good film', "bad film", 'fine film"']
    assert unlabeled_texts.read([], path, Layout(quoting=False)) == plain
    (whole,) = unlabeled_texts.read([], path, Layout(quoting=True))
    assert whole.endswith("fine film")


def test_lines_may_end_in_carriage_returns(tmp_path):
    """As those of old Macs do."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\revening\r\nall\n")
    assert unlabeled_texts.read([], path, Layout()) == ["good", "evening", "all"]


@pytest.mark.parametrize("delimiter", ["", ";;"])
def test_wrong_delimiters_are_refused(delimiter):
    """An empty one is not the default."""
    with pytest.raises(Problem, match="one character"):
        Layout(delimiter=delimiter)
