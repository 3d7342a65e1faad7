"""The catalogue's datasets: their splits, and the files between the stages."""

import dataclasses
import gzip
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import stages.download
import stages.preprocess
from pipeline.datasets import catalogue, digits, mnist
from pipeline.datasets.examples import Split, read, write
from pipeline.errors import Problem

MIRROR = Path(os.environ.get("DATA_MIRROR") or Path(__file__).parents[2] / "shared" / "mirror")


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The ready folder of digits, made by the stages themselves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_MIRROR", raising=False)
    stages.download.main("digits")
    stages.preprocess.main("digits")
    return tmp_path / "data" / "ready" / "digits"


def example_split() -> Split:
    x_NI = np.array([[0, 8, 16, 4], [1, 2, 3, 0], [16, 0, 0, 7]], np.uint8)
    return Split(x_NI, np.array([2, 0, 1]), 1 / 16, (2, 2), 3)


def test_digits_have_the_promised_sizes(ready: Path) -> None:
    """Digits give 1000 / 297 / 500 examples of 64 inputs in [0, 1] and ten classes."""
    assert sorted(path.name for path in ready.iterdir()) == ["test.npz", "train.npz", "valid.npz"]
    for name, count in {"train": 1000, "valid": 297, "test": 500}.items():
        examples = read(ready / f"{name}.npz")
        assert examples.x_NI.shape == (count, 64)
        assert examples.x_NI.dtype == torch.float32
        assert (examples.x_NI.min().item(), examples.x_NI.max().item()) == (0, 1)
        assert (examples.shape, examples.classes) == ((8, 8), 10)


def test_digits_splits_share_nothing_and_miss_nothing(ready: Path) -> None:
    """Every one of the 1797 different images is in one split, with its own label."""
    from sklearn.datasets import load_digits

    def pairs(x_NI: np.ndarray, y_N: np.ndarray) -> list[tuple[bytes, int]]:
        return [(x.astype(np.uint8).tobytes(), int(y)) for x, y in zip(x_NI, y_N, strict=True)]

    found = []
    for name in ("train", "valid", "test"):
        examples = read(ready / f"{name}.npz")
        found += pairs(examples.x_NI.numpy() * 16, examples.y_N.numpy())
    assert len(set(found)) == 1797
    assert set(found) == set(pairs(*load_digits(return_X_y=True)))


def test_digits_are_stratified(ready: Path) -> None:
    """Each class has its share of each split, to within one example."""
    counts = [
        torch.bincount(read(ready / f"{name}.npz").y_N, minlength=10)
        for name in ("train", "valid", "test")
    ]
    for count in counts:
        expected = sum(counts) * count.sum() / 1797
        assert (count - expected).abs().max() < 1


def test_digits_are_drawn_once_and_for_all(ready: Path) -> None:
    """The split is the one that every published number rests on: a change must be declared."""
    drawn = hashlib.sha256()
    for name in ("train", "valid", "test"):
        examples = read(ready / f"{name}.npz")
        drawn.update((examples.x_NI * 16).to(torch.uint8).numpy().tobytes())
        drawn.update(examples.y_N.numpy().tobytes())
    assert drawn.hexdigest() == "dcde3a6e0f3840136fad3efabbd89104475adfb0b33d6f36be2bb9437366a7ec"


def test_stages_write_the_same_bytes_twice(ready: Path) -> None:
    """Download and preprocess, run again, give the same files."""
    data = ready.parents[1]
    before = {path: path.read_bytes() for path in data.rglob("*.npz")}
    stages.download.main("digits")
    stages.preprocess.main("digits")
    assert len(before) == 4
    assert before == {path: path.read_bytes() for path in data.rglob("*.npz")}


