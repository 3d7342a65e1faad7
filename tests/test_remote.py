"""A file is known by its hash, its size, or the hash of what it expands to."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.download.remote_file import RemoteFile
from tests.server import CONTENT, official


def test_wrong_content_names_both_hashes(tmp_path: Path) -> None:
    """A file of other content is described by the hash it has and the hash it should have."""
    (tmp_path / "file.gz").write_bytes(gzip.compress(b"other"))
    fault = official().fault(tmp_path / "file.gz")
    got, expected = (hashlib.sha256(content).hexdigest() for content in (b"other", CONTENT))
    assert fault == f"has content of sha256 {got}, expected {expected}"


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
