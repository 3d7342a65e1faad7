"""Download of official files: mirrors, misbehaving servers, resumption and verification."""

import gzip
import hashlib
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.download import fetch as fetching
from pipeline.data.download.fetch import RemoteFile
from pipeline.runtime.errors import Problem
from tests.server import (
    CONTENT,
    FILE,
    HALF,
    Site,
    assert_fetched,
    get,
    get_all,
    leave,
    official,
    unsized,
)


def test_wrong_content_names_both_hashes(tmp_path: Path) -> None:
    """A file of other content is reported with its own and the expected hash."""
    (tmp_path / "file.gz").write_bytes(gzip.compress(b"other"))
    fault = official().fault(tmp_path / "file.gz")
    got, expected = (hashlib.sha256(content).hexdigest() for content in (b"other", CONTENT))
    assert fault == f"has content of sha256 {got}, expected {expected}"


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_every_algorithm_identifies_a_file(tmp_path: Path, algorithm: Any) -> None:
    """SHA-256, SHA-1 and MD5 each accept the file and refuse another of the same size."""
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


def test_next_address_is_tried(site: Site, raw: Path) -> None:
    """If the first address is dead, the second is used."""
    get(raw, "http://127.0.0.1:9/file.gz", site.url)
    assert_fetched(raw)


def mirror_with(folder: Path, content: bytes, name: str = "file.gz") -> Path:
    (folder / "mirror" / "set").mkdir(parents=True)
    (folder / "mirror" / "set" / name).write_bytes(content)
    return folder / "mirror"


def test_mirror_comes_before_any_address(site: Site, raw: Path) -> None:
    """A mirror's file, even recompressed, is used without asking an address."""
    recompressed = gzip.compress(CONTENT, 1, mtime=1)
    mirror = mirror_with(raw.parent, recompressed)
    get(raw, site.url, mirror=mirror)
    assert (raw / "file.gz").read_bytes() == recompressed
    assert site.ranges == []


def test_damaged_mirror_is_named_and_left_alone(site: Site, raw: Path) -> None:
    """A damaged mirror file is a Problem: neither copied nor deleted, and no address is asked."""
    mirror = mirror_with(raw.parent, FILE[:-1])
    with pytest.raises(
        Problem,
        match=f"{re.escape(str(mirror / 'set' / 'file.gz'))} is not a whole .* it was not used",
    ):
        get(raw, site.url, mirror=mirror)
    assert (mirror / "set" / "file.gz").read_bytes() == FILE[:-1]
    assert not list(raw.iterdir())
    assert not list((raw.parent / "partial").iterdir())
    assert site.ranges == []


def test_mirror_without_the_file_falls_back_to_addresses(site: Site, raw: Path) -> None:
    """A mirror that lacks the dataset does not stop the download."""
    (raw.parent / "mirror").mkdir()
    get(raw, site.url, mirror=raw.parent / "mirror")
    assert_fetched(raw)


def test_mirror_that_is_no_folder_is_refused(site: Site, raw: Path) -> None:
    """A mistyped mirror is a Problem, not a silent download."""
    absent = raw.parent / "nowhere"
    with pytest.raises(Problem, match=re.escape(f"the mirror {absent} is not a folder")):
        get(raw, site.url, mirror=absent)
    assert site.ranges == []


def many(url: str) -> list[RemoteFile]:
    return [unsized(url, name=f"file-{number:02}.gz") for number in range(1, 37)]


