"""Server that imports torch, for seconds, once; the stages that DVC runs are forked from it."""

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from stages import terminal

# Only libraries: a stage reads the code of this project when it starts, as DVC has hashed it.
LIBRARIES = (
    *("torch", "safetensors.torch", "scipy.stats", "pydantic", "typer"),
    *("joblib.externals.loky", "llvmlite.binding", "psutil"),
)


class ForkServer:
    """Process of `serve`, which runs one module at a time."""

    def __enter__(self) -> "ForkServer":
        """Start the process."""
        read, write = os.pipe()
        server = [sys.executable, "-m", __name__, str(write)]
        self.process = subprocess.Popen(server, stdin=subprocess.PIPE, pass_fds=[write])
        os.close(write)
        self.statuses = os.fdopen(read, encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.process.communicate()
        self.statuses.close()

    def run(self, command: Sequence[str], folder: str, environment: Mapping[str, str]) -> int:
        """Run `python -m command` in a folder with environment variables; return its status.

        Ctrl-C ends the module, not this process. The status is 1 where the server was killed.
        """
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            assert self.process.stdin
            request = json.dumps([command, folder, dict(environment)]) + "\n"
            self.process.stdin.write(request.encode())
            self.process.stdin.flush()
            return int(self.statuses.readline() or 1)
        except BrokenPipeError:
            return 1
        finally:
            signal.signal(signal.SIGINT, before)


def serve(requests: IO[str], statuses: IO[str]) -> None:
    """Run each requested module in a fork and write its status; return at the end of each fork."""
    on_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    terminal.choose_instructions()
    for library in LIBRARIES:
        with suppress(ImportError):  # the stage that needs the library reports it
            importlib.import_module(library)
    for request in requests:
        if fork := os.fork():
            _, status = os.waitpid(fork, 0)
            print(os.waitstatus_to_exitcode(status), file=statuses, flush=True)
        else:
            signal.signal(signal.SIGINT, on_interrupt)
            statuses.close()
            _run_module(*json.loads(request))
            return


def _run_module(command: list[str], folder: str, environment: dict[str, str]) -> None:
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())  # which has the requests to the server
    os.chdir(folder)
    os.environ.update(environment)
    for name in [*sys.modules]:
        if name.startswith(("pipeline", "stages")):
            del sys.modules[name]
    sys.argv, sys.path[0] = command, folder
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(sys.stdin, os.fdopen(int(sys.argv[1]), "w"))
