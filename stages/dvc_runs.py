"""Runs of DVC from a command, without its hints about git, and without git if there is none."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages import dvc_state, pulled, termination
from stages.forked_stages import forked


def checked_params() -> Any:
    """Return params.yaml. Raises Problem where it is wrong: DVC would not say in which way."""
    from pipeline.config import params

    return params.load()


def reproduce(file: str) -> None:
    """Run the stages of a dvc.yaml file that are out of date. Exits with status 1 on failure."""
    with opened() as repo, termination.together(), forked():
        repo.reproduce([file], repro_fn=pulled.reproduce_stage)


def commit(file: str) -> None:
    """Record the files on disk as the outputs of a dvc.yaml file's stages, without running them."""
    with opened() as repo:
        repo.commit(file, force=True)


@contextmanager
def opened() -> Iterator[Any]:
    """Yield DVC's repository with its files in order. Exits with status 1 on DVC's errors."""
    _find_python_first()
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import SCM, SCMError

    try:
        SCM(".")
        config = {}
    except SCMError:  # a downloaded archive
        config = {"core": {"no_scm": True}}
    logging.getLogger("dvc.repo.scm_context").setLevel(logging.WARNING)
    try:
        with Repo(".", config=config) as repo:
            dvc_state.repair(repo)
            yield repo
    except DvcException:
        logging.getLogger("dvc").exception("")  # DVC's own handlers print it as one line
        raise SystemExit(1) from None


def run(command: list[str]) -> None:
    """Run a command. Exits with its status on failure."""
    _find_python_first()
    with termination.together():
        status = subprocess.run(command, check=False).returncode
    if status:
        raise SystemExit(status)


def _find_python_first() -> None:
    """Let `python` of dvc.yaml be the interpreter of this command.

    DVC runs stages by the user's shell, which may set another PATH or allow no command.
    """
    if os.name != "nt":
        os.environ["SHELL"] = "/bin/sh"
    folders = [str(Path(sys.executable).parent), *os.environ.get("PATH", "").split(os.pathsep)]
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys(folders))
