"""Sparse examples in memory and on disk, compared with the same examples stored densely."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from pipeline.data.splits import examples, stored_arrays
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.data.splits.sparse_batch import SparseBatch, SparseRows
from pipeline.data.splits.split import Split
from pipeline.data.splits.vocabulary import Vocabulary
from pipeline.runtime.errors import Problem
from pipeline.training.minibatches import ShuffledMinibatches

N, I = 40, 23  # noqa: E741
FORM = Encoding((I,), ("bad", "good"), vocabulary=Vocabulary(tuple(f"term{n}" for n in range(I))))


def bits() -> np.ndarray:
    x_NI = (np.random.default_rng(0).random((N, I)) < 0.2).astype(np.uint8)
    x_NI[[0, 7, N - 1]] = 0  # texts without a term
    return x_NI


def labels(unlabeled: int = 0) -> np.ndarray:
    y_N = np.arange(N) % 2
    y_N[N - unlabeled :] = -1
    return y_N


def written(folder: Path, unlabeled: int = 0, **changes) -> Path:
    path = folder / "train.npz"
    split = {"x_NI": csr_matrix(bits()), "y_N": labels(unlabeled), "encoding": FORM} | changes
    examples.write(Split(**split), path)
    return path


@pytest.fixture
def texts(tmp_path: Path) -> Examples:
    return examples.read(written(tmp_path))


@pytest.mark.parametrize(
    "rows",
    [
        slice(None), slice(3, 17), slice(30, 99), slice(5, 5), slice(50, 60), slice(1, 30, 4),
        torch.tensor([5]), torch.tensor([7, 7, 0, 39, 12, 3, 3]), torch.tensor([]).long(),
    ],
    ids=str,
)  # fmt: skip
def test_any_rows_are_those_of_the_dense_matrix(
    texts: Examples, rows: torch.Tensor | slice
) -> None:
    """Indexing by slices and lists, with repeated and empty rows, agrees with the dense matrix."""
    dense = torch.from_numpy(bits()).float()
    assert torch.equal(texts.inputs(rows), dense[rows])
    assert isinstance(texts.x_NI, SparseRows)
    some = texts.x_NI[rows]
    assert some.fault() is None
    row_P, input_P = dense[rows].nonzero(as_tuple=True)
    assert torch.equal(some.rows_P, row_P)
    assert torch.equal(some.ones_P.long(), input_P)


def test_sparse_examples_behave_like_dense_ones(texts: Examples) -> None:
    """Chunks, selections, lengths and devices agree with dense examples."""
    dense = Examples(torch.from_numpy(bits()), torch.from_numpy(labels()), FORM)
    for mine, other in zip(texts.chunks(7), dense.chunks(7), strict=True):
        assert isinstance(mine, SparseBatch)
        assert torch.equal(mine.dense(), other)
    rows = torch.tensor([9, 2, 2])
    assert torch.equal(
        texts.select(rows).inputs(slice(None)), dense.select(rows).inputs(slice(None))
    )
    assert torch.equal(texts.select(rows).y_N, dense.y_N[rows])
    assert len(texts) == N
    assert texts.x_NI.shape == dense.x_NI.shape
    assert texts.x_NI.device == dense.x_NI.device
    assert texts.to(torch.device("meta")).x_NI.device.type == "meta"


def test_minibatches_agree_with_dense_ones(texts: Examples) -> None:
    """Mini-batches have the same rows and the same inputs."""
    dense = Examples(torch.from_numpy(bits()), torch.from_numpy(labels()), FORM)
    one, other = (
        ShuffledMinibatches("mine", "finetune", 6, examples) for examples in (texts, dense)
    )
    for (x, y), (dense_x, dense_y) in zip(
        one.epoch([0, 3], 2), other.epoch([0, 3], 2), strict=True
    ):
        assert isinstance(x, SparseBatch)
        assert torch.equal(x.dense(), dense_x)
        assert torch.equal(y, dense_y)


def test_zeros_take_no_memory(tmp_path: Path) -> None:
    """A split takes memory by its ones, not by its inputs."""
    wide = 1 << 14
    form = Encoding((wide,), ("a", "b"), vocabulary=Vocabulary(("t",) * wide))
    x_NI = csr_matrix((np.ones(2, np.uint8), ([0, 1], [5, wide - 1])), (2, wide))
    found = examples.read(written(tmp_path, x_NI=x_NI, y_N=np.arange(2), encoding=form))
    assert isinstance(found.x_NI, SparseRows)
    assert found.x_NI.ones_P.nbytes == 8
    assert found.x_NI.ones_P.tolist() == [5, wide - 1]


def test_unlabeled_texts_are_read_on_request(tmp_path: Path) -> None:
    """Unlabeled texts are left out by default; with `unlabeled` they follow with label -1."""
    path = written(tmp_path, unlabeled=15)
    labeled, every = examples.read(path), examples.read(path, unlabeled=True)
    assert len(labeled) == N - 15
    assert labeled.y_N.tolist() == labels(15)[: N - 15].tolist()
    assert labeled.x_NI.shape == (N - 15, I)
    assert torch.equal(labeled.inputs(slice(None)), torch.from_numpy(bits()[: N - 15]).float())
    assert every.y_N.tolist() == labels(15).tolist()
    assert torch.equal(every.inputs(slice(None)), torch.from_numpy(bits()).float())


def test_same_split_same_bytes(tmp_path: Path) -> None:
    """Written twice, a split gives the same bytes; its encoding comes back."""
    first = written(tmp_path).read_bytes()
    assert written(tmp_path, notes={}).read_bytes() != first
    assert written(tmp_path).read_bytes() == first
    assert examples.read_encoding(tmp_path / "train.npz") == FORM


def test_bytes_are_the_same_on_all_systems(tmp_path: Path) -> None:
    """No 64-bit entries, which Python writes differently since 3.11.4; not this system's number."""
    written(tmp_path)
    assert stored_arrays.npz({"x": bits(), "n": np.array(1)}) == stored_arrays.npz(
        {"x": np.asfortranarray(bits()), "n": np.array(1)}
    )
    with zipfile.ZipFile(tmp_path / "train.npz") as archive:
        for member in archive.infolist():
            assert (member.extract_version, member.create_system, member.extra) == (20, 3, b"")


