"""CIFAR-10: both versions of the archive give the same splits, and no other archive gives any."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources import cifar10
from pipeline.data.splits.examples import read, write
from pipeline.data.splits.split import Splits
from pipeline.runtime.errors import Problem

BATCH = 4
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, BATCH, 3072), np.uint8)
LABELS = RNG.integers(0, 10, (6, BATCH))
BATCHES = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
DTYPE = (
    b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of four images."""
    monkeypatch.setattr(cifar10, "BATCH", BATCH)


def string(content: bytes) -> bytes:
    """Pickle a string as Python 2 did."""
    return b"T" + struct.pack("<i", len(content)) + content


def array(pixels: np.ndarray, dtype: bytes = DTYPE) -> bytes:
    """Pickle an array as numpy did under Python 2."""
    shape = b"M" + struct.pack("<H", len(pixels)) + b"M" + struct.pack("<H", pixels.shape[1])
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01("
    return start + shape + b"t" + dtype + b"\x89" + string(pixels.tobytes()) + b"tb"


def batch_pickle(data: bytes, labels: bytes) -> bytes:
    return b"\x80\x02}(" + string(b"data") + data + string(b"labels") + labels + b"u."


def label_list(labels: np.ndarray) -> bytes:
    return b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"


def names_pickle(names: list[str]) -> bytes:
    words = b"".join(string(name.encode()) for name in names)
    return b"\x80\x02}(" + string(b"label_names") + b"](" + words + b"eu."


def binary_members() -> dict[str, bytes]:
    members = {"batches.meta.txt": "\n".join([*NAMES, "", ""]).encode()}
    for name, pixels, labels in zip(BATCHES, PIXELS, LABELS, strict=True):
        records = np.column_stack([labels.astype(np.uint8), pixels])
        members[f"{name}.bin"] = records.tobytes()
    return {f"cifar-10-batches-bin/{name}": content for name, content in members.items()}


def python_members() -> dict[str, bytes]:
    members = {"batches.meta": names_pickle(NAMES)}
    for name, pixels, labels in zip(BATCHES, PIXELS, LABELS, strict=True):
        members[name] = batch_pickle(array(pixels), label_list(labels))
    return {f"cifar-10-batches-py/{name}": content for name, content in members.items()}


def packed(folder: Path, version: str, changes: dict[str, bytes] | None = None) -> Path:
    members = binary_members() if version == "binary" else python_members()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, content in reversed((members | (changes or {})).items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    folder.mkdir(exist_ok=True)
    path = folder / f"cifar-10-{version}.tar.gz"
    path.write_bytes(gzip.compress(tar.getvalue(), 1))
    return path


def refused(path: Path, says: str) -> None:
    """Check that the archive is refused in one line and left as it is, beside nothing new."""
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


@pytest.mark.parametrize("version", ["binary", "python"])
def test_paper_split_is_the_batches_in_order(tmp_path: Path, version: str) -> None:
    """Training is the five batches; validation and test are the halves of the test batch."""
    packed(tmp_path, version)
    train, valid, test = rows(cifar10.split(tmp_path))
    np.testing.assert_array_equal(train[0], PIXELS[:5].reshape(-1, 3072), strict=True)
    np.testing.assert_array_equal(train[1], LABELS[:5].ravel(), strict=True)
    for (x_NI, y_N), half in ((valid, slice(2)), (test, slice(2, None))):
        np.testing.assert_array_equal(x_NI, PIXELS[5, half], strict=True)
        np.testing.assert_array_equal(y_N, LABELS[5, half], strict=True)


@pytest.mark.parametrize("version", ["binary", "python"])
def test_clean_split_leaves_the_test_batch_alone(tmp_path: Path, version: str) -> None:
    """Validation is the end of the training batches; test is the whole official test set."""
    packed(tmp_path, version)
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
    monkeypatch.setattr(cifar10, "_official", lambda raw: official)
    for entry, sizes in (
        (cifar10.CIFAR10, [50_000, 5_000, 5_000]),
        (cifar10.CIFAR10_CLEAN, [45_000, 5_000, 10_000]),
    ):
        assert [len(split.y_N) for split in entry.split(tmp_path, entry.preprocess())] == sizes


def test_inputs_are_planes_in_the_unit_interval(tmp_path: Path) -> None:
    """A written split reads back as inputs of pixel / 255, drawn as three planes of 32 x 32."""
    packed(tmp_path / "raw", "binary")
    write(cifar10.split(tmp_path / "raw").valid, tmp_path / "valid.npz")
    examples = read(tmp_path / "valid.npz")
    np.testing.assert_allclose(examples.inputs(slice(2)), PIXELS[5, :2] / np.float32(255), 1e-6)
    assert examples.encoding.shape == (3, 32, 32)
    assert list(examples.encoding.class_names) == NAMES


def test_version_chooses_the_archive() -> None:
    """The source block names one of two archives; the binary one unless told otherwise."""
    for source, name in (({}, "binary"), ({"version": "python"}, "python")):
        (file,) = cifar10.CIFAR10.files(cifar10.CIFAR10.source(**source))
        assert file.name == f"cifar-10-{name}.tar.gz"
        assert all(url.endswith(f"/{file.name}") for url in file.urls)


@pytest.mark.filterwarnings("ignore")
def test_pickles_of_these_tests_are_what_numpy_reads(tmp_path: Path) -> None:
    """The pickles made here are such as Python 2 wrote: numpy's own reading agrees."""
    (tmp_path / "batch").write_bytes(python_members()["cifar-10-batches-py/data_batch_3"])
    batch = np.load(tmp_path / "batch", allow_pickle=True, encoding="bytes")
    np.testing.assert_array_equal(batch[b"data"], PIXELS[2], strict=True)
    assert batch[b"labels"] == LABELS[2].tolist()


def test_absent_archive_is_named(tmp_path: Path) -> None:
    """Without either archive, the binary one is missing."""
    with pytest.raises(Problem, match=r"cifar-10-binary\.tar\.gz is missing"):
        cifar10.split(tmp_path)


@pytest.mark.parametrize("version", ["binary", "python"])
def test_damaged_archive_is_refused(tmp_path: Path, version: str) -> None:
    """Cut short or with a flipped bit, the archive is one line."""
    path = packed(tmp_path / "raw", version)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "cannot be read")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    path.write_bytes(flipped)
    refused(path, "cannot be read")


@pytest.mark.parametrize(
    ("member", "content", "says"),
    [
        ("test_batch.bin", bytes(4 * 3073 - 1), "test_batch.bin has 12291 bytes, expected 12292"),
        ("test_batch.bin", bytes(5 * 3073), "test_batch.bin has 15365 bytes, expected 12292"),
        ("data_batch_2.bin", b"\x0a" * 4 * 3073, "data_batch_2.bin: labels from 10 to 10"),
        ("batches.meta.txt", b"airplane\n", "batches.meta.txt: class names are not airplane, auto"),
        ("batches.meta.txt", bytes(5000), "batches.meta.txt has 5000 bytes, expected at most 4096"),
        ("../evil.bin", b"evil", "leads out of the archive's folder"),
    ],
    ids=["short", "long", "label", "classes", "bomb", "slip"],
)
def test_other_binary_archives_are_refused(
    tmp_path: Path, member: str, content: bytes, says: str
) -> None:
    """A member that is whole but holds something else is named, with what was expected."""
    changes = {f"cifar-10-batches-bin/{member}": content}
    refused(packed(tmp_path / "raw", "binary", changes), says)


LIST = label_list(LABELS[0])
ARRAY = array(PIXELS[0])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (batch_pickle(array(PIXELS[0][:, :-1]), LIST), r"not of shape \(4, 3072\)"),
        (batch_pickle(array(PIXELS[0][:3]), LIST), r"not of shape \(4, 3072\)"),
        (batch_pickle(ARRAY.replace(b"u1", b"O8"), LIST), "not of dtype u1"),
        (batch_pickle(array(PIXELS[0], b"N"), LIST), "not of dtype u1"),
        (batch_pickle(ARRAY.replace(b"\x89T", b"\x88T"), LIST), "row by row"),
        (batch_pickle(ARRAY[:-12295] + string(b"few") + b"tb", LIST), "data is not of 12288 bytes"),
        (batch_pickle(ARRAY, label_list(np.array([0, 1, 2, 10]))), "labels are not 4 whole"),
        (batch_pickle(ARRAY, label_list(np.array([0, 1, 2]))), "labels are not 4 whole"),
        (batch_pickle(ARRAY, b"](K\x00K\x01K\x02J\xff\xff\xff\xffe"), "labels are not 4 whole"),
        (batch_pickle(ARRAY, b"](K\x00K\x01K\x02\x88e"), "labels are not 4 whole"),
        (batch_pickle(ARRAY, b"](K\x00K\x01K\x02G?\xf0\0\0\0\0\0\0e"), "labels are not 4 whole"),
        (batch_pickle(string(b"pixels"), LIST), "data is not an array"),
        (batch_pickle(b"cnumpy\nndarray\n)\x81", LIST), "data is not an array"),
        (b"\x80\x02}.", "labels are not 4 whole"),
        (b"\x80\x02].", "a pickled list, expected dict"),
        (b"", "not a pickle as published"),
        (b"not a pickle", "not a pickle as published"),
        (batch_pickle(ARRAY, LIST)[:-9], "not a pickle as published"),
        (bytes(20_000), "has 20000 bytes, expected at most 12800"),
    ],
    ids=[
        "columns", "rows", "dtype", "no-dtype", "order", "bytes", "label", "count", "negative",
        "bool", "float", "string", "unmade", "empty-dict", "list", "empty", "text", "cut", "bomb",
    ],
)  # fmt: skip
def test_other_pickles_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """A pickle that holds anything but a batch is refused, and named."""
    changes = {"cifar-10-batches-py/data_batch_4": content}
    refused(packed(tmp_path / "raw", "python", changes), f"data_batch_4.*{says}")


