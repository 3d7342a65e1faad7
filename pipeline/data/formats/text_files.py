"""Text files of the user's own, line by line, and what is known of their encoding."""

import codecs
import io
from collections.abc import Iterator

from pipeline.runtime.errors import Problem

MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


def known(encoding: str) -> str:
    """Return the encoding's name in Python. Raises ValueError where there is no such one."""
    try:
        found = codecs.lookup(encoding)
        "a".encode(found.name)
    except (LookupError, UnicodeError, ValueError, TypeError) as error:
        raise ValueError("there is no such encoding of text: utf-8 and latin-1 are two") from error
    return found.name


def lines(file: io.RawIOBase, path: str, encoding: str, *, newline: str) -> Iterator[str]:
    """Yield the lines of a file; `newline` is "\\n", or "" to end lines at \\r too.

    Bytes that the encoding does not have become lone surrogates, for `check_decoded` to find.
    Raises Problem where the file is not in this encoding as a whole.
    """
    name = known(encoding)
    buffered = io.BufferedReader(file)
    mark = MARKS.get(buffered.peek(2)[:2])
    if mark and not name.startswith("utf-16"):
        raise Problem(f"{path}, line 1: the file is {mark}, not {encoding}: say its encoding")
    text = io.TextIOWrapper(
        buffered, "utf-8-sig" if name == "utf-8" else name, "surrogateescape", newline=newline
    )
    number = 0
    try:
        for line in text:
            number += 1
            yield line
    except UnicodeError as error:
        raise Problem(
            f"{path}, line {number + 1}: the file is not {encoding}: say its encoding"
        ) from error


def check_decoded(line: str) -> None:
    """Raise ValueError where a line has bytes that its encoding has not."""
    if line.isascii():
        return
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise ValueError("the line has bytes that are not of the file's encoding") from error