def test_large_arrays_have_entries_of_64_bits() -> None:
    """The declared size decides, before the blocks are written."""
    archive = zipfile.ZipFile(io.BytesIO(), "w")
    blocks = iter([np.zeros(1, np.uint8)])
    with pytest.raises(AssertionError, match="1 rows"):
        stored_arrays.write_array(archive, "x", (1 << 32,), blocks)
    assert archive.infolist()[0].extract_version == 45


def test_encodings_of_images_store_no_vocabulary(tmp_path: Path) -> None:
    """Files of images have no entry about texts."""
    form = Encoding((I,), ("bad", "good"))
    path = written(tmp_path, x_NI=bits(), encoding=form)
    with np.load(path) as stored:
        assert stored.files == ["x", "y", "form"]
        assert "vocabulary" not in str(stored["form"])
    assert examples.read_encoding(path) == form


def damaged(path: Path, **changes) -> Path:
    with np.load(path) as stored:
        arrays = dict(stored) | changes
    content = io.BytesIO()
    np.savez(content, **arrays)
    path.write_bytes(content.getvalue())
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"indptr": np.arange(N + 1, dtype=np.int32)}, "int32"),
        ({"indptr": np.arange(N, dtype=np.int64)}, "rows run from 0 to"),
        ({"indices": np.full(3, 1, np.int64)}, "int64"),
        ({"indices": np.zeros((1, 1), np.int32)}, "two lists"),
        ({"y": np.zeros(N - 1, np.int64)}, "one for each"),
        ({"y": np.full(N, 2)}, "labels run from 2"),
        ({"y": np.full(N, -2)}, "labels run from -2"),
        ({"y": np.r_[-1, np.zeros(N - 1, np.int64)]}, "do not come last"),
        ({"y": np.full(N, -1)}, "do not come last"),
    ],
)  # fmt: skip
def test_inconsistent_files_are_refused(tmp_path: Path, changes, says: str) -> None:
    """One line names the file and the inconsistency."""
    with pytest.raises(Problem, match=says):
        examples.read(damaged(written(tmp_path), **changes))


@pytest.mark.parametrize(
    ("starts", "ones", "says"),
    [
        ([0, 2, 1, 3], [0, 1, 2], "rows run"),
        ([0, 1, 3], [0, 1, 1], "ascending"),
        ([0, 1, 3], [0, 2, 1], "ascending"),
        ([0, 1], [4], "terms run from 4"),
        ([0, 1], [-1], "terms run from -1"),
    ],
)
def test_faults_of_sparse_rows_are_reported(starts, ones, says: str) -> None:
    """Inconsistent row boundaries and column indices are reported."""
    presence = SparseRows(torch.tensor(starts), torch.tensor(ones, dtype=torch.int32), 4)
    assert says in str(presence.fault())


def test_vocabulary_of_another_length_is_refused(tmp_path: Path) -> None:
    """An encoding with another number of terms than inputs is refused."""
    form = Encoding((I,), ("bad", "good"), vocabulary=Vocabulary(("one", "two")))
    with pytest.raises(Problem, match="does not hold 2 inputs"):
        examples.read(written(tmp_path, encoding=form))
