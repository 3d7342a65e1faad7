"""`compare` on arrays: the bytes of the stages, scikit-learn's conventions, one line of LaTeX."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.utils.validation import check_is_fitted

from pipeline import compare
from pipeline.analysis import comparison
from pipeline.config import params
from pipeline.config.arms import arms_of
from pipeline.questions.compare import _whole
from pipeline.runtime import csv_files
from tests.imports import ROOT

NAMES = np.array(["a", "b", "c"])
X, Y = load_wine(return_X_y=True)
OPTIONS: dict[str, Any] = {"seeds": 2, "hidden": [5, 4], "epochs": 3}
OPTIONS |= {"activations": ["rectifier", "tanh"], "initializations": ["random", "pretrained"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def compared(folder: Path) -> Any:
    return compare(X, NAMES[Y], folder=folder, **OPTIONS)


def test_the_library_imports_lightly() -> None:
    """`import pipeline` loads neither torch nor scikit-learn nor pandas."""
    code = "import sys, pipeline; print({'torch', 'sklearn', 'pandas'} & {*sys.modules})"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_the_stages_write_the_same_bytes(
    folder: Path, compared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ordinary stages on the same arrays: the same networks, records, scores and tables."""
    for name in ("params.yaml", "data.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    settings = params.load()
    for stage in ("download", "preprocess"):
        import_module(f"stages.{stage}").main("data")
    for arm in arms_of(settings, "data"):
        for stage in ("pretrain", "finetune", "evaluate"):
            import_module(f"stages.{stage}").main("data", arm.activation, arm.initialization)
    import_module("stages.compare").main("data")
    made = sorted(path.relative_to(folder) for path in folder.glob("runs/[sn]*/**/*.*"))
    assert len(made) == 4 * (4 + 4 + 3)
    for path in [*made, *(Path("data/ready/data", f"{part}.npz") for part in ("train", "test"))]:
        assert Path(path).read_bytes() == (folder / path).read_bytes(), path
    rows = compared.table.astype(object).where(compared.table.notna(), None).to_dict("records")
    content = csv_files.as_csv(comparison.TABLE, rows)
    assert Path("results/data/table.csv").read_bytes() == content


def test_the_winner_is_a_classifier(folder: Path, compared: Any) -> None:
    """Probabilities of the classes in order; its test error is that of its seed in the records."""
    winner = compared.winner
    check_is_fitted(winner)
    p_NC = winner.predict_proba(X)
    assert p_NC.shape == (len(X), 3)
    np.testing.assert_allclose(p_NC.sum(1), 1, atol=1e-6)
    assert [*winner.classes_] == [*NAMES]
    assert {*winner.predict(X)} <= {*NAMES}
    with np.load(folder / "data/ready/data/test.npz") as test:
        rows_N = [int(np.abs(winner.scaler.transform(X) - x).sum(1).argmin()) for x in test["x"]]
        errors = float((winner.predict(X[rows_N]) != NAMES[test["y"]]).mean())
    assert errors in compared.runs["test_error"].tolist()
    with pytest.raises(ValueError, match="X has 5 features, but NetworkClassifier is expecting 13"):
        winner.predict(X[:, :5])


def test_another_scaling_makes_other_splits(tmp_path: Path) -> None:
    """A second call in the same folder trains on inputs of its own scaling, as in a new folder."""
    small: dict[str, Any] = OPTIONS | {"initializations": ["random"], "epochs": 1}
    labels = np.array([bool(y) for y in Y], object)
    compare(X, labels, folder=tmp_path, **small)
    again = compare(X, labels, folder=tmp_path, scaling="range", **small)
    pd.testing.assert_frame_equal(again.runs, compare(X, labels, scaling="range", **small).runs)
    with np.load(tmp_path / "data/ready/data/train.npz") as train:
        assert train["x"].min() == 0


def rows_of(folder: Path, part: str) -> np.ndarray:
    with np.load(folder / f"data/ready/data/{part}.npz") as split:
        return np.asarray(split["x"])


@pytest.mark.parametrize("scaling", ["standardized", "range"])
def test_a_feature_constant_in_training_is_zero_for_the_winner(
    scaling: str, tmp_path: Path
) -> None:
    """As in the splits: the weights of such a feature are untrained."""
    small: dict[str, Any] = OPTIONS | {"initializations": ["random"], "epochs": 1}
    x = np.column_stack([X, np.zeros(len(X))])
    scaler = compare(x, Y, folder=tmp_path, scaling=scaling, **small).winner.scaler
    first = rows_of(tmp_path, "test")[0]
    x[np.abs(scaler.transform(x) - first).sum(1).argmin(), -1] = 1
    again = compare(x, Y, folder=tmp_path, scaling=scaling, **small)
    assert rows_of(tmp_path, "test")[0] == pytest.approx(first)
    assert not rows_of(tmp_path, "test")[:, -1].any()
    assert not again.winner.scaler.transform(x)[:, -1].any()


def test_results_are_frames_pages_and_latex(compared: Any) -> None:
    """A row an arm and a pair, a page with a figure, a table for booktabs."""
    assert len(compared.table) == 4
    assert [*compared.tests.columns] == [*comparison.TESTS, "verdict"]
    assert len(compared.tests) == 6
    assert compared.recommendation in compared._repr_html_()
    assert "<svg" in compared._repr_html_()
    assert compared.to_latex().startswith("\\begin{tabular}{llrrrrr}\n\\toprule")


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X, Y[:-1], {}, "inconsistent numbers of samples"),
        (X[0], Y, {}, "Expected 2D array, got 1D array"),
        (np.where(X > 20, np.nan, X), Y, {}, "Input X contains NaN"),
        (X, X[:, 0], {}, "Unknown label type: continuous"),
        (X[:80], np.arange(80) // 2 * 7, {}, "a quantity and no class"),
        (X[:20], Y[:20], {}, "y has one class, 0: give"),
        (X[:20], ["cat"] * 18 + ["dog"] * 2, {}, "class dog of y has 2 examples: give at least 3"),
        (X[:60], ["a", "b", None] * 20, {}, "20 missing labels: leave their examples out"),
        (X[:60], pd.Series(["a", "b", None] * 20, dtype="string"), {}, "20 missing labels"),
        (X[:60], np.array(["a", "b", 1] * 20, object), {}, "labels of text and of other types"),
        (X, Y, {"activations": ["relu", "tanh"]}, "unknown activation 'relu'"),
        (X, Y, {"activations": ["tanh"], "initializations": ["random"]}, "needs two arms"),
        (X[:60], ["a", "b", "nan"] * 20, {}, "20 missing labels"),
        (X[:60], np.ma.masked_array([0, 1, 2] * 20, [0, 0, 1] * 20), {}, "20 missing labels"),
        (np.ma.masked_equal(X, X[0, 0]), Y, {}, "X has masked values"),
        (X, Y, {"seeds": 1}, "seeds = 1: give whole numbers of at least 2"),
        (X, Y, {"seeds": "10"}, "seeds = '10': give whole numbers"),
        (X, Y, {"epochs": 0}, "epochs = 0: give whole numbers of at least 1"),
        (X, Y, {"epochs": 2.5}, "epochs = 2.5: give whole"),
        (X, Y, {"hidden": [1.5]}, "hidden = 1.5: give whole"),
        (X, Y, {"hidden": [True]}, "hidden = True: give whole"),
        (X, Y, {"activations": "tanh"}, "activations = 'tanh': give a list of names"),
        (X, Y, {"folder": __file__}, "test_compare.py is a file: give a folder"),
    ],
)
def test_wrong_arguments_are_refused(x: Any, y: Any, options: Any, message: str) -> None:
    """ValueError in scikit-learn's words for its checks, in one line for others."""
    with pytest.raises(ValueError, match=message):
        compare(x, y, **OPTIONS | options)


@pytest.mark.parametrize("name", ["data.npz", "params.yaml"])
def test_files_of_others_are_not_replaced(tmp_path: Path, name: str) -> None:
    """A folder that an earlier call did not make keeps its files."""
    (tmp_path / name).write_text("run: {}")
    with pytest.raises(ValueError, match=f"has {name} of another origin"):
        compare(X, Y, folder=tmp_path, **OPTIONS)
    assert (tmp_path / name).read_text() == "run: {}"


def test_integers_of_numpy_are_integers() -> None:
    """Numbers of seeds, epochs and units may come from arrays."""
    assert [type(_whole("epochs", n, least=1)) for n in (np.int64(3), np.uint8(4))] == [int, int]
