"""Downloads against a server on this machine that misbehaves on demand."""

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

from pipeline.datasets import fetch as fetching
from pipeline.datasets import transfer
from pipeline.datasets.fetch import fetch
from pipeline.datasets.remote import RemoteFile
from pipeline.errors import Problem

CONTENT = random.Random(0).randbytes(300_000)
FILE = gzip.compress(CONTENT, mtime=0)
HALF = len(FILE) // 2


@dataclass
class Site:
    """What the server does to each request in turn (the last for all later ones), and its log."""

    url: str
    answers: list[str] = field(default_factory=lambda: ["whole"])
    body: bytes = FILE
    ranges: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Serve the site's body, from the byte that is asked for, as the site's next answer says."""

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
        self.send_header("Content-Length", str(len(rest)))
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
    digest = hashlib.sha256(CONTENT).hexdigest()
    return RemoteFile("file.gz", digest, size=size, content_size=len(CONTENT), urls=urls)


def get(raw: Path, *urls: str, mirror: Path | None = None, size: int = len(FILE)) -> None:
    fetch("set", [official(*urls, size=size)], raw, partial=raw.parent / "partial", mirror=mirror)


def assert_fetched(raw: Path) -> None:
    assert gzip.decompress((raw / "file.gz").read_bytes()) == CONTENT
    assert not list((raw.parent / "partial").iterdir())


def test_download_is_whole(site: Site, raw: Path) -> None:
    """A file that is served well is fetched with one request, and nothing is left behind."""
    get(raw, site.url)
    assert_fetched(raw)
    assert site.ranges == [None]


def test_dropped_connection_is_resumed(site: Site, raw: Path) -> None:
    """After a connection that broke half-way only the missing bytes are asked for."""
    site.answers = ["drop", "whole"]
    get(raw, site.url)
    assert_fetched(raw)
    first, second = site.ranges
    assert first is None
    assert HALF - transfer.CHUNK <= int(second[6:-1]) <= HALF  # type: ignore[index]


def test_killed_process_is_resumed(site: Site, raw: Path) -> None:
    """What an earlier process left in the partial folder is not asked for again."""
    (raw.parent / "partial").mkdir()
    (raw.parent / "partial" / "file.gz.part").write_bytes(FILE[:1000])
    get(raw, site.url)
    assert_fetched(raw)
    assert site.ranges == ["bytes=1000-"]


@pytest.mark.parametrize("left", ["file.gz.part", "file.gz"])
def test_complete_file_of_a_killed_process_is_used(site: Site, raw: Path, left: str) -> None:
    """A file that arrived before the process was killed is verified, and not asked for."""
    (raw.parent / "partial").mkdir()
    (raw.parent / "partial" / left).write_bytes(FILE)
    get(raw, site.url)
    assert (raw / "file.gz").read_bytes() == FILE
    assert site.ranges == []


@pytest.mark.parametrize("left", ["file.gz.part", "file.gz"])
def test_damaged_leftover_is_fetched_anew(site: Site, raw: Path, left: str) -> None:
    """Wrong bytes that an earlier process left cost a new download, not a failure."""
    (raw.parent / "partial").mkdir()
    (raw.parent / "partial" / left).write_bytes(b"?" * 1000)
    get(raw, site.url)
    assert_fetched(raw)
    assert site.ranges[-1] is None


def test_server_that_ignores_the_range_starts_over(site: Site, raw: Path) -> None:
    """Where the whole file comes instead of the missing part, it replaces what was there."""
    site.answers = ["drop", "ignore range"]
    get(raw, site.url)
    assert_fetched(raw)
    assert len(site.ranges) == 2


def test_server_that_refuses_the_range_is_asked_for_all(site: Site, raw: Path) -> None:
    """Where the partial file is no shorter than the server's, the download starts over."""
    (raw.parent / "partial").mkdir()
    (raw.parent / "partial" / "file.gz.part").write_bytes(FILE)
    get(raw, site.url, size=len(FILE) + 1)
    assert_fetched(raw)
    assert site.ranges == [f"bytes={len(FILE)}-", None]


def test_passing_refusals_are_retried(site: Site, raw: Path) -> None:
    """A server that is busy twice is asked a third time."""
    site.answers = ["503", "503", "whole"]
    get(raw, site.url)
    assert_fetched(raw)


def test_lasting_refusal_is_not_retried(site: Site, raw: Path) -> None:
    """An address that has no such file is asked once, and named."""
    site.answers = ["404"]
    with pytest.raises(Problem, match=f"{site.url} answers 404 Not Found"):
        get(raw, site.url)
    assert len(site.ranges) == 1


