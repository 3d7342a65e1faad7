"""One download over HTTP that goes on where an earlier one stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pooch
import requests

CHUNK = 1 << 16
TIMEOUT = (10, 30)  # seconds to connect, and between two chunks

Advance = Callable[[int], None]  # told how many bytes there are by now


class OversizeError(Exception):
    """The server sends more than the official file holds."""


def receive(url: str, part: Path, size: int, *, advance: Advance) -> None:
    """Bring `part` to the whole of the file at `url`, asking only for the bytes that it lacks.

    Starts over where the server ignores that wish. Whatever arrived stays in `part` when the
    connection breaks. Raises requests.RequestException, and OversizeError after `size` bytes.
    """
    with part.open("ab") as file:
        start = file.tell()
        sink = _Sink(file, size, advance)
        # Servers may compress on the way; offsets count the bytes of the file as it is stored.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        download = pooch.HTTPDownloader(
            chunk_size=CHUNK, timeout=TIMEOUT, headers=headers, hooks={"response": sink.place}
        )
        try:
            download(url, sink, None)
        finally:
            sink.close()


class _Sink:
    """The partial file as pooch's downloader sees it."""

    def __init__(self, file: BinaryIO, size: int, advance: Advance) -> None:
        self.file, self.size, self.advance = file, size, advance
        self.responses: list[requests.Response] = []

    def place(self, response: requests.Response, *_: Any, **__: Any) -> None:
        """Decide, before the first byte, where the bytes of this response belong."""
        self.responses.append(response)
        if response.status_code == requests.codes.ok:
            self.file.truncate(0)

    def write(self, chunk: bytes) -> None:
        self.file.write(chunk)
        self.advance(self.file.tell())
        if self.file.tell() > self.size:
            raise OversizeError

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        """Hang up: pooch leaves the connection open when anything fails."""
        for response in self.responses:
            response.close()