def test_other_digits_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scikit-learn that brings other digits is a Problem, and so is another raw file."""
    monkeypatch.setattr(digits, "SHA256", "0" * 64)
    with pytest.raises(Problem, match=f"scikit-learn's digits have sha256 .* expected {'0' * 64}"):
        digits.embed(tmp_path)
    np.savez(tmp_path / digits.FILE, x=np.zeros((1797, 64), np.uint8), y=np.zeros(1797, np.int64))
    with pytest.raises(Problem, match=r"digits\.npz cannot be read \(sha256 is not"):
        digits.split(tmp_path)


def test_split_is_read_as_written(tmp_path: Path) -> None:
    """What is written comes back, its inputs scaled."""
    split = example_split()
    write(split, tmp_path / "train.npz")
    examples = read(tmp_path / "train.npz")
    assert torch.equal(examples.x_NI, torch.from_numpy(split.x_NI) / 16)
    assert torch.equal(examples.y_N, torch.tensor([2, 0, 1]))
    assert (examples.shape, examples.classes) == ((2, 2), 3)


def test_absent_split_is_named(tmp_path: Path) -> None:
    """A missing file is a Problem that names it."""
    with pytest.raises(Problem, match=r"train\.npz is missing"):
        read(tmp_path / "train.npz")


def flip(whole: bytes, position: int) -> bytes:
    flipped = bytes([whole[position] ^ 1 << position // 3 % 8])
    return whole[:position] + flipped + whole[position + 1 :]


def cut(whole: bytes, position: int) -> bytes:
    return whole[:position]


@pytest.mark.parametrize("damage", [flip, cut])
def test_damage_never_changes_a_split(
    tmp_path: Path, damage: Callable[[bytes, int], bytes]
) -> None:
    """A file with a flipped bit, or cut short, is a Problem or (unused bits) reads as before."""
    path = tmp_path / "train.npz"
    write(example_split(), path)
    whole, sound = path.read_bytes(), read(path)
    positions = range(0, len(whole), 3)
    refused = 0
    for position in positions:
        path.write_bytes(damage(whole, position))
        try:
            examples = read(path)
        except Problem:
            refused += 1
            continue
        assert torch.equal(examples.x_NI, sound.x_NI)
        assert torch.equal(examples.y_N, sound.y_N)
        assert (examples.shape, examples.classes) == (sound.shape, sound.classes)
    assert refused > len(positions) / 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x_NI": np.zeros((3, 4))}, "x is float64"),
        ({"x_NI": np.zeros((3, 2, 2), np.uint8)}, r"x is uint8 of shape \(3, 2, 2\)"),
        ({"x_NI": np.full((3, 4), np.nan, np.float32)}, "not every input is a finite number"),
        ({"x_NI": np.zeros((0, 4), np.uint8), "y_N": np.zeros(0, np.int64)}, "y is int64 of shape"),
        ({"y_N": np.array([0, 1])}, r"y is int64 of shape \(2,\)"),
        ({"y_N": np.array([0, 1, 2], np.int32)}, "y is int32"),
        ({"y_N": np.array([0, 1, 3])}, "labels run from 0 to 3, expected 0 to 2"),
        ({"y_N": np.array([0, -1, 2])}, "labels run from -1 to 2"),
        ({"shape": (3, 2)}, r"shape \(3, 2\) does not hold 4 inputs"),
        ({"scale": 0.0}, "not every input is a finite number"),
        ({"scale": float("nan")}, "not every input is a finite number"),
    ],
)
def test_inconsistent_split_is_refused(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    """A file whose parts contradict each other is a Problem that says which."""
    write(dataclasses.replace(example_split(), **change), tmp_path / "train.npz")  # type: ignore[arg-type]
    with pytest.raises(Problem, match=rf"train\.npz cannot be read \({says}"):
        read(tmp_path / "train.npz")


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    """An array of Python objects, which could run code, is a Problem, and runs none."""

    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    trap = np.array([Trap()], dtype=object)
    np.savez(tmp_path / "train.npz", x=trap, y=trap, scale=1, shape=[1], classes=2)
    with pytest.raises(Problem, match=r"train\.npz cannot be read"):
        read(tmp_path / "train.npz")
    assert not (tmp_path / "sprung").exists()


def test_damaged_header_asks_for_no_memory(tmp_path: Path) -> None:
    """A header that claims a petabyte is found damaged before any memory is asked for."""
    path = tmp_path / "train.npz"
    write(example_split(), path)
    true, false = b"(3, 4), }", b"(9999999999, 99999), }"
    true = true.ljust(len(false))
    whole = path.read_bytes()
    assert whole.count(true) == 1
    path.write_bytes(whole.replace(true, false))
    with pytest.raises(Problem, match=r"train\.npz cannot be read \(x\.npy is damaged"):
        read(path)


def test_unknown_dataset_lists_the_known() -> None:
    """A mistyped name is answered with the names that there are."""
    with pytest.raises(Problem, match="unknown dataset 'minst': the catalogue has digits, mnist"):
        catalogue.get("minst")


def test_preprocess_before_download_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without raw files preprocess says what is missing, and leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Problem, match=r"data/raw/mnist/train-images-idx3-ubyte\.gz is missing"):
        stages.preprocess.main("mnist")
    assert not (tmp_path / "data").exists()


def test_mnist_is_split_at_its_50_000th_image(tmp_path: Path) -> None:
    """The first 50k official training images are train, the last 10k valid; test is test."""

    def publish(part: str, count: int, mark: int) -> None:
        pixels = np.zeros((count, 784), np.uint8)
        pixels[:, 0], pixels[:, 1], pixels[:, 2] = *divmod(np.arange(count), 256), mark
        for kind, header, content in (
            ("images-idx3", (2051, count, 28, 28), pixels),
            ("labels-idx1", (2049, count), (np.arange(count) % 10).astype(np.uint8)),
        ):
            packed = gzip.compress(
                struct.pack(f">{len(header)}I", *header) + content.tobytes(), compresslevel=1
            )
            (tmp_path / f"{part}-{kind}-ubyte.gz").write_bytes(packed)

    publish("train", 60_000, 1)
    publish("t10k", 10_000, 2)
    for split, first, count, mark in zip(
        mnist.split(tmp_path), (0, 50_000, 0), (50_000, 10_000, 10_000), (1, 1, 2), strict=True
    ):
        where = np.arange(first, first + count)
        np.testing.assert_array_equal(split.x_NI[:, 0].astype(int) * 256 + split.x_NI[:, 1], where)
        np.testing.assert_array_equal(split.y_N, where % 10)
        assert (split.x_NI[:, 2] == mark).all()
        assert split.x_NI.shape == (count, 784)


@pytest.mark.skipif(not (MIRROR / "mnist").is_dir(), reason="no mirror of MNIST here")
def test_mnist_of_the_mirror_is_the_official_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From mirror to splits through the stages: inputs in [0, 1], the first labels as published."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_MIRROR", str(MIRROR))
    stages.download.main("mnist")
    stages.preprocess.main("mnist")
    train, valid, test = (
        read(Path("data/ready/mnist", f"{name}.npz")) for name in ("train", "valid", "test")
    )
    assert [len(split.y_N) for split in (train, valid, test)] == [50_000, 10_000, 10_000]
    assert (train.x_NI.min().item(), train.x_NI.max().item()) == (0, 1)
    assert train.y_N[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.y_N[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert test.shape == (28, 28)
