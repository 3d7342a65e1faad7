"""CIFAR-10: the archive becomes the promised splits, and any other archive is refused."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources import cifar10
from pipeline.data.splits.examples import read, write
from pipeline.data.splits.split import Splits
from pipeline.runtime.errors import Problem
from tests.tars import tarred

BATCH = 4
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, BATCH, 3072), np.uint8)
LABELS = RNG.integers(0, 10, (6, BATCH))
BATCHES = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of four images."""
    monkeypatch.setattr(cifar10, "BATCH", BATCH)


def packed(folder: Path, changes: dict[str, bytes] | None = None) -> Path:
    """Write an archive of the batches, in reverse order, with some members changed."""
    members = {"batches.meta.txt": "\n".join([*NAMES, "", ""]).encode()}
    for name, pixels, labels in zip(BATCHES, PIXELS, LABELS, strict=True):
        members[f"{name}.bin"] = np.column_stack([labels.astype(np.uint8), pixels]).tobytes()
    content = reversed((members | (changes or {})).items())
    tar = tarred((f"cifar-10-batches-bin/{name}", member) for name, member in content)
    folder.mkdir(exist_ok=True)
    path = folder / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(tar, 1))
    return path


def refused(path: Path, says: str) -> None:
    """Check that the archive is refused in one line, unchanged, and that no file is written."""
    before = path.read_bytes()
    with pytest.raises(Problem, match=says) as caught:
        cifar10.split(path.parent)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def rows(splits: Splits) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for split in splits:
        assert isinstance(split.x_NI, np.ndarray)
        yield split.x_NI, split.y_N


def test_paper_split_is_the_batches_in_order(tmp_path: Path) -> None:
    """Training is the five batches; validation and test are the halves of the test batch."""
    packed(tmp_path)
    train, valid, test = rows(cifar10.split(tmp_path))
    np.testing.assert_array_equal(train[0], PIXELS[:5].reshape(-1, 3072), strict=True)
    np.testing.assert_array_equal(train[1], LABELS[:5].ravel(), strict=True)
    for (x_NI, y_N), half in ((valid, slice(2)), (test, slice(2, None))):
        np.testing.assert_array_equal(x_NI, PIXELS[5, half], strict=True)
        np.testing.assert_array_equal(y_N, LABELS[5, half], strict=True)


def test_clean_split_leaves_the_test_batch_alone(tmp_path: Path) -> None:
    """Validation is the end of the training batches; test is the whole official test set."""
    packed(tmp_path)
    splits = cifar10.clean_split(tmp_path)
    train, valid, test = rows(splits)
    assert [len(split.y_N) for split in splits] == [18, 2, 4]
    x_NI = np.concatenate([train[0], valid[0]])
    np.testing.assert_array_equal(x_NI, PIXELS[:5].reshape(-1, 3072), strict=True)
    np.testing.assert_array_equal(test[0], PIXELS[5], strict=True)
    np.testing.assert_array_equal(test[1], LABELS[5], strict=True)


def test_sizes_are_the_papers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With official batches the entries give 50,000/5,000/5,000 and 45,000/5,000/10,000."""
    monkeypatch.setattr(cifar10, "BATCH", 10_000)
    official = np.zeros((60_000, 0), np.uint8), np.zeros(60_000, np.int64)
    monkeypatch.setattr(cifar10, "_official", lambda path: official)
    for entry, sizes in (
        (cifar10.CIFAR10, [50_000, 5_000, 5_000]),
        (cifar10.CIFAR10_CLEAN, [45_000, 5_000, 10_000]),
    ):
        assert [len(split.y_N) for split in entry.split(tmp_path, entry.preprocess())] == sizes


def test_inputs_are_planes_in_the_unit_interval(tmp_path: Path) -> None:
    """A written split reads back as inputs of pixel / 255, three planes of 32 x 32."""
    packed(tmp_path / "raw")
    write(cifar10.split(tmp_path / "raw").valid, tmp_path / "valid.npz")
    examples = read(tmp_path / "valid.npz")
    np.testing.assert_allclose(examples.inputs(slice(2)), PIXELS[5, :2] / np.float32(255), 1e-6)
    assert examples.encoding.shape == (3, 32, 32)
    assert list(examples.encoding.class_names) == NAMES


@pytest.mark.parametrize(
    ("member", "content", "says"),
    [
        ("test_batch.bin", bytes(4 * 3073 - 1), "test_batch.bin has 12291 bytes, expected 12292"),
        ("data_batch_2.bin", b"\x0a" * 4 * 3073, "data_batch_2.bin: labels from 10 to 10"),
        ("batches.meta.txt", b"airplane\n", "batches.meta.txt: class names are not airplane, auto"),
        ("batches.meta.txt", bytes(5000), "batches.meta.txt has 5000 bytes, expected at most 4096"),
    ],
    ids=["short", "label", "classes", "bomb"],
)
def test_other_archives_are_refused(tmp_path: Path, member: str, content: bytes, says: str) -> None:
    """A complete member with other content is named, with what was expected."""
    refused(packed(tmp_path / "raw", {member: content}), says)
