"""Command line of the stages: names, warnings, and folders that no stage may touch."""

import logging
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.config import arms, params
from pipeline.data import catalogue
from pipeline.runtime.errors import Problem
from stages import terminal
from stages.__main__ import app
from tests import own_data
from tests.imports import ROOT


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with params.yaml, the working directory."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_arguments_have_positions_and_names() -> None:
    """The names of an arm are the same by position, and by option in any order."""
    named = ("--initialization", "random", "--dataset", "digits", "--activation", "none")
    for words in (("digits", "none", "random"), named):
        result = run("pretrain", *words)
        assert result.exit_code == 1
        assert "error: unknown activation 'none'" in result.output


@pytest.mark.parametrize("name", ["$(touch x)", "../raw", "-x", "a b", "a\nb", "\x1b[2J"])
@pytest.mark.parametrize("stage", ["download", "preprocess", "baseline", "compare"])
def test_unsafe_names_are_refused(project: Path, stage: str, name: str) -> None:
    """A name that leads out of its folder, or that a shell would run, is refused in one line."""
    result = run(stage, "--dataset", name)
    assert result.exit_code == 1
    assert "is not a valid name of a dataset: names have letters" in result.output
    assert len(result.output.splitlines()) == 1
    assert [path.name for path in project.iterdir()] == ["params.yaml"]


def test_folder_of_the_user_is_not_deleted(project: Path) -> None:
    """An absolute path in the place of a name is refused, and its folder is left alone."""
    mine = own_data.classes(project / "mine", {"a": 1, "b": 1})
    assert run("download", str(mine)).exit_code == 1
    assert len([*mine.rglob("*.png")]) == 2


@pytest.mark.parametrize("folder", ["data/raw/mine", "data/raw/mine/images", "data"])
def test_source_within_the_output_is_refused(project: Path, folder: str) -> None:
    """Files in the folder that download replaces, or around it, are left alone, with the remedy."""
    own_data.classes(project / folder, {"a": 1, "b": 1})
    settings = params.load()
    block = settings.datasets["digits"].model_copy(update={"source": {"folder": folder}})
    changed = settings.model_copy(update={"datasets": {"mine": block}})
    with pytest.raises(Problem, match="overlap: move your files, for instance to data/own/mine"):
        catalogue.download(changed, "mine", Path("data/raw/mine"), downloads=Path("data/downloads"))
    assert len([*(project / folder).rglob("*.png")]) == 2


@pytest.mark.parametrize("size", [0, 900, 5000])
def test_a_cut_params_file_is_named_with_its_remedy(project: Path, size: int) -> None:
    """`dvc exp run -S` rewrites params.yaml in place, so a kill can cut it."""
    path = project / "params.yaml"
    path.write_bytes(path.read_bytes()[:size])
    for command in (["repro"], ["paper"], ["baseline", "cifar10-jpeg"]):
        result = run(*command)
        assert result.exit_code == 1
        assert "`git checkout params.yaml` restores the committed file" in result.output
        assert len(result.output.splitlines()) == 1


def test_only_folders_of_stages_are_stale() -> None:
    """Folders of arms that are not run are listed, folders with other files are not."""
    for name, file in (("old-random", "records.jsonl"), ("paper", "notes.txt")):
        Path("runs/networks/digits", name).mkdir(parents=True)
        for each in (file, "hashes.json"):
            Path("runs/networks/digits", name, each).touch()
    for name in ("0123456789abcdef", "mine"):
        Path("runs/checkpoints", name).mkdir(parents=True)
    stale = [path.name for path in arms.stale_folders(params.load())]
    assert stale == ["old-random", "0123456789abcdef"]


def test_warnings_are_printable() -> None:
    """Control characters of a file's name do not reach the terminal."""
    record = logging.LogRecord("name", logging.WARNING, "", 0, "%s is bad", ("a\x1b[2J",), None)
    assert terminal.PrintableFormatter().format(record) == r"a\x1b[2J is bad"


FUNCTIONS = {
    "{function: tanh, ": ("{function: tanch, ", "activations.tanh.function = 'tanch' is unknown"),
    "tanh: {": ("tanh: {pieces: 2, ", "activations.tanh.pieces = 2 is wrong for tanh"),
    "tanh: {function: tanh": ("tanh: {function: maxout", "pieces = 1 is wrong for maxout"),
}


@pytest.mark.parametrize("stage", ["pretrain", "finetune", "evaluate"])
@pytest.mark.parametrize("old", FUNCTIONS)
def test_a_wrong_function_is_refused_by_every_stage_of_an_arm(
    project: Path, stage: str, old: str
) -> None:
    """Networks on disk keep their function, so each stage compares that of params.yaml."""
    new, message = FUNCTIONS[old]
    path = project / "params.yaml"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    result = run(stage, "digits", "tanh", "random")
    assert result.exit_code == 1
    assert message in result.output
    assert len(result.output.splitlines()) == 1
    if "tanch" in new:
        assert "use one of rectifier, tanh, softplus" in result.output
