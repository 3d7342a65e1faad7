"""One download over HTTP that goes on where an earlier one stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pooch
import requests

CHUNK = 1 << 16
TIMEOUT = (10, 30)  # seconds to connect, and between two chunks

Advance = Callable[[int, int | None], None]  # told the bytes there are by now, and will be if known


class OversizeError(Exception):
    """The server sends more than the official file can hold."""


def receive(url: str, part: Path, most: int, *, advance: Advance) -> None:
    """Bring `part` to the whole of the file at `url`, asking only for the bytes that it lacks.

    Starts over where the server ignores that wish. Whatever arrived stays in `part` when the
    connection breaks. Raises requests.RequestException, and OversizeError after `most` bytes.
    """
    with part.open("ab") as file:
        start = file.tell()
        sink = _Sink(file, most, advance)
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

    def __init__(self, file: BinaryIO, most: int, advance: Advance) -> None:
        self.file, self.most, self.advance = file, most, advance
        self.total: int | None = None
        self.responses: list[requests.Response] = []

    def place(self, response: requests.Response, *_: Any, **__: Any) -> None:
        """Decide, before the first byte, where the bytes of this response belong."""
        self.responses.append(response)
        # A server that calls a stored .gz file an encoding would have it expanded on arrival.
        response.raw.headers.pop("Content-Encoding", None)
        if response.status_code == requests.codes.ok:
            self.file.seek(0)
            self.file.truncate()
        length = response.headers.get("Content-Length", "")
        self.total = self.file.tell() + int(length) if length.isdecimal() else None

    def write(self, chunk: bytes) -> None:
        self.file.write(chunk)
        self.advance(self.file.tell(), self.total)
        if self.file.tell() > self.most:
            raise OversizeError

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        """Hang up: pooch leaves the connection open when anything fails."""
        for response in self.responses:
            response.close()
