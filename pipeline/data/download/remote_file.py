"""A file that someone else publishes, and how to know it when it is here."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CHUNK = 1 << 20
UNSTATED_LIMIT = 2 << 30  # bytes, where neither size nor limit is known


@dataclass(frozen=True)
class RemoteFile:
    """One official file.

    `digest` (hexadecimal, by `algorithm`) is that of the file itself, or where `expanded` that of
    what its gzip holds: a recompressed copy of the same content is then as good. It is empty where
    none was ever published: then any whole gzip within the limit will do. `size` counts the
    bytes of the file itself, None where that is not published. `limit` bounds, in bytes, the
    content where it is expanded, and a file whose size is None. `urls` are tried in order.
    """

    name: str
    digest: str
    size: int | None
    urls: tuple[str, ...]
    algorithm: Literal["sha256", "sha1", "md5"] = "sha256"
    expanded: bool = False
    limit: int | None = None

    @property
    def most(self) -> int:
        """The bytes that a download may have."""
        return self._content_most if self.size is None else self.size

    @property
    def _content_most(self) -> int:
        return UNSTATED_LIMIT if self.limit is None else self.limit

    def fault(self, path: Path) -> str | None:
        """Say how `path` differs from the official file, None where it does not."""
        return self._content_fault(path) if self.expanded else self._file_fault(path)

    def _file_fault(self, path: Path) -> str | None:
        size = path.stat().st_size
        if self.size not in (None, size):
            return f"has {size} bytes, expected {self.size}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, self._hash).hexdigest()
        if digest != self.digest:
            return f"has {self.algorithm} {digest}, expected {self.digest}"
        return None

    def _content_fault(self, path: Path) -> str | None:
        expected = f"{self.algorithm} {self.digest}" if self.digest else "no published hash"
        try:
            digest, size = self._measure_content(path)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            return f"is not a whole gzip file ({error}), expected content of {expected}"
        if size > self._content_most:
            return f"expands to more than the expected {self._content_most} bytes"
        if self.digest and digest != self.digest:
            return f"has content of {self.algorithm} {digest}, expected {self.digest}"
        return None

    def _measure_content(self, path: Path) -> tuple[str, int]:
        """Return digest and length of the content, read no further than shows it to be too long."""
        digest, size = self._hash(), 0
        with gzip.open(path) as file:
            while size <= self._content_most and (chunk := file.read(CHUNK)):
                digest.update(chunk)
                size += len(chunk)
        return digest.hexdigest(), size

    def _hash(self) -> "hashlib._Hash":
        # Some systems offer md5 and sha1 only to those who do not rely on them against attackers.
        return hashlib.new(self.algorithm, usedforsecurity=False)
