"""A file that someone else publishes, and how to know it when it is here."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """One official file.

    `size` counts the bytes of the file itself, `content_size` and `sha256` describe what it holds
    once expanded: a recompressed copy of the same content is as good. `urls` are tried in order.
    """

    name: str
    sha256: str
    size: int
    content_size: int
    urls: tuple[str, ...]

    def fault(self, path: Path) -> str | None:
        """Say how the content of `path` differs from the official one, None where it does not."""
        try:
            digest, size = self._measure(path)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            return f"is not a whole gzip file ({error}), expected content of sha256 {self.sha256}"
        if size > self.content_size:
            return f"expands to more than the expected {self.content_size} bytes"
        if digest != self.sha256:
            return f"has content of sha256 {digest}, expected {self.sha256}"
        return None

    def _measure(self, path: Path) -> tuple[str, int]:
        """Return sha256 and length of the content, read no further than shows it to be too long."""
        digest, size = hashlib.sha256(), 0
        with gzip.open(path) if self.name.endswith(".gz") else path.open("rb") as file:
            while size <= self.content_size and (chunk := file.read(CHUNK)):
                digest.update(chunk)
                size += len(chunk)
        return digest.hexdigest(), size
