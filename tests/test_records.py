"""Atomic storage: files and folders are complete or absent."""

from pathlib import Path

import pytest

from pipeline.runtime import storage
from pipeline.runtime.errors import Problem


def test_numbers_come_back(tmp_path: Path) -> None:
    """Floats read back bit for bit; NaN becomes null."""
    lines = [{"a": 0.1 + 0.2, "b": [1e-300, float("nan")]}, {"a": None}]
    storage.write_lines(tmp_path / "x.jsonl", lines)
    assert storage.read_lines(tmp_path / "x.jsonl") == [
        {"a": 0.1 + 0.2, "b": [1e-300, None]},
        {"a": None},
    ]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails halfway leaves the old content."""
    path = tmp_path / "x"
    storage.write_bytes(path, b"old")

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:1])
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        storage.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_appears_by_a_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The final path is never written to directly."""
    written: list[str] = []
    write = Path.write_bytes

    def watched(self: Path, content: bytes) -> int:
        written.append(self.name)
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", watched)
    storage.write_bytes(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"new"
    assert written
    assert "x" not in written


def test_a_failed_block_leaves_the_old_folder(tmp_path: Path) -> None:
    """A folder is replaced only where the block ends without an error."""
    path = tmp_path / "out"
    with storage.whole_folder(path) as folder:
        (folder / "a").write_text("1")
    with pytest.raises(KeyError), storage.whole_folder(path) as folder:  # noqa: PT012
        (folder / "b").write_text("2")
        raise KeyError
    assert [file.name for file in path.iterdir()] == ["a"]
    with storage.whole_folder(path) as folder:
        (folder / "a").write_text("2")
    assert (path / "a").read_text() == "2"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_behind_a_link_is_replaced(tmp_path: Path) -> None:
    """Data may lie on another disk: the link stays."""
    link, place = tmp_path / "raw", tmp_path / "disk" / "raw"
    place.mkdir(parents=True)
    link.symlink_to(place)
    for content in "12":
        with storage.whole_folder(link) as folder:
            (folder / "a").write_text(content)
        assert link.is_symlink()
        assert (place / "a").read_text() == content
        assert list(place.parent.iterdir()) == [place]


def test_foreign_files_are_not_deleted(tmp_path: Path) -> None:
    """A folder with a file of another name, in a subfolder too, is not replaced."""
    path = tmp_path / "out"
    (path / "deep").mkdir(parents=True)
    (path / "deep/mine.csv").write_text("1")
    with (
        pytest.raises(Problem, match=r"mine\.csv is not a file of this command"),
        storage.whole_folder(path) as folder,
    ):
        (folder / "a").write_text("2")
    assert (path / "deep/mine.csv").read_text() == "1"
    assert list(tmp_path.iterdir()) == [path]


def test_messages_are_one_printable_line() -> None:
    """Control characters, which a terminal would execute, are escaped; long texts are cut."""
    assert str(Problem("a\x1b[2Jb\nc\u202e\udce9")) == r"a\x1b[2Jb\nc\u202e\udce9"
    assert len(str(Problem("x" * 100_000))) < 1100
    assert str(Problem("Köln 漢字")) == "Köln 漢字"


@pytest.mark.parametrize("content", [None, "{", '{"a": 1}\n{'])
def test_broken_files_are_named(tmp_path: Path, content: str | None) -> None:
    """An absent or truncated file is a Problem that names it."""
    path = tmp_path / "x.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Problem, match=r"x\.jsonl .*dvc repro"):
        storage.read_lines(path)
