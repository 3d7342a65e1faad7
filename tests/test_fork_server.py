"""Stages as forks of a server that has imported torch."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.runtime import instructions
from stages import forked_stages
from stages.fork_server import ForkServer
from tests.imports import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stages are forked on Linux alone")

REPORT = """
import atexit, os, sys
from pathlib import Path
assert __name__ == "__main__" and "torch" in sys.modules and "stages" not in sys.modules
assert sys.path[0] == os.getcwd() and not sys.stdin.read()
torch = sys.modules["torch"]
assert torch.backends.cpu.get_cpu_capability() == "AVX2" or not os.environ["CHOSEN"]
atexit.register(Path("exited").touch)
Path("seen").write_text(f"{sys.argv[1:]} {os.environ['VALUE']}")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """Yield a server that has to choose the instructions of torch by itself."""
    with pytest.MonkeyPatch.context() as patch:
        for name in instructions.common():
            patch.delenv(name, raising=False)
        # A test run in the background of a shell ignores Ctrl-C, and so do its child processes.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        with ForkServer() as server:
            signal.signal(signal.SIGINT, before)
            yield server


def test_a_fork_runs_a_module_as_python_does(server: ForkServer, tmp_path: Path) -> None:
    """Arguments, folder, environment, exit handlers; torch is imported, its instructions chosen."""
    (tmp_path / "reporting.py").write_text(REPORT)
    environment = {"VALUE": "ü", "CHOSEN": "yes" if instructions.common() else ""}
    assert server.run(["reporting", "a b"], str(tmp_path), environment) == 0
    assert (tmp_path / "seen").read_text() == "['a b'] ü"
    assert (tmp_path / "exited").exists()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(3)", 3),
        ("raise ValueError", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import signal; signal.raise_signal(signal.SIGINT)", -signal.SIGINT),
        ("import threading, time; threading.Thread(target=time.sleep, args=[0.1]).start()", 0),
    ],
)
def test_the_status_of_a_fork(server: ForkServer, tmp_path: Path, code: str, status: int) -> None:
    """Exceptions, kills and Ctrl-C end a fork as they end Python."""
    (tmp_path / "ending.py").write_text(code)
    assert server.run(["ending"], str(tmp_path), {}) == status


def test_a_fork_reads_the_code_of_now(server: ForkServer, tmp_path: Path) -> None:
    """A module that was edited between two stages is not the one of the first stage.

    Its length changes too: Python's cached bytecode is valid for a second's edits of one length.
    """
    for status in (4, 55):
        (tmp_path / "edited.py").write_text(f"raise SystemExit({status})")
        assert server.run(["edited"], str(tmp_path), {}) == status


def test_a_killed_server_is_a_failed_stage(tmp_path: Path) -> None:
    """The command ends; it does not wait for a status."""
    with ForkServer() as server:
        server.process.kill()
        server.process.wait()
        assert server.run(["edited"], str(tmp_path), {}) == 1


def test_sigterm_ends_server_and_fork(tmp_path: Path) -> None:
    """SIGTERM of a supervisor reaches the command alone."""
    (tmp_path / "waiting.py").write_text("import time, pathlib\npathlib.Path('on').touch()\n")
    with (tmp_path / "waiting.py").open("a") as file:
        file.write("time.sleep(60)")
    code = (
        "from stages.fork_server import ForkServer\nfrom stages.termination import together\n"
        f"with together(), ForkServer() as server: server.run(['waiting'], '{tmp_path}', {{}})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not (tmp_path / "on").exists():
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGTERM
    _, alive = psutil.wait_procs(children, timeout=5)
    assert len(children) == 2
    assert not alive


class Recorder:
    """Stands for the server: keeps the commands and returns a status."""

    commands: list[tuple[object, ...]]
    status = 0

    def __enter__(self) -> "Recorder":
        Recorder.commands = []
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, *command: object) -> int:
        self.commands.append(command)
        return self.status


def test_dvc_forks_stages_that_import_torch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DVC runs other commands by a shell; a status that is not 0 is a failed stage."""
    from dvc.stage import run
    from dvc.stage.exceptions import StageCmdFailedError

    monkeypatch.setattr(forked_stages, "ForkServer", Recorder)
    stage, environment = "python -m stages.finetune --dataset 'a b'", {**os.environ, "A": "1"}
    before = run._run
    with forked_stages.forked():
        settings = {"cwd": str(tmp_path), "env": environment, "shell": False}
        run._run("/bin/sh", "echo $A > out", **settings)
        run._run("/bin/sh", stage, **settings)
        Recorder.status = -9
        with pytest.raises(StageCmdFailedError, match="-9"):
            run._run("/bin/sh", stage, **settings)
    assert run._run is before
    assert (tmp_path / "out").read_text() == "1\n"
    assert (
        Recorder.commands
        == [(["stages.finetune", "--dataset", "a b"], str(tmp_path), environment)] * 2
    )


@pytest.mark.parametrize(
    ("command", "forked"),
    [
        ("python -m stages.sweep digits", True),
        ("python -m stages.report", False),
        ("python -m pytest", False),
        ("python3 mine.py", False),
    ],
)
def test_commands_that_import_torch(command: str, forked: bool) -> None:
    assert forked_stages.imports_torch(command) == forked
