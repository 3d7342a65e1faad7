"""Damaged files of stages: every reader refuses them, with the file's name and a remedy."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.analysis import results
from pipeline.networks import population
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from tests import rated, synthetic

RECORDS = [{"seed": seed, "valid_error": 0.5} for seed in range(4)]


def flipped(content: bytes) -> bytes:
    """Return content with the lowest bit of its last digit or weight changed."""
    place = max(n for n, byte in enumerate(content) if byte not in b'\n}]," ')
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut in a line": lambda content: content[:-3],
    "cut between lines": lambda content: content[: content[:-1].rfind(b"\n") + 1],
    "one bit": flipped,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as a stage writes it."""
    with storage.whole_folder(tmp_path / "arm", hashes=True) as out:
        population.save(synthetic.stack(4), out / "weights.safetensors")
        storage.write_lines(out / "records.jsonl", RECORDS)
        storage.write_json(out / "about.json", {"hidden": [3], "rate": 0.125})
        storage.write_lines(out / "condition" / "records.jsonl", RECORDS)
    return tmp_path / "arm"


READERS: dict[str, Callable[[Path], object]] = {
    "weights.safetensors": population.load,
    "records.jsonl": storage.read_lines,
    "about.json": storage.read_json,
    "condition/records.jsonl": storage.read_lines,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_refused(folder: Path, name: str, damage: str) -> None:
    """Empty, cut, or with one bit changed, valid JSON or not."""
    path, read = folder / name, READERS[name]
    read(path)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(Problem, match=f"{path.name} cannot be read .*run `.*`.*repair"):
        read(path)


def test_files_without_hashes_are_read(tmp_path: Path) -> None:
    """Folders that no stage wrote as a whole have no hashes."""
    storage.write_lines(tmp_path / "records.jsonl", RECORDS)
    assert storage.read_lines(tmp_path / "records.jsonl") == RECORDS


@pytest.mark.parametrize("damage", ["empty", "cut in a line", "cut between lines"])
@pytest.mark.parametrize("name", ["table.csv", "runs.csv"])
def test_incomplete_tables_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    """A table has a row for each arm, runs.csv a row for each arm and seed."""
    monkeypatch.chdir(tmp_path)
    rated.write(monkeypatch)
    path = Path("results/stars", name)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(Problem, match=r"\.csv cannot be read"):
        results.read(path.parent, figures=False)