def test_present_files_are_not_fetched_again(
    site: Site, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 36 files, present ones are hashed once, the mirror's are copied, and only the rest are
    requested."""
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
def test_fetched_files_are_kept(
    site: Site, raw: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """A deleted folder is filled again without a request, on a disk without links too."""

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
    """The error names the first failed file, three absent ones and the number of the others."""
    leave(raw, "file-01.gz", FILE)
    leave(raw, "file-02.gz", b"damaged")
    mirror = mirror_with(raw.parent, FILE, "file-03.gz")
    site.answers = ["404"]
    with pytest.raises(Problem) as caught:
        get_all(raw, *many(site.url), mirror=mirror)
    assert str(caught.value) == (
        f"cannot get file-02.gz ({mirror}/set/file-02.gz does not exist; {site.url} answers 404 "
        "Not Found): run the command again with a network connection, or put file-02.gz, "
        "file-04.gz, file-05.gz and 31 more into <folder>/set/ and set DATA_MIRROR=<folder>"
    )
    assert not (raw.parent / "partial" / "file-02.gz").exists()


@pytest.mark.usefixtures("site")
def test_no_network_says_where_to_put_the_files(raw: Path) -> None:
    """Without a network, the Problem names file and address and describes DATA_MIRROR."""
    with pytest.raises(Problem) as caught:
        get(raw, "http://127.0.0.1:9/file.gz", mirror=raw.parent)
    assert str(caught.value) == (
        f"cannot get file.gz ({raw.parent}/set/file.gz does not exist; http://127.0.0.1:9/file.gz "
        "cannot be reached or drops the connection): run the command again with a "
        "network connection, or put file.gz into <folder>/set/ and set DATA_MIRROR=<folder>"
    )
    assert not list(raw.iterdir())


def test_dropped_connection_is_resumed(site: Site, raw: Path) -> None:
    """After a dropped connection only the missing bytes are requested."""
    site.answers = ["drop", "whole"]
    get(raw, site.url)
    assert_fetched(raw)
    first, second = site.ranges
    assert first is None
    assert HALF - fetching.CHUNK <= int(second[6:-1]) <= HALF  # type: ignore[index]


def test_killed_process_is_resumed(site: Site, raw: Path) -> None:
    """Bytes that an earlier process left in the partial folder are not requested again."""
    leave(raw, "file.gz.part", FILE[:1000])
    get(raw, site.url)
    assert_fetched(raw)
    assert site.ranges == ["bytes=1000-"]


@pytest.mark.parametrize("left", ["file.gz.part", "file.gz"])
def test_complete_file_of_a_killed_process_is_used(site: Site, raw: Path, left: str) -> None:
    """A complete file of an earlier process is verified and used without a request."""
    leave(raw, left, FILE)
    get(raw, site.url)
    assert (raw / "file.gz").read_bytes() == FILE
    assert site.ranges == []


@pytest.mark.parametrize("left", ["file.gz.part", "file.gz"])
def test_damaged_leftover_is_fetched_anew(site: Site, raw: Path, left: str) -> None:
    """Wrong bytes of an earlier process cause a new download, not a failure."""
    leave(raw, left, b"?" * 1000)
    get(raw, site.url)
    assert_fetched(raw)
    assert site.ranges[-1] is None


def test_server_that_refuses_the_range_is_asked_for_all(site: Site, raw: Path) -> None:
    """A wrong partial file as long as the server's is dropped, and the whole file requested."""
    leave(raw, "file.gz.part", bytes(len(FILE)))
    get(raw, site.url, size=len(FILE) + 1)
    assert_fetched(raw)
    assert site.ranges == [f"bytes={len(FILE)}-", None]


def test_lasting_refusal_is_not_retried(site: Site, raw: Path) -> None:
    """An address that answers 404 is asked once and named."""
    site.answers = ["404"]
    with pytest.raises(Problem, match=f"{site.url} answers 404 Not Found"):
        get(raw, site.url)
    assert len(site.ranges) == 1


OTHER_SHA1 = "has sha1 .*, expected " + hashlib.sha1(FILE).hexdigest()


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        (official, FILE[:-9] + bytes(9), "is not a whole gzip file"),
        (official, gzip.compress(b"other", mtime=0), hashlib.sha256(b"other").hexdigest()),
        (official, b"<html>log in first</html>", "is not a whole gzip file"),
        (official, FILE + b"more", f"sends more than the expected {len(FILE)} bytes"),
        (official, gzip.compress(bytes(10**6)), "expands to more than the expected 300000 bytes"),
        (unsized, bytes(len(FILE)), OTHER_SHA1),
        (unsized, FILE[:-1], OTHER_SHA1),
        (unsized, bytes(10**6), "sends more than the expected 400000 bytes"),
    ],
    ids=["damaged", "other", "portal", "long", "bomb", "other, unsized", "short", "long, unsized"],
)
def test_wrong_bytes_are_refused(
    site: Site, raw: Path, kind: Callable[..., RemoteFile], body: bytes, says: str
) -> None:
    """Wrong content is a Problem that shows actual and expected content, and none of it is kept."""
    site.body = body
    with pytest.raises(Problem, match=rf"file\.gz.*{says}.*the download was deleted") as caught:
        get_all(raw, kind(site.url))
    assert "\n" not in str(caught.value)
    assert not list(raw.iterdir())
    assert not list((raw.parent / "partial").iterdir())
    assert len(site.ranges) == 1


