"""Where the files of a dataset come from: an earlier run, a mirror, address after address."""

import gzip
from pathlib import Path

import pytest

from pipeline.data.download.remote_file import RemoteFile
from pipeline.runtime.errors import Problem
from tests.server import CONTENT, FILE, Site, assert_fetched, get, get_all, leave, unsized


def test_next_address_is_tried(site: Site, raw: Path) -> None:
    """Where the first address is dead, the second serves."""
    get(raw, "http://127.0.0.1:9/file.gz", site.url)
    assert_fetched(raw)


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
