"""One file from a server that misbehaves: resumed, asked for again, or refused."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.data.download import transfer
from pipeline.data.download.remote_file import RemoteFile
from pipeline.runtime.errors import Problem
from tests.server import FILE, HALF, Site, assert_fetched, get, get_all, leave, official, unsized


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


def test_full_disk_is_not_hidden(site: Site, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk is not taken for one of the network."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfer._Sink, "write", full)
    with pytest.raises(OSError, match="No space left") as caught:
        get(raw, site.url)
    assert type(caught.value) is OSError
    assert len(site.ranges) == 1
