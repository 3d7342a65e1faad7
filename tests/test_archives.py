"""Archives: wanted members come back as packed, and hostile or damaged archives are refused."""

import gzip
import lzma
import re
import stat
import struct
import tarfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.data.formats import archives
from pipeline.data.formats.archives import AtMost
from pipeline.runtime.errors import Problem
from tests.tars import tarred

CONTENT = {"set/a.bin": bytes(range(256)) * 9, "set/b.bin": b"b" * 700, "set/page.html": b"<p>"}
SIZES: dict[str, archives.Size] = {"set/a.bin": 2304, "set/b.bin": AtMost(1000)}
WANTED = {name: CONTENT[name] for name in SIZES}
KINDS = ["tar", "tar.gz", "tar.xz", "zip"]
COMPRESSED = ["tar.gz", "tar.xz", "zip"]
TARS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": lambda tar: gzip.compress(tar, mtime=0),
    "tar.xz": lambda tar: lzma.compress(tar, preset=0),
}

Members = list[tuple[str, bytes]]


def packed(folder: Path, kind: str, members: Members) -> Path:
    path = folder / f"set.{kind}"
    if kind == "zip":
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            warnings.simplefilter("ignore")  # of duplicates
            for name, content in members:
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    else:
        path.write_bytes(TARS[kind](tarred(members)))
    return path


def refused(path: Path, says: str, sizes: dict[str, archives.Size] = SIZES) -> None:
    """Assert that an archive is refused in one line, unchanged, and that nothing is written."""
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    above = sorted(path.parent.parent.iterdir())
    with pytest.raises(Problem, match=says) as caught:
        dict(archives.read(path, sizes))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before
    assert sorted(path.parent.parent.iterdir()) == above


def patched(path: Path, change: Callable[[bytearray], None]) -> Path:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def directory_entry(content: bytearray, name: str) -> int:
    """Return the offset of a member's entry in the directory of a zip."""
    return content.rindex(name.encode()) - 46


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_read_as_packed(tmp_path: Path, kind: str) -> None:
    """Exactly the wanted members come back, whole, under their names."""
    path = packed(tmp_path, kind, list(CONTENT.items()))
    assert dict(archives.read(path, SIZES)) == WANTED


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.xz"])
def test_members_of_a_pattern_are_read(tmp_path: Path, kind: str) -> None:
    """Members whose whole name matches come in the archive's order, within both limits."""
    path = packed(tmp_path, kind, [*reversed(CONTENT.items())])

    def read(names: str, most: int, limit: int) -> list[tuple[str, bytes]]:
        return [*archives.matching(path, re.compile(names), AtMost(most), limit=limit)]

    assert read(r"set/.\.bin", 2304, 1 << 16) == [*reversed(WANTED.items())]
    assert read("set/a", 2304, 1 << 16) == []
    with pytest.raises(Problem, match=r"set/a.bin has 2304 bytes, expected at most 2303"):
        read(r"set/.\.bin", 2303, 1 << 16)
    with pytest.raises(Problem, match="more than 4096 bytes when expanded"):
        read(r"set/.\.bin", 2304, 1 << 12)


def test_zip_members_come_in_the_requested_order(tmp_path: Path) -> None:
    """The order is that of the request, not that of the archive."""
    path = packed(tmp_path, "zip", list(CONTENT.items())[::-1])
    assert [name for name, _ in archives.read(path, SIZES)] == list(SIZES)


def test_zip_members_are_listed_in_archive_order(tmp_path: Path) -> None:
    """The list has every file in directory order, and no folder."""
    path = packed(tmp_path, "zip", [("set/", b""), *list(CONTENT.items())[::-1]])
    assert archives.members(path) == list(CONTENT)[::-1]


@pytest.mark.parametrize("kind", KINDS)
def test_absent_archive_is_named(tmp_path: Path, kind: str) -> None:
    """A missing archive is a Problem that names it."""
    with pytest.raises(Problem, match=f"nowhere.{kind} is missing"):
        dict(archives.read(tmp_path / f"nowhere.{kind}", SIZES))


