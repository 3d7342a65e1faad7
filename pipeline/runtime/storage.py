"""Atomic storage: files and folders that are complete or absent; JSON and JSON Lines."""

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
HASHES = "hashes.json"  # SHA-256 by file name, in folders of runs/


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path, renamed to `path` when the block ends without an error.

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
    """Write a file atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON document atomically; NaN and infinities become null."""
    text = json.dumps(finite(content), indent=2, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path) -> Any:
    """Read a JSON document. Raises Problem where it is absent or damaged."""
    verify(path)
    try:
        return json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise unreadable(path, error) from error


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Write JSON Lines atomically, one record a line; NaN and infinities become null."""
    lines = [json.dumps(finite(record), allow_nan=False) + "\n" for record in records]
    write_bytes(path, "".join(lines).encode())


def read_lines(path: Path) -> list[Record]:
    """Read JSON Lines. Raises Problem where the file is absent or damaged."""
    verify(path)
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except (FileNotFoundError, ValueError) as error:
        raise unreadable(path, error) from error


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal. Raises Problem where the file is absent."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise unreadable(path, error) from error


def verify(path: Path) -> None:
    """Compare a file with the hashes of its folder, if `whole_folder` wrote them there.

    Raises Problem where the file has another content, which may still be valid JSON.
    """
    for folder in (path.parent, path.parent.parent):
        hashes = folder / HASHES
        if path.name == HASHES or not (path.exists() and hashes.exists()):
            continue
        expected = read_json(hashes).get(path.relative_to(folder).as_posix())
        if expected not in (None, digest(path)):
            raise unreadable(path, ValueError(f"damaged: its SHA-256 differs from {hashes}"))


def unreadable(path: Path, error: Exception) -> Problem:
    """Return the Problem for a file of a stage that is absent or damaged."""
    of_claims = {"claims", "experiments"} & {*path.parts}
    remedy = f"run `{'make claims' if of_claims else 'dvc repro'}` to make it"
    if isinstance(error, FileNotFoundError):  # deleted, or never made
        return Problem(f"{path} is missing: {remedy}")
    again = f"{remedy} again; if the error recurs, run `python -m stages repair` first"
    return Problem(f"{path} cannot be read ({error}): {again}")


def finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON lacks, by None at any depth.

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
    """Return 16 hexadecimal digits of a hash of the JSON content of `parts`.

    >>> fingerprint("digits", 1) == fingerprint("digits", 1) != fingerprint("digits", 2)
    True
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def whole_folder(path: Path, *, hashes: bool = False) -> Iterator[Path]:
    """Yield a new folder that replaces `path` when the block ends without an error.

    With `hashes`, readers refuse a file of the folder that is damaged later (see `verify`).
    A block that fails, or a process that is killed, leaves `path` as it was, or absent if it is
    killed between the last two renames. A link is followed. Folders that killed
    processes left beside `path` are removed: hold the lock of `path` around the block. Raises
    Problem where `path` has files of other names than the new folder has: it would delete them.
    """
    path = path.resolve() if path.is_symlink() else path
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    old = path.with_name(f".{path.name}.{os.getpid()}.old.tmp")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if hashes:
            files = sorted(file for file in temporary.rglob("*") if file.is_file())
            digests = {file.relative_to(temporary).as_posix(): digest(file) for file in files}
            write_json(temporary / HASHES, digests)
        if foreign := foreign_files(path, {file.name for file in temporary.rglob("*")}):
            raise Problem(
                f"{foreign[0]} is not a file of this command, which replaces {path}: "
                "move it out of the folder, or delete it"
            )
        if path.exists():
            path.replace(old)
        temporary.replace(path)
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)


def foreign_files(folder: Path, names: set[str]) -> list[Path]:
    """Return the files and links below a folder that have none of the given names, sorted.

    Hidden files, which operating systems leave behind, are not among them.
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.name not in names
        and not path.name.startswith(".")
        and (path.is_symlink() or not path.is_dir())
    )