def test_next_address_is_tried(site: Site, raw: Path) -> None:
    """Where the first address is dead, the second serves."""
    get(raw, "http://127.0.0.1:9/file.gz", site.url)
    assert_fetched(raw)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (FILE[:-9] + bytes(9), "is not a whole gzip file"),
        (gzip.compress(b"other", mtime=0), f"sha256 {hashlib.sha256(b'other').hexdigest()}"),
        (b"<html>log in first</html>", "is not a whole gzip file"),
        (FILE + b"more", f"sends more than the expected {len(FILE)} bytes"),
        (gzip.compress(bytes(10**6)), "expands to more than the expected 300000 bytes"),
    ],
    ids=["damaged", "other", "portal", "long", "bomb"],
)
def test_wrong_bytes_are_refused(site: Site, raw: Path, body: bytes, says: str) -> None:
    """Wrong content is a Problem that says what came and what was due, and none of it stays."""
    site.body = body
    with pytest.raises(Problem, match=rf"file\.gz.*{says}.*the download was deleted") as caught:
        get(raw, site.url)
    assert "\n" not in str(caught.value)
    assert not list(raw.iterdir())
    assert not list((raw.parent / "partial").iterdir())


def test_wrong_content_names_both_hashes(tmp_path: Path) -> None:
    """A file of other content is described by the hash it has and the hash it should have."""
    (tmp_path / "file.gz").write_bytes(gzip.compress(b"other"))
    fault = official().fault(tmp_path / "file.gz")
    got, expected = (hashlib.sha256(content).hexdigest() for content in (b"other", CONTENT))
    assert fault == f"has content of sha256 {got}, expected {expected}"


def mirror_with(folder: Path, content: bytes) -> Path:
    (folder / "mirror" / "set").mkdir(parents=True)
    (folder / "mirror" / "set" / "file.gz").write_bytes(content)
    return folder / "mirror"


def test_mirror_comes_before_any_address(site: Site, raw: Path) -> None:
    """A mirror's file is used, recompressed as it is, without asking an address."""
    recompressed = gzip.compress(CONTENT, 1, mtime=1)
    mirror = mirror_with(raw.parent, recompressed)
    get(raw, site.url, mirror=mirror)
    assert (raw / "file.gz").read_bytes() == recompressed
    assert site.ranges == []


def test_damaged_mirror_is_named_and_left_alone(site: Site, raw: Path) -> None:
    """A mirror's wrong file is a Problem: not copied, not deleted, and no address is asked."""
    mirror = mirror_with(raw.parent, FILE[:-1])
    with pytest.raises(Problem, match=f"{mirror}/set/file.gz is not a whole .* left as it is"):
        get(raw, site.url, mirror=mirror)
    assert (mirror / "set" / "file.gz").read_bytes() == FILE[:-1]
    assert not list(raw.iterdir())
    assert not list((raw.parent / "partial").iterdir())
    assert site.ranges == []


def test_mirror_without_the_file_leads_to_the_addresses(site: Site, raw: Path) -> None:
    """A mirror that has other datasets only does not stop a download."""
    (raw.parent / "mirror").mkdir()
    get(raw, site.url, mirror=raw.parent / "mirror")
    assert_fetched(raw)


def test_mirror_that_is_no_folder_is_refused(site: Site, raw: Path) -> None:
    """A mistyped mirror is a Problem, not a silent download."""
    with pytest.raises(Problem, match="the mirror /nowhere is not a folder"):
        get(raw, site.url, mirror=Path("/nowhere"))
    assert site.ranges == []


@pytest.mark.usefixtures("site")
def test_no_network_says_where_to_put_the_files(raw: Path) -> None:
    """Where nothing can be reached, the Problem names file and address and the way out."""
    with pytest.raises(Problem) as caught:
        get(raw, "http://127.0.0.1:9/file.gz", mirror=raw.parent)
    assert str(caught.value) == (
        f"cannot get file.gz ({raw.parent}/set/file.gz does not exist; http://127.0.0.1:9/file.gz "
        "cannot be reached or drops the connection): run it again when the network is there, or "
        "put file.gz into <folder>/set/ and set DATA_MIRROR=<folder>"
    )
    assert not list(raw.iterdir())


def test_full_disk_is_not_hidden(site: Site, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk is not taken for one of the network."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfer._Sink, "write", full)
    with pytest.raises(OSError, match="No space left") as caught:
        get(raw, site.url)
    assert type(caught.value) is OSError
    assert len(site.ranges) == 1