@pytest.mark.parametrize("kind", KINDS)
def test_absent_member_is_named(tmp_path: Path, kind: str) -> None:
    """An archive without a wanted member is refused, and the member is named."""
    refused(packed(tmp_path, kind, [("set/a.bin", CONTENT["set/a.bin"])]), "set/b.bin is absent")


@pytest.mark.parametrize("kind", KINDS)
def test_duplicate_members_are_refused(tmp_path: Path, kind: str) -> None:
    """An archive with two members of one wanted name is refused."""
    members = [*CONTENT.items(), ("set/b.bin", b"other")]
    refused(packed(tmp_path, kind, members), "set/b.bin occurs twice")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "set/../../evil", "C:evil", "..\\evil", "set/.."]
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    """A member name that leads out of the folder, wanted or not, refuses the archive."""
    path = packed(tmp_path, kind, [(name, b"evil"), *CONTENT.items()])
    refused(path, "points outside the archive's folder")


def test_listing_checks_names_too(tmp_path: Path) -> None:
    """Listing a zip refuses names that lead out of the folder."""
    path = packed(tmp_path, "zip", [("../evil", b"")])
    with pytest.raises(Problem, match="points outside"):
        archives.members(path)


def test_zero_byte_in_a_name_is_refused(tmp_path: Path) -> None:
    """A name that zipfile would cut at a zero byte to a wanted one is refused."""
    path = packed(tmp_path, "zip", [("set/a.bin?x", CONTENT["set/a.bin"])])
    path.write_bytes(path.read_bytes().replace(b"?", b"\0"))
    refused(path, "points outside", {"set/a.bin": 2304})


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
)
def test_tar_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    """A wanted member that is a link, a device or a folder is refused."""
    (tmp_path / "target").write_bytes(CONTENT["set/a.bin"])
    link = tarfile.TarInfo("set/a.bin")
    link.type, link.linkname = kind, str(tmp_path / "target")
    path = tmp_path / "set.tar"
    path.write_bytes(tarred([(link, b"")]))
    refused(path, "set/a.bin is not a regular file")


def test_sparse_member_is_refused(tmp_path: Path) -> None:
    """A sparse tar member is refused instead of being filled with zeros."""
    hole = tarfile.TarInfo("set/a.bin")
    hole.type = tarfile.GNUTYPE_SPARSE
    tar = bytearray(tarred([(hole, b"")]))
    tar[386:410] = b"00000000000\0" * 2
    tar[482:483], tar[483:495] = b"\0", b"00000004400\0"
    tar[148:156] = b" " * 8
    tar[148:156] = b"%06o\0 " % sum(tar[:512])
    (tmp_path / "set.tar").write_bytes(tar)
    refused(tmp_path / "set.tar", "set/a.bin is not a regular file", {"set/a.bin": 2304})


def test_zip_link_is_refused(tmp_path: Path) -> None:
    """A wanted zip member marked as a symbolic link is refused."""
    path = tmp_path / "set.zip"
    link = zipfile.ZipInfo("set/a.bin")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, CONTENT["set/a.bin"])
    refused(path, "set/a.bin is not a regular file", {"set/a.bin": 2304})


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_expand_without_limit_are_refused(tmp_path: Path, method: int) -> None:
    """Compression methods that zipfile expands without a limit are refused."""
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("set/a.bin", bytes(2304))
    refused(path, "is compressed by method", {"set/a.bin": 2304})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("set/a.bin", bytes(2303), "set/a.bin has 2303 bytes, expected 2304"),
        ("set/a.bin", bytes(2305), "set/a.bin has 2305 bytes, expected 2304"),
        ("set/b.bin", bytes(1001), "set/b.bin has 1001 bytes, expected at most 1000"),
    ],
)
def test_other_sizes_are_refused(
    tmp_path: Path, kind: str, name: str, content: bytes, says: str
) -> None:
    """A member one byte too short or too long is named with the expected size."""
    refused(packed(tmp_path, kind, [*(WANTED | {name: content}).items()]), says)


