"""Datasets of the catalogue: splits, and the files between the stages."""

import dataclasses
import gzip
import hashlib
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import stages.download
import stages.preprocess
from pipeline.config.params import load
from pipeline.data import catalogue
from pipeline.data.sources import digits, mnist
from pipeline.data.sources.dataset import NoOptions
from pipeline.data.splits.encoding import Encoding, decode
from pipeline.data.splits.examples import Examples, read, read_encoding, write
from pipeline.data.splits.split import Blocks, Split
from pipeline.runtime.errors import Problem
from tests import committed

MIRROR = Path(os.environ.get("DATA_MIRROR") or Path(__file__).parents[2] / "shared" / "mirror")


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the splits of digits, written by the stages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_MIRROR", raising=False)
    shutil.copy(committed.params(), tmp_path)
    stages.download.main("digits")
    stages.preprocess.main("digits")
    return tmp_path / "data" / "ready" / "digits"


PIXELS = np.array([[0, 8, 16, 4], [1, 2, 3, 0], [16, 0, 0, 7]], np.uint8)
FORM = Encoding((2, 2), ("a", "b", "c"), scale=1 / 16)


def example_split() -> Split:
    return Split(PIXELS, np.array([2, 0, 1]), FORM)


def all_inputs(examples: Examples) -> torch.Tensor:
    return examples.inputs(slice(None))


def test_digits_have_the_promised_sizes(ready: Path) -> None:
    """Digits give 1000 / 297 / 500 examples of 64 inputs in [0, 1] and ten classes."""
    assert sorted(path.name for path in ready.iterdir()) == ["test.npz", "train.npz", "valid.npz"]
    for name, count in {"train": 1000, "valid": 297, "test": 500}.items():
        examples = read(ready / f"{name}.npz")
        assert examples.x_NI.shape == (count, 64)
        assert all_inputs(examples).dtype == torch.float32
        assert (all_inputs(examples).min().item(), all_inputs(examples).max().item()) == (0, 1)
        assert (examples.encoding.shape, examples.encoding.classes) == ((8, 8), 10)


def test_digits_splits_share_nothing_and_miss_nothing(ready: Path) -> None:
    """Every one of the 1797 different images is in one split, with its own label."""
    from sklearn.datasets import load_digits

    def pairs(x_NI: np.ndarray, y_N: np.ndarray) -> list[tuple[bytes, int]]:
        return [(x.astype(np.uint8).tobytes(), int(y)) for x, y in zip(x_NI, y_N, strict=True)]

    found = []
    for name in ("train", "valid", "test"):
        examples = read(ready / f"{name}.npz")
        found += pairs(examples.x_NI.numpy(), examples.y_N.numpy())
    assert len(set(found)) == 1797
    assert set(found) == set(pairs(*load_digits(return_X_y=True)))


def test_digits_are_drawn_once_and_for_all(ready: Path) -> None:
    """The split is the one that every published number rests on: a change must be declared."""
    drawn = hashlib.sha256()
    for name in ("train", "valid", "test"):
        examples = read(ready / f"{name}.npz")
        drawn.update(examples.x_NI.numpy().tobytes())
        drawn.update(examples.y_N.numpy().tobytes())
    assert drawn.hexdigest() == "dcde3a6e0f3840136fad3efabbd89104475adfb0b33d6f36be2bb9437366a7ec"


def test_stages_write_the_same_bytes_twice(ready: Path) -> None:
    """Download and preprocess give the same files when they run again."""
    data = ready.parents[1]
    before = {path: path.read_bytes() for path in data.rglob("*.npz")}
    stages.download.main("digits")
    stages.preprocess.main("digits")
    assert len(before) == 4
    assert before == {path: path.read_bytes() for path in data.rglob("*.npz")}


