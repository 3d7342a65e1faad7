"""Downloads against a server on this machine that misbehaves on demand."""

import gzip
import hashlib
import random
import threading
from collections.abc import Callable, Iterator
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
    """A file known by the hash of what it expands to."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    return RemoteFile("file.gz", digest, size, urls, expanded=True, limit=len(CONTENT))


def unsized(*urls: str, name: str = "file.gz") -> RemoteFile:
    """A file known by a hash of itself alone, of at most 400,000 bytes."""
    digest = hashlib.sha1(FILE).hexdigest()
    return RemoteFile(name, digest, None, urls, algorithm="sha1", limit=400_000)


def get(raw: Path, *urls: str, mirror: Path | None = None, size: int = len(FILE)) -> None:
    get_all(raw, official(*urls, size=size), mirror=mirror)


def get_all(raw: Path, *files: RemoteFile, mirror: Path | None = None) -> None:
    fetch("set", files, raw, partial=raw.parent / "partial", mirror=mirror)


def leave(raw: Path, name: str, content: bytes) -> None:
    """Leave a file in the partial folder, as a killed process would."""
    (raw.parent / "partial").mkdir(exist_ok=True)
    (raw.parent / "partial" / name).write_bytes(content)


def assert_fetched(raw: Path) -> None:
    assert gzip.decompress((raw / "file.gz").read_bytes()) == CONTENT
    assert [path.name for path in (raw.parent / "partial").iterdir()] == ["file.gz"]


def test_download_is_whole(site: Site, raw: Path) -> None:
    """A file that is served well is fetched with one request, and no part of it is left over."""
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
    leave(raw, "file.gz.part", FILE[:1000])
    get(raw, site.url)
    assert_fetched(raw)
    assert site.ranges == ["bytes=1000-"]


@pytest.mark.parametrize("left", ["file.gz.part", "file.gz"])
def test_complete_file_of_a_killed_process_is_used(site: Site, raw: Path, left: str) -> None:
    """A file that arrived before the process was killed is verified, and not asked for."""
    leave(raw, left, FILE)
    get(raw, site.url)
    assert (raw / "file.gz").read_bytes() == FILE
    assert site.ranges == []


@pytest.mark.parametrize("left", ["file.gz.part", "file.gz"])
def test_damaged_leftover_is_fetched_anew(site: Site, raw: Path, left: str) -> None:
    """Wrong bytes that an earlier process left cost a new download, not a failure."""
    leave(raw, left, b"?" * 1000)
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
    """Where the partial file is wrong and no shorter than the server's, all is asked for."""
    leave(raw, "file.gz.part", bytes(len(FILE)))
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


def mirror_with(folder: Path, content: bytes, name: str = "file.gz") -> Path:
    (folder / "mirror" / "set").mkdir(parents=True)
    (folder / "mirror" / "set" / name).write_bytes(content)
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


@pytest.mark.parametrize("kind", [official, unsized])
def test_stored_gzip_is_not_expanded_on_arrival(
    site: Site, raw: Path, kind: Callable[..., RemoteFile]
) -> None:
    """A server that calls the file's own compression an encoding gives the file as it is."""
    site.answers = ["labelled"]
    get_all(raw, kind(site.url))
    assert (raw / "file.gz").read_bytes() == FILE


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        (["drop", "whole"], 2),
        (["503", "503", "whole"], 3),
        (["drop", "ignore range"], 2),
        (["no length"], 1),
    ],
    ids=["drop", "busy", "no range", "no length"],
)
def test_file_of_unknown_size_is_fetched(
    site: Site, raw: Path, answers: list[str], requests: int
) -> None:
    """Without a size a file arrives as surely as with one, by as many requests."""
    site.answers = answers
    get_all(raw, unsized(site.url))
    assert_fetched(raw)
    assert len(site.ranges) == requests


def test_complete_leftover_of_unknown_size_is_used(site: Site, raw: Path) -> None:
    """All bytes of a file whose size nobody knows: the server has no more, and the hash agrees."""
    leave(raw, "file.gz.part", FILE)
    get_all(raw, unsized(site.url))
    assert_fetched(raw)
    assert site.ranges == [f"bytes={len(FILE)}-"]


