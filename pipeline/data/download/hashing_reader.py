"""A file whose hash grows as it is read: one pass over what is larger than memory."""

import hashlib
import io
from typing import IO, Any


class HashingReader(io.RawIOBase):
    """A file whose hash grows as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        """Watch an open file; `digest` is the sha256 of what was read so far."""
        self.file, self.digest = file, hashlib.sha256()

    def readable(self) -> bool:
        """Say so."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the file goes; return how many bytes came."""
        content = self.file.read(len(buffer))
        self.digest.update(content)
        buffer[: len(content)] = content
        return len(content)
