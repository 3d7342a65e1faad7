"""Commands of the project: the Makefile's targets, runs of DVC, and what they print."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from pipeline.report.text.terminal import arms_table
from stages import dvc_state, repair, rwlock
from stages.__main__ import app
from tests.imports import ROOT

DVC_YAML = """stages:
  copy:
    cmd: python -c "import shutil; shutil.copy('params.yaml', 'out')"
    deps: [params.yaml]
    outs: [out]
"""


def targets() -> dict[str, str]:
    """Return the targets of the Makefile and the command of `python -m stages` that each calls."""
    calls = re.findall(r"^(\w+): .*\n\t\$\(STAGES\) (\S+)", (ROOT / "Makefile").read_text(), re.M)
    return dict(calls)


def test_each_target_is_a_command() -> None:
    """Users without make have all targets but setup, under the same names."""
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony
    assert {*targets()} == {*phony.group(1).split()} - {"help", "setup"}
    assert all(target == command for target, command in targets().items())
    for command in targets():
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_the_arms_are_a_table() -> None:
    """Test error with its interval and n, and sparsity; a failed arm has dashes."""
    arm = {"dataset": "digits", "activation": "tanh", "initialization": "pretrained", "seeds": 3.0}
    columns = ("test_error_mean", "test_error_low", "test_error_high", "zeros_mean")
    rows = [
        arm | dict(zip(columns, (0.0314, 0.03, 0.0328, 0.5), strict=True)),
        arm | {"activation": "rectifier"} | dict.fromkeys(columns),
    ]
    head, first, failed = arms_table(rows, 0.95).splitlines()
    assert re.split("  +", head) == [
        *("dataset", "arm", "test error", "95% interval", "n", "sparsity")
    ]
    assert re.split("  +", first.rstrip()) == [
        *("digits", "tanh, pre-trained", "3.14%", "3.00% to 3.28%", "3", "50%")
    ]
    assert failed.count("-") == 5
    assert len({len(line) for line in (head, first, failed)}) == 1


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a pipeline of one stage, outside git."""
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "params.yaml").write_text("a: 1\n")
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True
    )
    (tmp_path / ".dvc/config").write_text("[core]\n    analytics = false\n")
    return tmp_path


def reproduced(
    folder: Path, code: str = "from stages.project import _run_stages as run; run('dvc.yaml')"
) -> subprocess.CompletedProcess[str]:
    """Run the stage, or other code, in a new process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("git", [True, False])
def test_runs_print_no_advice(project: Path, git: bool) -> None:
    """DVC's advice on git and remotes is left out; a copy without git runs as well."""
    if git:
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    done = reproduced(project)
    assert done.returncode == 0, done.stderr
    assert (project / "out").read_text() == "a: 1\n"
    assert "Running stage 'copy'" in done.stdout
    assert "git" not in done.stdout
    assert "dvc push" not in done.stdout
    assert "didn't change" in reproduced(project).stdout


@pytest.mark.parametrize(("size", "copied"), [(0, True), (70, True), (-1, False)])
def test_a_cut_lock_file_is_restored(project: Path, size: int, copied: bool) -> None:
    """The copy of a stage, or the last commit, replaces a lock that a kill has cut."""
    reproduced(project)
    lock = project / "dvc.lock"
    whole = lock.read_bytes()
    if copied:
        copies = project / ".dvc/tmp/copies"
        copies.mkdir(parents=True)
        (copies / "dvc.lock").write_bytes(whole)
    else:
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
        subprocess.run(["git", "add", "dvc.lock"], cwd=project, check=True)
        author = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
        subprocess.run(["git", *author, "commit", "-qm", "lock"], cwd=project, check=True)
    lock.write_bytes(whole[:size])
    done = reproduced(project)
    assert done.returncode == 0, done.stderr
    origin = "the copy of the last run" if copied else "the last commit"
    assert done.stderr == f"dvc.lock was broken by a kill or a full disk: restored from {origin}\n"
    assert "didn't change" in done.stdout
    assert lock.read_bytes() == whole


def test_a_copy_restores_a_lock_file_without_git(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last commit is not needed then."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("PATH", "")
    lock, copy = Path("dvc.lock"), Path("copy")
    lock.write_bytes(b"schema: '2.0")
    copy.write_bytes(b"schema: '2.0'\nstages: {}\n")
    assert dvc_state._restore(lock, copy) == "restored from the copy of the last run"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_a_terminated_run_leaves_no_stage(project: Path) -> None:
    """SIGTERM of a supervisor reaches the command alone, which ends its stage's processes."""
    stage = "import pathlib, time; pathlib.Path('started').touch(); time.sleep(60)"
    (project / "dvc.yaml").write_text(f'stages:\n  wait:\n    cmd: python -c "{stage}"\n')
    code = "from stages.project import _run_stages as run; run('dvc.yaml')"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL)
    while not (project / "started").exists():
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGTERM
    _, alive = psutil.wait_procs(children, timeout=5)
    assert children
    assert not alive


def test_a_lock_file_without_a_copy_is_removed(project: Path) -> None:
    """The stages run again."""
    reproduced(project)
    (project / "dvc.lock").write_bytes(b"")
    done = reproduced(project)
    assert "removed; all stages in it run again" in done.stderr
    assert done.returncode == 0
    assert (project / "dvc.lock").read_bytes()


