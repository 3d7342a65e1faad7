"""Stages forked from a server with torch, in place of the shells that DVC starts."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from stages.fork_server import ForkServer

WITHOUT_TORCH = ("stages.claims", "stages.judge", "stages.report")


@contextmanager
def forked() -> Iterator[None]:
    """Let DVC fork the stages that import torch, on Linux; a server starts with the first one.

    Windows has no fork, and on macOS libraries of the system may crash after one.
    """
    from dvc.stage import run
    from dvc.stage.exceptions import StageCmdFailedError

    by_shell = getattr(run, "_run", None)
    if sys.platform != "linux" or by_shell is None:  # another version of DVC may have no such name
        yield
        return
    servers = ExitStack()
    server: ForkServer | None = None

    def run_command(executable: str, command: str, **settings: Any) -> None:
        nonlocal server
        if not imports_torch(command):
            by_shell(executable, command, **settings)
            return
        server = server or servers.enter_context(ForkServer())
        if status := server.run(shlex.split(command)[2:], settings["cwd"], settings["env"]):
            raise StageCmdFailedError(command, status)

    run._run = run_command
    try:
        with servers:
            yield
    finally:
        run._run = by_shell


def imports_torch(command: str) -> bool:
    """Return whether a command of dvc.yaml is a stage of this project that imports torch."""
    python, _, module = command.partition(" -m ")
    name = module.partition(" ")[0]
    return python == "python" and name.startswith("stages.") and name not in WITHOUT_TORCH
