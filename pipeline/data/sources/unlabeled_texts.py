"""Unlabeled texts to be scored, from the command line, standard input or a file."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.data.download.inventory import HashingReader
from pipeline.data.formats import review_files
from pipeline.data.sources import own
from pipeline.data.text.reviews import Columns, Fault, Parsed, Review
from pipeline.runtime.errors import Problem

PLAIN_SUFFIX, STANDARD_INPUT = ".txt", "-"
# Options of params.yaml in messages of the readers, and those of the command.
QUOTING = {"set quoting: false": "give --no-quoting", "quoting: true": "--quoting"}


@dataclass(frozen=True)
class Layout:
    """Column of the texts in a file, the encoding of the file, delimiter and quotes of its cells.

    Plain text files have no columns. By default cells are separated by tabs in a .tsv file, by
    commas in a .csv file, and quotes enclose cells but not rows.
    """

    column: str = "text"
    encoding: str = "utf-8"
    delimiter: str | None = None
    quoting: bool | None = None

    def __post_init__(self) -> None:
        """Raise Problem for an encoding that does not exist, and for a wrong delimiter."""
        try:
            own.one_delimiter("," if self.delimiter is None else self.delimiter)
        except ValueError as error:
            raise Problem(f"delimiter {self.delimiter!r}: {error}") from error
        try:
            review_files.encoding_name(self.encoding)
        except ValueError as error:
            raise Problem(f"encoding {self.encoding!r}: {error}") from error


def read(texts: Sequence[str], file: Path | None, layout: Layout) -> list[str]:
    """Return the given texts, those of a file, or for "-" alone those of standard input.

    Raises Problem where both or neither are given, and where a text cannot be read: no text is
    skipped.
    """
    if bool(texts) == (file is not None):
        raise Problem("give texts in one way: as arguments, by - for standard input, or by --file")
    if file is not None:
        return of_file(file, layout)
    if [*texts] == [STANDARD_INPUT]:
        return of_lines(sys.stdin.buffer, "standard input", layout)
    for number, text in enumerate(texts, start=1):
        try:
            _check(text)
        except ValueError as error:
            raise Problem(f"text {number}: {error}: correct it, or leave it out") from error
    return [*texts]


def of_file(path: Path, layout: Layout) -> list[str]:
    """Return the texts of a file in order: one per line of a .txt file, else as reviews are read.

    Raises Problem where the file or one of its lines cannot be read.
    """
    suffix = own.review_suffix(path.name)
    try:
        with path.open("rb") as opened:
            if suffix == PLAIN_SUFFIX:
                return of_lines(opened, str(path), layout)
            if suffix not in own.JSON_SUFFIXES | own.TABLE_SUFFIXES:
                raise Problem(f"{path} does not end in .jsonl, .csv, .tsv or .txt: rename it")
            reviews = own.read_reviews(
                *(HashingReader(opened), str(path), Columns(layout.column)),
                delimiter=own.one_delimiter(
                    layout.delimiter or ("\t" if suffix == ".tsv" else ",")
                ),
                encoding=layout.encoding,
                quoting=layout.quoting,
            )
            return _texts(reviews, str(path))
    except OSError as error:
        raise Problem(f"{path} cannot be read ({error.strerror}): correct the path") from error


def of_lines(opened: IO[bytes], name: str, layout: Layout) -> list[str]:
    """Return the texts of a stream, one per line, without blank lines.

    Raises Problem where a line cannot be read, and where there is no text.
    """
    lines = review_files.lines(HashingReader(opened), name, layout.encoding, newline="")
    return _texts(_plain_reviews(lines, name), name)


def _plain_reviews(lines: Iterable[str], name: str) -> Iterator[Parsed]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            _check(line)
            yield Review(line.strip(), None)
        except ValueError as error:
            yield Fault(name, number, str(error))


def _check(text: str) -> None:
    review_files.check_decoded(text)
    if not text.strip():
        raise ValueError("the text is empty")


def _texts(reviews: Iterable[Parsed], name: str) -> list[str]:
    """Return the texts of reviews. Raises Problem for the first fault, and where there is none."""
    texts = []
    for item in reviews:
        if isinstance(item, Fault):
            what = item.what
            for words, option in QUOTING.items():
                what = what.replace(words, option)
            raise Problem(f"{item.path}, line {item.line}: {what}: correct the line")
        texts.append(item.text)
    if not texts:
        raise Problem(f"{name} has no text: write one per line")
    return texts