def test_other_digits_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other digits in scikit-learn are a Problem, and so are others in the raw file."""
    monkeypatch.setattr(digits, "SHA256", "0" * 64)
    with pytest.raises(Problem, match=f"scikit-learn's digits have sha256 .* expected {'0' * 64}"):
        digits.write_raw(tmp_path, NoOptions())
    np.savez(tmp_path / digits.FILE, x=np.zeros((1797, 64), np.uint8), y=np.zeros(1797, np.int64))
    with pytest.raises(Problem, match=r"digits\.npz cannot be read \(sha256 is not"):
        digits.split(tmp_path, NoOptions())


def test_split_is_read_as_written(tmp_path: Path) -> None:
    """A written split reads back with scaled inputs, and numpy reads its file."""
    write(example_split(), tmp_path / "train.npz")
    examples = read(tmp_path / "train.npz")
    assert torch.equal(all_inputs(examples), torch.from_numpy(PIXELS) / 16)
    assert torch.equal(examples.y_N, torch.tensor([2, 0, 1]))
    assert examples.encoding == read_encoding(tmp_path / "train.npz") == FORM
    np.testing.assert_array_equal(np.load(tmp_path / "train.npz")["x"], PIXELS)


def test_blocks_are_written_as_the_whole(tmp_path: Path) -> None:
    """Rows that come in blocks give the bytes of rows that come at once; a row less is an error."""
    whole = example_split()
    write(whole, tmp_path / "whole.npz")
    blocks = Blocks((3, 4), lambda: iter([PIXELS[:1], PIXELS[1:]]))
    for _ in range(2):
        write(dataclasses.replace(whole, x_NI=blocks), tmp_path / "blocks.npz")
        assert (tmp_path / "blocks.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    short = Blocks((3, 4), lambda: iter([PIXELS[:1]]))
    with pytest.raises(AssertionError, match="x has 1 rows, expected 3"):
        write(dataclasses.replace(whole, x_NI=short), tmp_path / "short.npz")
    assert not (tmp_path / "short.npz").exists()


def test_inputs_follow_the_form() -> None:
    """An input is value * scale + offset, less the mean of a centered example."""
    x_NI, y_N = torch.from_numpy(PIXELS), torch.tensor([2, 0, 1])
    plain = x_NI.float() / 8 - 1
    form = Encoding((2, 2), ("a", "b", "c"), scale=1 / 8, offset=-1.0)
    examples = Examples(x_NI, y_N, form)
    assert torch.equal(all_inputs(examples), plain)
    assert torch.equal(examples.inputs(torch.tensor([2, 0, 2])), plain[[2, 0, 2]])
    assert torch.equal(torch.cat([*examples.chunks(2)], 1)[0], plain)
    centered = decode(x_NI, dataclasses.replace(form, centered=True))
    torch.testing.assert_close(centered, plain - plain.mean(1, keepdim=True))


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
        assert examples.encoding == sound.encoding
    assert refused > len(positions) / 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x_NI": np.zeros((3, 4))}, r"x is torch\.float64"),
        ({"x_NI": np.zeros((3, 2, 2), np.uint8)}, r"x is torch\.uint8 of shape \[3, 2, 2\]"),
        ({"x_NI": np.full((3, 4), np.nan, np.float32)}, "not every input is a finite number"),
        (
            {"x_NI": np.zeros((0, 4), np.uint8), "y_N": np.zeros(0, np.int64)},
            r"y is torch\.int64 \[0\]",
        ),
        ({"y_N": np.array([0, 1])}, r"y is torch\.int64 \[2\]"),
        ({"y_N": np.array([0, 1, 2], np.int32)}, r"y is torch\.int32"),
        ({"y_N": np.array([0, 1, 3])}, "labels run from 0 to 3, expected 0 to 2"),
        ({"y_N": np.array([0, -1, 2])}, "labels run from -1 to 2"),
        ({"encoding": dataclasses.replace(FORM, shape=(3, 2))}, r"shape \(3, 2\) does not hold 4 "),
        ({"encoding": dataclasses.replace(FORM, scale=0.0)}, "not every input is a finite number"),
        (
            {"encoding": dataclasses.replace(FORM, scale=np.nan)},
            "not every input is a finite number",
        ),
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
    np.savez(tmp_path / "train.npz", x=trap, y=trap, form=trap)
    with pytest.raises(Problem, match=r"train\.npz cannot be read"):
        read(tmp_path / "train.npz")
    assert not (tmp_path / "sprung").exists()


def test_damaged_header_asks_for_no_memory(tmp_path: Path) -> None:
    """A header that claims a petabyte is refused before memory is allocated."""
    path = tmp_path / "train.npz"
    write(example_split(), path)
    true, false = b"(3, 4), }", b"(9999999999, 99999), }"
    true = true.ljust(len(false))
    whole = path.read_bytes()
    assert whole.count(true) == 1  # the header of x
    path.write_bytes(whole.replace(true, false))
    with pytest.raises(Problem, match=r"train\.npz cannot be read \(x\.npy is damaged"):
        read(path)


def test_unknown_dataset_lists_the_known() -> None:
    """The error for an unknown name lists the known names."""
    settings = load(committed.params())
    with pytest.raises(Problem, match=r"unknown dataset 'minst': params\.yaml has digits, mnist"):
        catalogue.entry(settings, "minst")
    blocks = settings.datasets | {"minst": settings.datasets["mnist"]}
    with pytest.raises(Problem, match=r"datasets\.minst is not in the catalogue \(digits, mnist"):
        catalogue.entry(settings.model_copy(update={"datasets": blocks}), "minst")


def test_every_block_of_params_has_its_entry() -> None:
    """Each dataset of params.yaml has an entry, and blocks that fit the entry's schemas."""
    settings = load(committed.params())
    for name in settings.datasets:
        dataset = catalogue.entry(settings, name)
        assert dataset.name == name
        source = settings.source_for(name, dataset.source)
        settings.preprocess_for(name, dataset.preprocess)
        assert bool(dataset.files(source)) != bool(dataset.write_raw)
    assert set(catalogue.CATALOGUE) <= set(settings.datasets)