@pytest.mark.parametrize("stated", [1, 999, 1001])
def test_false_sizes_in_a_zip_directory_are_refused(tmp_path: Path, stated: int) -> None:
    """A directory that states another size than the member has is refused."""
    path = packed(tmp_path, "zip", [("set/b.bin", b"b" * 1000)])

    def lie(content: bytearray) -> None:
        struct.pack_into("<I", content, directory_entry(content, "set/b.bin") + 24, stated)

    refused(patched(path, lie), "set/b.bin", {"set/b.bin": AtMost(5000)})


@pytest.mark.parametrize("kind", COMPRESSED)
@pytest.mark.parametrize("name", ["set/a.bin", "set/other.bin"])
def test_bomb_is_not_expanded(tmp_path: Path, kind: str, name: str) -> None:
    """50 MB of zeros in 50 kB, wanted or not, take less than 5 MB of memory."""
    path = packed(tmp_path, kind, [(name, bytes(50_000_000)), *WANTED.items()])
    if kind == "zip" and name == "set/a.bin":  # the first one states what was expected

        def lie(content: bytearray) -> None:
            first = content.index(b"PK\1\2")
            struct.pack_into("<I", content, first + 24, 2304)

        patched(path, lie)
    tracemalloc.start()
    try:
        if kind == "zip" and name == "set/other.bin":
            assert dict(archives.read(path, SIZES)) == WANTED
        else:
            refused(path, "expanded|2304|twice")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_bomb_in_a_header_is_not_expanded(tmp_path: Path) -> None:
    """A long name of 50 MB, which tarfile reads at once, meets the same limit."""
    name = tarfile.TarInfo("././@LongLink")
    name.type = tarfile.GNUTYPE_LONGNAME
    path = tmp_path / "set.tar.gz"
    path.write_bytes(gzip.compress(tarred([(name, bytes(50_000_000))])))
    tracemalloc.start()
    try:
        refused(path, "more than .* bytes when expanded")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_archive_cut_short_is_refused(tmp_path: Path, kind: str) -> None:
    """An archive truncated anywhere, a plain tar within its content, is a Problem."""
    path = packed(tmp_path, kind, list(WANTED.items()))
    whole = path.read_bytes()
    end, step = (whole.rindex(b"b") + 1, 61) if kind == "tar" else (len(whole), 7)
    for length in range(0, end, step):
        path.write_bytes(whole[:length])
        with pytest.raises(Problem, match=rf"set\.{kind} cannot be read \(.+\)"):
            dict(archives.read(path, SIZES))


@pytest.mark.parametrize("kind", COMPRESSED)
def test_flipped_bit_never_changes_a_member(tmp_path: Path, kind: str) -> None:
    """An archive with one bit flipped is a Problem, or reads the same if the bit has no meaning."""
    path = packed(tmp_path, kind, list(WANTED.items()))
    whole = path.read_bytes()
    refusals = 0
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            assert dict(archives.read(path, SIZES)) == WANTED
        except Problem:
            refusals += 1
    assert refusals > 0.7 * len(whole)


@pytest.mark.parametrize("kind", KINDS)
def test_web_page_is_refused_as_an_archive(tmp_path: Path, kind: str) -> None:
    """An HTML page saved under the name of an archive is refused."""
    path = tmp_path / f"set.{kind}"
    path.write_bytes(b"<html>not found</html>\n" * 100)
    refused(path, "cannot be read")


def test_encrypted_zip_is_refused(tmp_path: Path) -> None:
    """An encrypted member is refused in one line, without asking for a password."""
    path = packed(tmp_path, "zip", list(WANTED.items()))

    def lock(content: bytearray) -> None:
        content[directory_entry(content, "set/a.bin") + 8] |= 1
        content[6] |= 1

    refused(patched(path, lock), "encrypted")


def test_zip_members_beyond_the_file_are_refused(tmp_path: Path) -> None:
    """A member that would extend beyond the end of the file is refused.

    The message depends on Python's release: later ones detect the overlap before they read.
    """
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("set/b.bin", b"b" * 700)

    def lie(content: bytearray) -> None:
        struct.pack_into("<2I", content, directory_entry(content, "set/b.bin") + 20, 5000, 5000)

    says = "it ends too early|Overlapped entries"
    refused(patched(path, lie), says, {"set/b.bin": AtMost(5000)})
