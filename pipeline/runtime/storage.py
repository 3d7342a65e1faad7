"""Records on disk: JSON lines and folders that are either whole or absent."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import Problem

Record = dict[str, Any]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file that becomes `path` when the block ends well.

    Readers see the old content or the new, never a part of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part of it."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write one JSON document; numbers that are not finite become null."""
    text = json.dumps(finite(content), indent=2, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path) -> Any:
    """Read one JSON document. Raises Problem where it is absent or broken."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError) as error:
        raise unreadable(path, error) from error


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Write one JSON object a line; numbers that are not finite become null."""
    lines = [json.dumps(finite(record), allow_nan=False) + "\n" for record in records]
    write_bytes(path, "".join(lines).encode())


def read_lines(path: Path) -> list[Record]:
    """Read one JSON object a line. Raises Problem where the file is absent or broken."""
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except (FileNotFoundError, ValueError) as error:
        raise unreadable(path, error) from error


def digest(path: Path) -> str:
    """Return the sha256 of a file's content. Raises Problem where the file is absent."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> Problem:
    """Return the Problem for a file that a stage should have written."""
    what = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
    of_claims = {"claims", "experiments"} & {*path.parts}
    command = "make claims" if of_claims else "dvc repro"
    return Problem(f"{path} {what}: run `{command}` to make it again")


def finite(value: Any) -> Any:
    """Replace NaN and infinities by None at any depth: JSON has no word for them.

    >>> finite({"cost": [0.5, float("nan")]})
    {'cost': [0.5, None]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def fingerprint(*parts: Any) -> str:
    """Return 16 hex digits that stand for the JSON content of `parts`.

    >>> fingerprint("digits", 1) == fingerprint("digits", 1) != fingerprint("digits", 2)
    True
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new sibling folder that replaces `path` when the block ends well.

    A block that fails, or a process that is killed in it, leaves `path` as it was. What a killed
    one left beside it goes: the caller sees to it that nobody else is at work on `path`.
    """
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