def test_other_class_names_are_refused(tmp_path: Path) -> None:
    """The classes of the Python version are checked too, order and all."""
    changes = {"cifar-10-batches-py/batches.meta": names_pickle(NAMES[::-1])}
    refused(packed(tmp_path / "raw", "python", changes), "batches.meta: class names are not")


class Hostile:
    """What, when unpickled by the unwary, makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_hostile_pickle_is_refused_unexecuted(tmp_path: Path, protocol: int) -> None:
    """A pickle that names a function of Python's own is refused, and nothing has run."""
    content = pickle.dumps({"labels": Hostile(tmp_path / "evil")}, protocol)
    pickle.loads(content)  # noqa: S301 (the attack itself: it works on the unwary)
    (tmp_path / "evil").rmdir()
    changes = {"cifar-10-batches-py/data_batch_1": content}
    refused(packed(tmp_path / "raw", "python", changes), "posix.mkdir' has no place in it")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02cnumpy\nload\n(U\x04evilt R.",
        b"\x80\x04\x8c\x0bnumpy.dtype\x8c\x04type\x93.",
        b"\x80\x02cnumpy\ndtype.mro\n)R.",
        b"\x80\x02cnumpy\ndtype\nN}U\x04kindU\x02u1s\x86b.",  # sets an attribute of a class
        b"\x80\x02r\xff\xff\xff\xff.",
        b"\x80\x02}r\xff\xff\xff\x7f.",
        b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.",
        b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f.",
        b"\x80\x02U\x02hiQ.",
        b"\x80\x02\x82\x01.",
    ],
    ids=[
        "load", "nested", "dotted", "class", "memo", "memo-2", "length", "bytearray",
        "persistent", "extension",
    ],
)  # fmt: skip
def test_forged_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    """No trick of the format gets past: names, attributes, huge indices, huge lengths."""
    changes = {"cifar-10-batches-py/data_batch_1": content}
    refused(packed(tmp_path / "raw", "python", changes), "not a pickle as|labels are not")
    assert cifar10._Piece.kind is None


def test_forged_memo_index_takes_no_memory(tmp_path: Path) -> None:
    """An index of four million asks for no table of four million entries."""
    content = b"\x80\x02}r" + struct.pack("<I", 1 << 22) + b"."
    path = packed(tmp_path / "raw", "python", {"cifar-10-batches-py/data_batch_1": content})
    tracemalloc.start()
    try:
        refused(path, "labels are not")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
