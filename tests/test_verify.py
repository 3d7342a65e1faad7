"""Verification: what agrees, what rounding explains, and every single change found by name."""

import hashlib
import shutil
from pathlib import Path

import joblib
import pytest
import safetensors.torch
from dvc.repo import Repo
from typer.testing import CliRunner

from pipeline.runtime import storage
from pipeline.verification import agreement
from pipeline.verification.agreement import compare_files, compare_rows
from stages import (
    baseline,
    compare,
    download,
    evaluate,
    finetune,
    judge,
    networks,
    preprocess,
    pretrain,
)
from stages.__main__ import app
from tests import committed

ARMS = [("digits", activation, "random") for activation in ("rectifier", "tanh")]
EXAMPLES = {"valid": 297, "test": 500}


def verify(dataset="digits"):
    """Return exit status and output of the command."""
    result = CliRunner().invoke(app, ["verify", dataset])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def files():
    """Return the hash of every file of results/, claims/, data/ and runs/, locks left out."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for top in ("results", "claims", "data", "runs")
        for path in Path(top).rglob("*")
        if path.is_file() and "locks" not in path.parts
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder with the results of tiny networks, and a project of DVC without stages."""
    folder = tmp_path_factory.mktemp("made")
    params = committed.content()
    params["run"] |= {"activations": ["rectifier", "tanh"], "initializations": ["random"]}
    params["run"] |= {"seeds": 2}
    params["datasets"]["digits"]["network"]["hidden"] = [12, 10]
    params["datasets"]["digits"]["finetune"] = {"epochs": 2, "learning_rates": [0.1]}
    committed.write(params, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(joblib, "cpu_count", lambda: 1)
        download.main("digits")
        preprocess.main("digits")
        for stage in (pretrain, finetune, evaluate):
            for arm in ARMS:
                stage.main(*arm)
        for stage in (compare, baseline, judge):
            stage.main("digits")
        Repo.init(no_scm=True).close()
    return folder


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    """Work in a copy of the finished project."""
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """Work in a copy of what git holds: tables and verdicts alone."""
    shutil.copytree(committed.folder(), tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "clone")
    Repo.init(no_scm=True).close()


def change(path, old, new):
    path = Path(path)
    content = path.read_text("utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1))


def test_what_the_stages_made_is_the_same(project):
    """Nothing is different, within rounding or overwritten; networks and tables are all there."""
    before = files()
    status, output = verify()
    assert status == 0, output
    assert files() == before
    assert "different:             0 files" in output
    assert "same within rounding:   0 files" in output
    for name in (
        "results/digits/runs.csv",
        *("runs/scores/digits/tanh-random/records.jsonl", "results/digits/filters.npz"),
        *("results/digits/baselines.csv", "results/digits/protocol.json", "claims/digits/claims"),
    ):
        assert f"same bytes: {name}" in output


def test_changed_digits_are_named(project):
    """The last digit of a cell in each table is changed: file, row, column and values are named."""
    expected = []
    for name, column, row in (
        ("table.csv", "test_error_mean", "line 3 (tanh random)"),
        ("runs.csv", "test_error", "line 4 (tanh random 0)"),
        ("tests.csv", "difference_mean", "line 2 (rectifier-random tanh-random)"),
    ):
        path = Path("results/digits", name)
        table = [line.split(",") for line in path.read_text("utf-8").splitlines()]
        cells, place = table[int(row.split()[1]) - 1], table[0].index(column)
        right, wrong = cells[place], cells[place][:-1] + str((int(cells[place][-1]) + 1) % 10)
        cells[place] = wrong
        path.write_text("".join(",".join(line) + "\n" for line in table), "utf-8")
        expected.append((path, f"    {row}, {column}: recorded {wrong}, derived {right}"))
    status, output = verify()
    assert status == 1
    for path, line in expected:
        assert f"different: {path}" in output
        assert line in output


@pytest.mark.parametrize("hashed", [False, True])
def test_a_changed_weight_is_named(project, hashed):
    """A flipped sign of a weight is found by the file's hash, and where that is made to fit, by the
    validation cost of its network."""
    folder = Path("runs/networks/digits/tanh-random")
    path = folder / "weights.safetensors"
    tensors, content = safetensors.torch.load_file(path), path.read_bytes()
    weight = tensors["W.0"][1, 20, 3].numpy().tobytes()
    assert content.count(weight) == 1
    flipped = weight[:3] + bytes([weight[3] ^ 0x80])
    path.write_bytes(content.replace(weight, flipped))
    if hashed:
        hashes = storage.read_json(folder / storage.HASHES)
        storage.write_json(folder / storage.HASHES, hashes | {path.name: storage.digest(path)})
    status, output = verify()
    assert status == 1
    assert (f"different: {folder}\n" in output) is not hashed
    assert "different: validation scores of digits / tanh / random" in output
    assert "row 2 (1), valid_cost: recorded" in output
    assert "row 1 (0)" not in output
    assert "same values: validation scores of digits / rectifier / random" in output


def test_folders_in_folders_are_verified(tmp_path):
    """An experiment has a folder a condition; a changed file in it is named."""
    with storage.whole_folder(tmp_path / "depth", hashes=True) as out:
        storage.write_json(out / "tanh-1" / "records.json", [0.25])
    assert networks.intact(tmp_path / "depth", None).state == "not verified"
    (tmp_path / "depth/tanh-1/records.json").write_text("[0.75]")
    found = networks.intact(tmp_path / "depth", None)
    assert found.state == "different"
    assert "tanh-1/records.json" in found.details[0]


@pytest.mark.parametrize("dataset", ["mnist", "amazon-stars"])
def test_committed_tables_are_verified_without_networks(clone, dataset):
    """Tables follow from runs.csv, on datasets that older commits made and on stars too."""
    before = files()
    _, output = verify(dataset)
    assert files() == before
    for name in ("table.csv", "tests.csv", "metrics.json", "errors.json"):
        assert f"same bytes: results/{dataset}/{name}" in output
    assert f"not verified: data/ready/{dataset}/train.npz" in output
    assert "networks or splits are missing" in output


def test_committed_verdicts_follow_from_their_records(clone):
    """Everything that git holds of digits agrees."""
    status, output = verify()
    assert status == 0, output
    assert "same bytes: claims/digits/claims.csv" in output


def test_a_changed_verdict_is_named(clone):
    """A committed verdict that its records do not bear out."""
    change("claims/digits/claims.csv", ",supported,", ",contradicted,")
    status, output = verify()
    assert status == 1
    assert "different: claims/digits/claims.csv" in output
    assert "verdict: recorded contradicted, derived supported" in output


def test_a_dataset_without_results_is_refused(clone):
    """One line: the file that is missing, and what makes it."""
    status, output = verify("norb")
    assert status == 1
    assert output == "error: results/norb/runs.csv is missing: run `dvc repro` to make it\n"


@pytest.mark.parametrize(
    ("column", "recorded", "again", "same"),
    [
        ("test_error", 0.016, 0.018, True),  # one of 500 examples
        ("test_error", 0.016, 0.020, False),
        ("valid_error", 3 / 297, 4 / 297, True),
        ("zeros", 0.5, 0.500005, True),
        ("zeros", 0.5, 0.50005, False),
        ("valid_cost", 0.3, 0.300001, True),
        ("valid_cost", 0.3, 0.3001, False),
        ("seed", 1, 2, False),
    ],
)
def test_rounding_of_measured_numbers(column, recorded, again, same):
    rule = agreement.measured(EXAMPLES)
    compared = compare_rows([{column: recorded}], [{column: again}], rule)
    assert [difference.rounding for difference in compared.differences] == [same]


@pytest.mark.parametrize(
    ("column", "again", "same"),
    [
        ("p", "0.6783097418055799", True),
        ("p", "0.67830975", False),
        ("test_error_mean", "0.6783097418055799", False),
        ("verdict", "other", False),
    ],
)
def test_rounding_of_derived_numbers(column, again, same):
    """Means are exact on every CPU; p-values are not; words have to be equal."""
    tables = [f"{column}\n{cell}\n".encode() for cell in ("0.6783097418055798", again)]
    (difference,) = compare_files("tests.csv", *tables, agreement.derived).differences
    assert difference.rounding is same


def test_missing_rows_and_columns_are_different():
    """A row or a column that one of the two lacks is named."""
    whole, cut = b"seed,p\n0,0.5\n1,0.25\n", b"seed,p\n0,0.5\n"
    (row,) = compare_files("a.csv", cut, whole, agreement.derived).wrong
    assert row[:4] == ("line 3 (1)", "all columns", "absent", "a row")
    documents = b'{"a": {"b": [1]}}', b'{"a": {"b": [1, 2]}}'
    (column,) = compare_files("a.json", *documents, agreement.derived).wrong
    assert column[:4] == ("item 1", "a.b[1]", "absent", "2")
