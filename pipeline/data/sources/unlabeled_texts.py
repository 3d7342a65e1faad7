"""Texts that nobody has labeled, to be scored: from the command line, a file or a stream."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.data.download.inventory import HashingReader
from pipeline.data.formats import review_files
from pipeline.data.sources import own_reviews
from pipeline.data.text.reviews import Columns, Fault, Parsed, Review
from pipeline.runtime.errors import Problem

PLAIN, STREAM = ".txt", "-"


@dataclass(frozen=True)
class Layout:
    """How a file holds texts: the column that they are in, and the file's encoding.

    Plain files have no columns. A .tsv file has tabs between its cells, a .csv file commas.
    """

    column: str = "text"
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        """Raise Problem for an encoding that does not exist."""
        try:
            review_files.encoding_name(self.encoding)
        except ValueError as error:
            raise Problem(f"encoding {self.encoding!r}: {error}") from error


def read(texts: Sequence[str], file: Path | None, layout: Layout) -> list[str]:
    """Return the texts themselves, those of a file, or for a lone "-" those of standard input.

    Raises Problem for none of these or several, and as the functions below do.
    """
    if bool(texts) == (file is not None):
        raise Problem("say what to score: texts, or - for standard input, or --file")
    if file is not None:
        return of_file(file, layout)
    if [*texts] == [STREAM]:
        return of_lines(sys.stdin.buffer, "standard input", layout)
    return given(texts)


def given(texts: Iterable[str]) -> list[str]:
    """Return texts of the command line. Raises Problem where one is empty or not UTF-8."""
    found = list(texts)
    for number, text in enumerate(found, start=1):
        try:
            _check(text)
        except ValueError as error:
            raise Problem(f"text {number}: {error}: correct it, or leave it out") from error
    return found


def of_file(path: Path, layout: Layout) -> list[str]:
    """Return the texts of a file in its order: a line each in .txt, else as reviews are read.

    Raises Problem where the file or one of its lines cannot be read: none is left out.
    """
    try:
        with path.open("rb") as opened:
            if path.suffix.lower() == PLAIN:
                return of_lines(opened, str(path), layout)
            if path.suffix.lower() not in own_reviews.JSON | own_reviews.TABLES:
                raise Problem(f"{path} ends neither in .jsonl, .csv nor .txt: rename it")
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            found = own_reviews.parse(
                *(HashingReader(opened), str(path), Columns(layout.column)),
                delimiter=delimiter,
                encoding=layout.encoding,
            )
            return _whole(found, str(path))
    except OSError as error:
        raise Problem(f"{path} cannot be read ({error.strerror}): correct the path") from error


def of_lines(opened: IO[bytes], name: str, layout: Layout) -> list[str]:
    """Return the texts of a stream, one a line; blank lines are passed over. Raises Problem."""
    lines = review_files.lines(HashingReader(opened), name, layout.encoding, newline="\n")
    return _whole(_plain(lines, name), name)


def _plain(lines: Iterable[str], name: str) -> Iterator[Parsed]:
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


def _whole(found: Iterable[Parsed], name: str) -> list[str]:
    """Return the texts of what was found. Raises Problem for the first fault, and for no text."""
    texts = []
    for item in found:
        if isinstance(item, Fault):
            raise Problem(f"{item.path}, line {item.line}: {item.what}: correct the line")
        texts.append(item.text)
    if not texts:
        raise Problem(f"{name} has no text: write one a line")
    return texts