def test_misspelled_options_are_named() -> None:
    """An unknown key or a wrong value is named with its full path."""
    settings = load(committed.params())
    for key, value, says in (
        ("scalings", "range", r"datasets\.norb\.preprocess\.scalings is not a known key"),
        ("scaling", "rank", r"datasets\.norb\.preprocess\.scaling = 'rank' is wrong"),
    ):
        block = settings.datasets["norb"].model_copy(update={"preprocess": {key: value}})
        changed = settings.model_copy(update={"datasets": {"norb": block}})
        with pytest.raises(Problem, match=says):
            changed.preprocess_for("norb", catalogue.CATALOGUE["norb"].preprocess)


def test_preprocess_before_download_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without raw files preprocess says what is missing, and leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(committed.params(), tmp_path)
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
        mnist.split(tmp_path, NoOptions()),
        (0, 50_000, 0),
        (50_000, 10_000, 10_000),
        (1, 1, 2),
        strict=True,
    ):
        where = np.arange(first, first + count)
        x_NI = np.asarray(split.x_NI)
        np.testing.assert_array_equal(x_NI[:, 0].astype(int) * 256 + x_NI[:, 1], where)
        np.testing.assert_array_equal(split.y_N, where % 10)
        assert (x_NI[:, 2] == mark).all()
        assert x_NI.shape == (count, 784)


@pytest.mark.skipif(not (MIRROR / "mnist").is_dir(), reason="no mirror of MNIST here")
def test_mnist_of_the_mirror_is_the_official_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From mirror to splits through the stages: inputs in [0, 1], the first labels as published."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_MIRROR", str(MIRROR))
    shutil.copy(committed.params(), tmp_path)
    stages.download.main("mnist")
    stages.preprocess.main("mnist")
    train, valid, test = (
        read(Path("data/ready/mnist", f"{name}.npz")) for name in ("train", "valid", "test")
    )
    assert [len(split.y_N) for split in (train, valid, test)] == [50_000, 10_000, 10_000]
    assert (all_inputs(train).min().item(), all_inputs(train).max().item()) == (0, 1)
    assert train.y_N[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.y_N[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert test.encoding.shape == (28, 28)
