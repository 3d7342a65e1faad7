"""Readers of users' files on generated input: a Problem at worst, and no row lost unreported."""

import csv
import io
import json
import math
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.data.formats import csv_table, npz_arrays, review_files
from pipeline.data.sources import mnist
from pipeline.data.text.labels import class_name, classes
from pipeline.data.text.reviews import Columns, Review
from pipeline.runtime.errors import Problem
from tests.review_files import LABEL, STARS, parted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
fuzzed = settings(
    max_examples=10_000,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

FLOATS = st.floats(allow_subnormal=False)  # the engine has the CPU flush them to zero
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), FLOATS, st.text(max_size=9)),
    st.from_regex(r"-?[0-9]{1,3}(\.[0-9]{0,2})?", fullmatch=True),
    st.sampled_from(["nan", "NA", "null", "1_11", "01", "1e3", "True"]),
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
# Cells without delimiters and line ends, many of them with quotes.
CELLS = st.text(st.sampled_from("ab \"'1.\u00e9\x00"), max_size=6)
LINES = st.text(st.sampled_from('ab12,"\t \n\r;\\\u00e9'), max_size=60)


def read(reader: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return what a reader returns, or None for a Problem of one line."""
    try:
        return reader(*args, **options)
    except Problem as problem:
        if "\n" in str(problem):
            raise
        return None


@fuzzed
@given(JSON)
def test_labels_have_one_class_or_none(label: object) -> None:
    """The class of a class is the class itself, and it is one line without spaces around it."""
    try:
        name = class_name(label)
    except ValueError:
        return
    assert class_name(name) == name == name.strip()
    assert len(name.splitlines()) == 1
    if isinstance(label, int | float):
        assert float(name) == pytest.approx(float(label))


@fuzzed
@given(
    st.one_of(
        *(st.lists(FLOATS, max_size=5), st.lists(st.integers(-9, 9), max_size=5)),
        *(st.lists(st.booleans(), max_size=5), st.lists(st.text(max_size=4), max_size=5)),
    )
)
def test_classes_of_arrays_are_those_of_their_labels(labels: list[Any]) -> None:
    """Every label has the position of its own class, or the first bad one is named."""
    labels_N = np.array(labels)
    found = read(classes, labels_N, lambda n: f"label {n}")
    if found is not None:
        names, y_N = found
        assert [names[y] for y in y_N] == [class_name(label) for label in labels_N.tolist()]
        assert sorted({*names}) == sorted(names)


@fuzzed
@given(
    st.lists(st.tuples(CELLS, st.sampled_from("12345")), max_size=12),
    st.sampled_from([",", "\t", ";"]),
    st.sampled_from([None, False]),
    st.sampled_from([STARS, LABEL]),
    st.booleans(),
)
def test_no_row_of_a_review_file_is_lost(
    rows: list[tuple[str, str]],
    delimiter: str,
    quoting: bool | None,
    columns: Columns,
    text_last: bool,
) -> None:
    """Reviews and bad lines together are all lines, in spite of any quotes in the texts."""
    name = columns.stars or columns.label
    order = -1 if text_last else 1
    text = "".join(f"{delimiter.join(row[::order])}\n" for row in [("text", name), *rows])
    lines = io.StringIO(text, newline="")
    parsed = [*review_files.read_csv(lines, "a", columns, delimiter=delimiter, quoting=quoting)]
    found, faults = parted(parsed)
    assert len(found) + sum(fault.lines for fault in faults) == len(rows)


@fuzzed
@given(st.lists(st.tuples(LINES, st.sampled_from(["up", "down"])), max_size=6))
def test_quoted_rows_are_read_as_written(rows: list[tuple[str, str]]) -> None:
    """With `quoting: true`, rows that csv.writer quotes come back, blank ones as bad lines."""
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    file.seek(0)
    parsed = [*review_files.read_csv(file, "a", LABEL, delimiter=",", quoting=True)]
    found, faults = parted(parsed)
    assert found == [Review(text, label) for text, label in rows if text.strip()]
    assert len(faults) == sum(not text.strip() for text, _ in rows)


@fuzzed
@given(LINES, st.sampled_from([",", "\t", ";"]), st.sampled_from([None, True, False]))
def test_any_text_is_read_or_refused(text: str, delimiter: str, quoting: bool | None) -> None:
    """Arbitrary text as a table and as reviews ends in rows, bad lines or a Problem."""
    options: dict[str, Any] = {"delimiter": delimiter, "quoting": quoting}
    content = f"a{delimiter}label\n{text}"
    table = read(csv_table.read_csv, content.encode(), "a", "label", scaled="range", **options)
    if table is not None:
        lines = [line for line in re.split("\r\n|\r|\n", text) if line]
        assert len(table.y_N) == len(lines)
    file = io.StringIO(content.replace("a", "text", 1), newline="")
    read(lambda: [*review_files.read_csv(file, "a", LABEL, **options)])


@fuzzed
@given(
    st.lists(
        st.one_of(
            st.dictionaries(st.sampled_from(["text", "label", "x"]), JSON).map(json.dumps),
            JSON.map(json.dumps),
            st.text(max_size=20).map(lambda text: re.sub(r"[\n\r]", "", text)),
        ),
        max_size=6,
    )
)
def test_no_line_of_json_is_lost(lines: list[str]) -> None:
    """Every line that is not blank is a review or a bad line."""
    found, faults = parted([*review_files.read_json_lines(lines, "a", LABEL)])
    assert len(found) + len(faults) == sum(bool(line.strip()) for line in lines)
    assert all(review.label and review.text.strip() for review in found)


HEADERS = st.one_of(
    st.binary(max_size=40),
    st.fixed_dictionaries(
        {
            "descr": st.sampled_from(["<f4", "|u1", "<U3", "|O", "<i8", "<c8", "<M8[s]", "|V0"]),
            "fortran_order": st.booleans(),
            "shape": st.lists(st.integers(-1, 4), max_size=4).map(tuple),
        }
    ),
)


def member(header: Any, data: bytes) -> bytes:
    if isinstance(header, bytes):
        return header + data
    text = repr(header).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@fuzzed
@given(
    st.dictionaries(
        st.sampled_from(["X", "y", "x_train", "y_train", "x_test", "y_test", "test_images"]),
        st.tuples(HEADERS, st.binary(max_size=64)),
        max_size=5,
    )
)
def test_any_npz_file_is_read_or_refused(members: dict[str, tuple[Any, bytes]]) -> None:
    """Members with arbitrary headers and data are a table or a Problem."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, (header, data) in members.items():
            archive.writestr(f"{name}.npy", member(header, data))
    table = read(npz_arrays.table, file.getvalue(), "a", ("X", "y"), scaled="range")
    if table is not None:
        assert len(table.x) == len(table.y_N) == len(table.part_N)


@fuzzed
@given(
    st.lists(st.floats(width=32, allow_subnormal=False), min_size=4, max_size=4),
    st.lists(st.text(st.sampled_from("ab1.0_N"), max_size=3), min_size=2, max_size=2),
)
def test_arrays_come_back_or_are_refused(numbers: list[float], labels: list[str]) -> None:
    """Finite numbers and classes come back, all others are refused."""
    file, x_NI = io.BytesIO(), np.array(numbers, np.float32).reshape(2, 2)
    np.savez(file, X=x_NI, y=np.array(labels))
    table = read(npz_arrays.table, file.getvalue(), "a", ("X", "y"), scaled="range")
    if table is None:
        bad = [label for label in labels if not _is_label(label)]
        assert bad or not np.isfinite(x_NI).all()
    else:
        np.testing.assert_array_equal(table.x, x_NI)


def _is_label(label: str) -> bool:
    try:
        class_name(label)
    except ValueError:
        return False
    return True


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "a"


@fuzzed
@given(st.binary(max_size=60), st.integers(-3, 3))
def test_any_idx_file_is_read_or_refused(path: Path, content: bytes, cut: int) -> None:
    """Arbitrary bytes, and a valid header with other bytes behind it, are refused or read."""
    shape = (2, 3, 4)
    header = struct.pack(">4I", 0x803, *shape)
    for whole in (content, header + content, header + bytes(math.prod(shape) + cut)):
        path.write_bytes(whole)
        found = read(mnist.read_images, path, shape)
        assert (found is not None) == (whole[:16] == header and len(whole) == 16 + math.prod(shape))
