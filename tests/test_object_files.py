"""Cache of compiled kernels: read by later processes, never wrong, never needed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
import torch

from pipeline.networks.arithmetic import compiler, object_files, row_kernels


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Cache folder of its own; kernels that the process has loaded are loaded again."""
    monkeypatch.setattr(object_files.platformdirs, "user_cache_path", lambda _: tmp_path)
    compiler.compiled_kernel.cache_clear()
    yield tmp_path / "kernels"
    compiler.compiled_kernel.cache_clear()


def exp_of_one() -> float:
    """Return e by a kernel that is read from the cache or compiled."""
    compiler.compiled_kernel.cache_clear()
    run = compiler.compiled_kernel(row_kernels.elementwise, function="exp")
    x, y = torch.ones(1), torch.zeros(1)
    run(x.data_ptr(), y.data_ptr(), 1)
    return float(y)


def test_second_process_compiles_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same text, processor and compiler: machine code is read, with the same result."""
    first = exp_of_one()
    assert len([*folder.iterdir()]) == 1
    monkeypatch.setattr(compiler, "_machine_code", pytest.fail)
    assert exp_of_one() == first == pytest.approx(2.7182817)


@pytest.mark.parametrize("damage", ["cut", "emptied", "changed"])
def test_damaged_file_is_compiled_again(folder: Path, damage: str) -> None:
    """Machine code whose hash is not the stored one never runs; it is written again."""
    first = exp_of_one()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    path.write_bytes({"cut": whole[:100], "emptied": b"", "changed": flipped}[damage])
    assert exp_of_one() == first
    assert path.read_bytes() == whole


def test_folder_that_cannot_be_written(folder: Path) -> None:
    """Without a cache each process compiles."""
    folder.write_text("a file where the folder should be", "utf-8")
    assert exp_of_one() == pytest.approx(2.7182817)


def test_home_folder_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an entry in the password file, and without HOME, has compiled kernels too."""

    def unknown(_: str) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(platformdirs, "user_cache_path", unknown)
    object_files.write("key", b"code")
    assert object_files.read("key") is None


def test_another_processor_has_code_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home folder shared by machines of two makes holds the code of both."""
    exp_of_one()
    triple, cpu, features = compiler._processor()
    monkeypatch.setattr(compiler, "_processor", lambda: (triple, cpu, features + ",-avx512vnni"))
    exp_of_one()
    assert len([*folder.iterdir()]) == 2


def test_hash_stands_before_the_code(folder: Path) -> None:
    """Files hold the SHA-256 of the code, then the code."""
    object_files.write("key", b"code")
    assert (folder / "key.o").read_bytes() == hashlib.sha256(b"code").digest() + b"code"
    assert object_files.read("key") == b"code"
    assert object_files.read("none") is None