@pytest.mark.parametrize("kind", [official, unsized])
def test_stored_gzip_is_not_expanded_on_arrival(
    site: Site, raw: Path, kind: Callable[..., RemoteFile]
) -> None:
    """A file whose own gzip the server declares as Content-Encoding arrives unchanged."""
    site.answers = ["labelled"]
    get_all(raw, kind(site.url))
    assert (raw / "file.gz").read_bytes() == FILE


@pytest.mark.parametrize("kind", [official, unsized])
@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        (["whole"], 1),
        (["drop", "whole"], 2),
        (["503", "503", "whole"], 3),
        (["drop", "ignore range"], 2),
        (["no length"], 1),
    ],
    ids=["whole", "drop", "busy", "no range", "no length"],
)
def test_faults_that_pass_are_overcome(
    site: Site, raw: Path, kind: Callable[..., RemoteFile], answers: list[str], requests: int
) -> None:
    """Dropped connections, refusals that pass and ignored ranges cost a further request each."""
    site.answers = [*answers]
    get_all(raw, kind(site.url))
    assert_fetched(raw)
    assert len(site.ranges) == requests


@pytest.mark.parametrize("left", [FILE, b"?" * 1000, bytes(len(FILE)), bytes(500_000)])
def test_leftover_of_unknown_size_is_used_or_fetched_anew(
    site: Site, raw: Path, left: bytes
) -> None:
    """The server is asked for more; wrong bytes, however many, cause a new download."""
    leave(raw, "file.gz.part", left)
    get_all(raw, unsized(site.url))
    assert_fetched(raw)
    assert site.ranges == [f"bytes={len(left)}-", *([] if left == FILE else [None])]


def test_full_disk_is_not_hidden(site: Site, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk error is raised as OSError, not reported as a network fault."""

    class Full(io.FileIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    opened = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode="r": (Full if mode == "ab" else opened)(path, mode),
    )
    with pytest.raises(OSError, match="No space left") as caught:
        get(raw, site.url)
    assert type(caught.value) is OSError
    assert len(site.ranges) == 1


@pytest.mark.parametrize("answer", ["drip", "drip headers"])
def test_slow_servers_do_not_hold_a_download(
    site: Site, raw: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """A server that sends a byte now and then is given up, and asked for the rest."""
    monkeypatch.setattr(fetching, "WINDOW", 0.4)
    site.answers = [answer, "whole"]
    get(raw, site.url)
    assert_fetched(raw)
    assert len(site.ranges) == 2
    assert (site.ranges[1] is None) == (answer == "drip headers")
    site.answers, site.ranges[:] = [answer], []
    (raw.parent / "partial/file.gz").unlink()
    (raw / "file.gz").unlink()
    start = time.monotonic()
    with pytest.raises(Problem, match=r"sends fewer than 65536 bytes in 0\.4 seconds"):
        get(raw, site.url)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("kind", [official, unsized])
@pytest.mark.parametrize("then", ["no length", "whole"])
def test_body_without_a_length_is_continued(
    site: Site, raw: Path, kind: Callable[..., RemoteFile], then: str
) -> None:
    """A connection dropped in a body of unknown length is resumed where it stopped."""
    site.answers = ["drop without length", then]
    get_all(raw, kind(site.url))
    assert_fetched(raw)
    assert site.ranges == [None, f"bytes={HALF}-"]


def test_wrong_body_without_a_length_is_refused(site: Site, raw: Path) -> None:
    """Content that is wrong to its end is refused as such."""
    site.answers, site.body = ["no length"], bytes(1000)
    with pytest.raises(Problem, match=r"has sha1 .*, expected .* \(the download was deleted"):
        get_all(raw, unsized(site.url))
    assert not (raw / "file.gz").exists()