@pytest.mark.parametrize("content", [b"", b'{"write": {', b"[]"])
def test_a_broken_rwlock_is_removed(project: Path, content: bytes) -> None:
    """DVC's own message is that the JSON structure is corrupted, for every later run."""
    reproduced(project)
    (project / ".dvc/tmp/rwlock").write_bytes(content)
    done = reproduced(project)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("rwlock was broken by a kill or a full disk: removed\n")


def sleeping(seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])


def wait_for_end(number: int) -> None:
    """Wait until a process has ended, without reaping it."""
    while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


@pytest.mark.parametrize("state", ["running", "zombie", "started later"])
def test_only_a_process_that_lives_holds_the_rwlock(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To DVC any process of that number holds it, one that has ended or started later too."""
    monkeypatch.setattr(rwlock, "ENDING_SECONDS", 0.3)
    process = sleeping(0 if state == "zombie" else 60)  # not reaped before the end of the test
    if state == "zombie":
        wait_for_end(process.pid)
    path = tmp_path / "rwlock"
    path.write_text(json.dumps({"write": {"a": {"pid": process.pid, "cmd": "dvc"}}, "read": {}}))
    if state == "started later":
        os.utime(path, (0, 0))
    rwlock.repair(path)
    assert path.exists() == (state == "running")
    process.kill()
    process.wait()


def test_a_process_that_ends_is_awaited(tmp_path: Path) -> None:
    """The next run may start while a killed one still ends."""
    process = sleeping(0.5)
    path = tmp_path / "rwlock"
    path.write_text(json.dumps({"write": {}, "read": {"a": [{"pid": process.pid, "cmd": "dvc"}]}}))
    rwlock.repair(path)
    assert not path.exists()
    process.wait()


@pytest.mark.parametrize("size", [0, 1, 70, 145, -12, -1])
def test_cut_lock_files_are_not_whole(size: int) -> None:
    """A cut within a line is seen; DVC itself copes with a cut between two."""
    entry = b"schema: '2.0'\nstages:\n  copy:\n    cmd: copy\n    deps:\n    - path: params.yaml\n"
    entry += b"      hash: md5\n      md5: 8cd0e4adbf7ab3a2ccc8c4a3eb2b8f4f\n      size: 5\n"
    assert dvc_state.is_whole(entry)
    assert not dvc_state.is_whole(entry[:size])


def test_stages_keep_copies_of_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole lock is copied; a cut one leaves the copy as it was."""
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    for content in (b"stages: {}\n", b"stages: {"):
        Path("dvc.lock").write_bytes(content)
        dvc_state.keep_copies()
        assert Path(".dvc/tmp/copies/dvc.lock").read_bytes() == b"stages: {}\n"


def test_a_damaged_cache_object_is_not_restored(project: Path) -> None:
    """DVC would restore it without a word; deleted first, it is made again by its stage."""
    reproduced(project)
    (cached,) = project.glob(".dvc/cache/files/md5/*/*")
    cached.chmod(0o644)
    cached.write_text("b: 2\n")
    temporary = cached.with_name(f"{cached.name}.tmp")
    temporary.write_text("another process at work")
    (project / "out").unlink()
    done = reproduced(project)
    assert done.returncode == 0, done.stderr
    assert "damaged" in done.stderr
    assert (project / "out").read_text() == "a: 1\n"
    assert temporary.exists()


def test_hashes_of_folders_are_those_of_dvc(tmp_path: Path) -> None:
    """Names that sort differently as strings and as paths give DVC's hash all the same."""
    for name in ("out/bias-0/a", "out/bias-0.5/a", "out/b", "out/ü/a b"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    stage = "stages:\n  one:\n    cmd: 'true'\n    outs: [out]\n"
    (tmp_path / "dvc.yaml").write_text(stage)
    for command in (["init", "-q", "--no-scm"], ["commit", "-q", "-f"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=tmp_path, check=True)
    assert f"md5: {repair.md5(tmp_path / 'out')}\n" in (tmp_path / "dvc.lock").read_text()


def test_repair_deletes_outputs_that_differ_from_the_lock(project: Path) -> None:
    """Damage that DVC does not see, since size and time of the file are the same."""
    reproduced(project)
    out = project / "out"
    times = out.stat().st_atime_ns, out.stat().st_mtime_ns
    out.chmod(0o644)
    out.write_text("b: 2\n")
    os.utime(out, ns=times)
    reproduced(project)
    assert out.read_text() == "b: 2\n"
    done = reproduced(project, "from stages.repair import main; main()")
    assert "deleted out" in done.stdout, done.stderr
    assert not out.exists()
    reproduced(project)
    assert out.read_text() == "a: 1\n"


def test_a_failed_stage_fails_the_command(project: Path) -> None:
    """The error names the stage and its command; the status is 1."""
    (project / "dvc.yaml").write_text(DVC_YAML.replace("shutil.copy", "shutil.absent"))
    done = reproduced(project)
    assert done.returncode == 1
    assert "failed to reproduce 'copy'" in done.stderr
