"""Members of published archives, read where they are: nothing is extracted to disk.

An archive's own account of itself is never trusted. Sizes are compared with what is expected before
memory is asked for, no more than that is ever expanded, and an archive with a name that would leave
its folder is refused whole, though no name is ever used as a path.
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
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.runtime import storage

OUTSIDE = re.compile(r"^/|^[A-Za-z]:|\\|\0|(^|/)\.\.(/|$)")
OTHERS = 1 << 20  # bytes of a tar that are no wanted content: headers, padding, a page of text
CHUNK = 1 << 20
LONGEST = 300  # characters of what an error may quote from a file
# zipfile expands the other methods without a limit.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGE = (
    OSError, EOFError, LookupError, RuntimeError, ValueError, struct.error, tarfile.TarError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip


@dataclass(frozen=True)
class AtMost:
    """The size of a member that is known only so far, in bytes."""

    most: int


Size = int | AtMost


def members(path: Path) -> list[str]:
    """Return the names of the files of a zip, in the order of its directory.

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
    """Yield the name and the content of each wanted member of a .tar.gz, .tar.xz, .tar or .zip.

    `sizes` holds the exact size of each in bytes, or a limit. Members of a zip come in the order of
    `sizes`, those of a tar in the archive's own: a tar is read once from end to end, and may hold
    `others` more bytes than the wanted members. Its checksums (a plain .tar has none) come last:
    only who reads on to the end knows that all was well.

    Raises Problem where the archive is absent or damaged, where a name leads out of its folder, and
    where a wanted member is absent (unless `optional`), there twice, a link or device, or of
    another size.
    """
    with _refusals(path):
        if path.suffix == ".zip":
            yield from _zipped(path, sizes, optional)
        else:
            yield from _tarred(path, sizes, others, optional)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Turn whatever reading an archive raises into one line that names the archive."""
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
            raise ValueError(f"{wanted.most_common(1)[0][0]} is there twice")
        for name, size in sizes.items():
            if name not in wanted:
                continue
            info = archive.getinfo(name)
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG) or info.is_dir():
                raise ValueError(f"{name} is no ordinary file")
            if info.compress_type not in METHODS:
                raise ValueError(
                    f"{name} is compressed by method {info.compress_type}, not deflate"
                )
            with archive.open(info) as file:
                yield name, _content(file, name, info.file_size, size)


def _check_present(
    sizes: Mapping[str, Size], found: Container[str], optional: Container[str]
) -> None:
    for name in sizes:
        if name not in found and name not in optional:
            raise ValueError(f"{name} is absent")


def _directory(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    for info in archive.filelist:
        _check_name(info.orig_filename)  # zipfile cuts the other one at a zero byte
    return archive.filelist


def _tarred(
    path: Path, sizes: Mapping[str, Size], others: int, optional: Container[str]
) -> Iterator[tuple[str, bytes]]:
    found = set()
    limit = sum(_most(size) for size in sizes.values()) + others
    with _expanded(path) as file:
        stream = _Bounded(file, limit)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                name = member.name
                _check_name(name)
                if name not in sizes:
                    continue
                if name in found:
                    raise ValueError(f"{name} is there twice")
                found.add(name)
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or member.issparse():
                    raise ValueError(f"{name} is no ordinary file")
                yield name, _content(content, name, member.size, sizes[name])
        while stream.read(CHUNK):
            pass  # the checksums are at the end
    _check_present(sizes, found, optional)


def _expanded(path: Path) -> io.BufferedIOBase:
    if path.suffix == ".xz":
        return lzma.LZMAFile(path)
    return path.open("rb") if path.suffix == ".tar" else gzip.GzipFile(path)


class _Bounded(io.BufferedIOBase):
    """A stream that ends in an error after so many bytes: a bomb's headers are no exception."""

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
        raise ValueError(f"the name {name!r} leads out of the archive's folder")


def _content(file: IO[bytes], name: str, stated: int, size: Size) -> bytes:
    """Return a member's content, of the size that its header states and that is expected."""
    most = _most(size)
    if stated > most or (stated < most and isinstance(size, int)):
        limit = most if isinstance(size, int) else f"at most {most}"
        raise ValueError(f"{name} has {stated} bytes, expected {limit}")
    content = file.read(most + 1)  # neither library gives more than is stated, but who knows
    if len(content) != stated:
        raise ValueError(f"{name} has {len(content)} bytes when expanded, expected {stated}")
    return content


def _most(size: Size) -> int:
    return size if isinstance(size, int) else size.most
