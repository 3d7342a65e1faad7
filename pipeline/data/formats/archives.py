"""Safe reading of zip and tar archives in memory: nothing is extracted to disk.

The headers of an archive are not trusted. Sizes are compared with the expected ones before memory
is allocated, no more than that is ever expanded, and an archive with a member name that leads out
of its folder is refused, though names are never used as paths.
"""

import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Container, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.runtime import storage

OUTSIDE = re.compile(r"^/|^[A-Za-z]:|\\|\0|(^|/)\.\.(/|$)")
OTHERS = 1 << 20  # bytes of a tar besides the wanted members: headers, padding, a text file
CHUNK = 1 << 20
LONGEST = 300  # characters that an error message quotes from a file
# zipfile expands other compression methods without a limit.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGE = (
    OSError, EOFError, LookupError, RuntimeError, ValueError, struct.error, tarfile.TarError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip


@dataclass(frozen=True)
class AtMost:
    """Upper bound on the size of a member, in bytes."""

    most: int


Size = int | AtMost


def members(path: Path) -> list[str]:
    """Return the names of the files in a zip, in the order of its directory.

    Raises Problem where the zip is absent or damaged, or a name leads out of its folder.
    """
    with _refusals(path), zipfile.ZipFile(path) as archive:
        return [info.filename for info in _directory(archive) if not info.is_dir()]


def read(
    path: Path,
    sizes: Mapping[str, Size],
    *,
    others: int = OTHERS,
    optional: Container[str] = (),
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each wanted member of a .tar.gz, .tar.xz, .tar or .zip.

    `sizes` maps the wanted names to exact sizes in bytes, or to upper bounds. Members of a zip come
    in the order of `sizes`. A tar is streamed once, its members come in their own order, and it may
    hold `others` bytes besides them. The checksums of a compressed tar are verified at the end of
    the stream.

    Raises Problem where the archive is absent or damaged, where a name leads out of its folder, and
    where a wanted member is absent (unless in `optional`), duplicated, a link or device, or of
    another size.
    """
    with _refusals(path):
        if path.suffix == ".zip":
            yield from _zipped(path, sizes, optional)
        else:
            limit = sum(_most(size) for size in sizes.values()) + others
            seen = yield from _tarred(path, sizes.get, limit)
            _check_present(sizes, seen, optional)


def matching(
    path: Path, names: re.Pattern[str], size: AtMost, *, limit: int
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each member of a tar whose whole name matches, in its order.

    A member may have at most `size`, the expanded archive `limit` bytes, headers included. Raises
    Problem as `read` does; that no member matches is no fault.
    """
    with _refusals(path):
        yield from _tarred(path, lambda name: size if names.fullmatch(name) else None, limit)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Turn the exceptions of a damaged archive into a Problem that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise storage.unreadable(path, error) from error
    except DAMAGE as error:
        what = " ".join(str(error).split())[:LONGEST] or "it ends too early"
        raise storage.unreadable(path, ValueError(what)) from error


def _zipped(
    path: Path, sizes: Mapping[str, Size], optional: Container[str]
) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        wanted = Counter(i.filename for i in _directory(archive) if i.filename in sizes)
        _check_present(sizes, wanted, optional)
        if wanted.total() > len(wanted):
            raise ValueError(f"{wanted.most_common(1)[0][0]} occurs twice")
        for name, size in sizes.items():
            if name not in wanted:
                continue
            info = archive.getinfo(name)
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG) or info.is_dir():
                raise ValueError(f"{name} is not a regular file")
            if info.compress_type not in METHODS:
                raise ValueError(
                    f"{name} is compressed by method {info.compress_type}, not deflate"
                )
            with archive.open(info) as file:
                yield name, _content(file, name, info.file_size, size)


def _check_present(
    sizes: Mapping[str, Size], present: Container[str], optional: Container[str]
) -> None:
    for name in sizes:
        if name not in present and name not in optional:
            raise ValueError(f"{name} is absent")


def _directory(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    for info in archive.filelist:
        _check_name(info.orig_filename)  # zipfile cuts `filename` at a zero byte
    return archive.filelist


def _tarred(
    path: Path, size_of: Callable[[str], Size | None], limit: int
) -> Generator[tuple[str, bytes], None, set[str]]:
    """Yield the members that have a size, and return their names."""
    seen = set[str]()
    with _expanded(path) as file:
        stream = _Bounded(file, limit)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                name = member.name
                _check_name(name)
                size = size_of(name)
                if size is None:
                    continue
                if name in seen:
                    raise ValueError(f"{name} occurs twice")
                seen.add(name)
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or member.issparse():
                    raise ValueError(f"{name} is not a regular file")
                yield name, _content(content, name, member.size, size)
        while stream.read(CHUNK):
            pass  # verifies the checksums at the end
    return seen


def _expanded(path: Path) -> io.BufferedIOBase:
    if path.suffix == ".xz":
        return lzma.LZMAFile(path)
    return path.open("rb") if path.suffix == ".tar" else gzip.GzipFile(path)


class _Bounded(io.BufferedIOBase):
    """Stream that raises ValueError after `limit` bytes, headers included."""

    def __init__(self, file: io.BufferedIOBase, limit: int) -> None:
        self.file, self.limit, self.left = file, limit, limit

    def read(self, size: int | None = -1, /) -> bytes:
        most = self.left + 1
        content = self.file.read(most if size is None or size < 0 else min(size, most))
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(f"more than {self.limit} bytes when expanded")
        return content


def _check_name(name: str) -> None:
    if OUTSIDE.search(name):
        raise ValueError(f"the name {name!r} points outside the archive's folder")


def _content(file: IO[bytes], name: str, stated: int, size: Size) -> bytes:
    """Return a member's content, which must have both the stated and the expected size."""
    most = _most(size)
    if stated > most or (stated < most and isinstance(size, int)):
        limit = most if isinstance(size, int) else f"at most {most}"
        raise ValueError(f"{name} has {stated} bytes, expected {limit}")
    content = file.read(most + 1)  # one byte more detects a longer member
    if len(content) != stated:
        raise ValueError(f"{name} has {len(content)} bytes when expanded, expected {stated}")
    return content


def _most(size: Size) -> int:
    return size if isinstance(size, int) else size.most
