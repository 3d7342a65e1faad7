"""Local HTTP server that misbehaves on demand, and the file that it serves."""

import gzip
import hashlib
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.download import fetch as fetching
from pipeline.data.download.fetch import RemoteFile, fetch

CONTENT = random.Random(0).randbytes(300_000)
FILE = gzip.compress(CONTENT, mtime=0)
HALF = len(FILE) // 2


@dataclass
class Site:
    """Scripted answers of the server, one per request (the last repeats), and requested ranges."""

    url: str
    answers: list[str] = field(default_factory=lambda: ["whole"])
    body: bytes = FILE
    ranges: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Serves the site's body from the requested byte, as the site's next answer says."""

    site: Site

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        site, wanted = self.site, self.headers.get("Range")
        site.ranges.append(wanted)
        answer = site.answers.pop(0) if len(site.answers) > 1 else site.answers[0]
        if answer.isdigit():
            self.send_error(int(answer))
            return
        start = int(wanted[6:-1]) if wanted and answer != "ignore range" else 0
        if start >= len(site.body):
            self.send_error(416)
            return
        rest = site.body[start:]
        self.send_response(206 if start else 200)
        if answer != "no length":
            self.send_header("Content-Length", str(len(rest)))
        if answer == "labelled":
            self.send_header("Content-Encoding", "x-gzip")
        if start:
            last = len(site.body) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
        self.end_headers()
        self.wfile.write(rest[: HALF - start] if answer == "drop" else rest)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetching, "PAUSES", [0] * len(fetching.PAUSES))

    class Bound(Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    Bound.site = Site(f"http://127.0.0.1:{server.server_port}/file.gz")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Bound.site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def official(*urls: str, size: int = len(FILE)) -> RemoteFile:
    """Return a file identified by the hash of its expanded content."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    return RemoteFile("file.gz", digest, size, urls, expanded=True, limit=len(CONTENT))


def unsized(*urls: str, name: str = "file.gz") -> RemoteFile:
    """Return a file identified by its own hash alone, of at most 400,000 bytes."""
    digest = hashlib.sha1(FILE).hexdigest()
    return RemoteFile(name, digest, None, urls, algorithm="sha1", limit=400_000)


def get(raw: Path, *urls: str, mirror: Path | None = None, size: int = len(FILE)) -> None:
    get_all(raw, official(*urls, size=size), mirror=mirror)


def get_all(raw: Path, *files: RemoteFile, mirror: Path | None = None) -> None:
    fetch("set", files, raw, partial=raw.parent / "partial", mirror=mirror)


def leave(raw: Path, name: str, content: bytes) -> None:
    """Write a file into the partial folder, as a killed process leaves it."""
    (raw.parent / "partial").mkdir(exist_ok=True)
    (raw.parent / "partial" / name).write_bytes(content)


def assert_fetched(raw: Path) -> None:
    assert gzip.decompress((raw / "file.gz").read_bytes()) == CONTENT
    assert [path.name for path in (raw.parent / "partial").iterdir()] == ["file.gz"]