@pytest.mark.parametrize("left", [b"?" * 1000, bytes(len(FILE)), bytes(500_000)])
def test_damaged_leftover_of_unknown_size_is_fetched_anew(
    site: Site, raw: Path, left: bytes
) -> None:
    """Wrong bytes of an earlier process, however many, cost a new download, not a failure."""
    leave(raw, "file.gz.part", left)
    get_all(raw, unsized(site.url))
    assert_fetched(raw)
    assert site.ranges == [f"bytes={len(left)}-", None]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (bytes(len(FILE)), "has sha1 .*, expected " + hashlib.sha1(FILE).hexdigest()),
        (FILE[:-1], "has sha1 .*, expected " + hashlib.sha1(FILE).hexdigest()),
        (bytes(10**6), "sends more than the expected 400000 bytes"),
    ],
    ids=["other", "short", "long"],
)
def test_wrong_bytes_of_unknown_size_are_refused(
    site: Site, raw: Path, body: bytes, says: str
) -> None:
    """Wrong content of a file known by its hash alone is a Problem, and none of it stays."""
    site.body = body
    with pytest.raises(Problem, match=rf"file\.gz.*{says}.*the download was deleted") as caught:
        get_all(raw, unsized(site.url))
    assert "\n" not in str(caught.value)
    assert not list((raw.parent / "partial").iterdir())
    assert len(site.ranges) == 1


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_each_hash_tells_the_file_from_another(tmp_path: Path, algorithm: Any) -> None:
    """A file is known by any of the three hashes, and another of its size is not taken for it."""
    digest = hashlib.new(algorithm, b"content").hexdigest()
    file = RemoteFile("file", digest, 7, (), algorithm=algorithm)
    (tmp_path / "file").write_bytes(b"content")
    assert file.fault(tmp_path / "file") is None
    (tmp_path / "file").write_bytes(b"contenT")
    assert file.fault(tmp_path / "file") == (
        f"has {algorithm} {hashlib.new(algorithm, b'contenT').hexdigest()}, expected {digest}"
    )
    (tmp_path / "file").write_bytes(b"content ")
    assert file.fault(tmp_path / "file") == "has 8 bytes, expected 7"


def many(url: str) -> list[RemoteFile]:
    return [unsized(url, name=f"file-{number:02}.gz") for number in range(1, 37)]


def test_files_of_an_earlier_run_are_not_asked_for_again(
    site: Site, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 36 files those that are here are hashed once, those of the mirror copied, others asked."""
    mirror = mirror_with(raw.parent, FILE, "file-02.gz")
    leave(raw, "file-01.gz", FILE)
    site.answers = ["503", "503", "whole"]
    hashed: list[str] = []
    fault = RemoteFile.fault

    def counted(file: RemoteFile, path: Path) -> str | None:
        hashed.append(path.name)
        return fault(file, path)

    monkeypatch.setattr(RemoteFile, "fault", counted)
    get_all(raw, *many(site.url), mirror=mirror)
    assert sorted(path.name for path in raw.iterdir()) == [file.name for file in many("")]
    assert all(path.read_bytes() == FILE for path in raw.iterdir())
    assert len(site.ranges) == 34 + 2
    assert hashed.count("file-01.gz") == 1
    assert len(hashed) == 1 + 2 + 34


@pytest.mark.parametrize("links", [True, False])
def test_what_was_fetched_is_kept(
    site: Site, raw: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """A folder that is deleted is filled again without a request, on a disk without links too."""

    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    for _ in range(2):
        get(raw, site.url)
        assert_fetched(raw)
        (raw / "file.gz").unlink()
    assert len(site.ranges) == 1


def test_error_about_many_files_is_short(site: Site, raw: Path) -> None:
    """The first file that fails is named, and of the absent ones three and the number of others."""
    leave(raw, "file-01.gz", FILE)
    leave(raw, "file-02.gz", b"damaged")
    mirror = mirror_with(raw.parent, FILE, "file-03.gz")
    site.answers = ["404"]
    with pytest.raises(Problem) as caught:
        get_all(raw, *many(site.url), mirror=mirror)
    assert str(caught.value) == (
        f"cannot get file-02.gz ({mirror}/set/file-02.gz does not exist; {site.url} answers 404 "
        "Not Found): run it again when the network is there, or put file-02.gz, file-04.gz, "
        "file-05.gz and 31 more into <folder>/set/ and set DATA_MIRROR=<folder>"
    )
    assert not (raw.parent / "partial" / "file-02.gz").exists()


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
