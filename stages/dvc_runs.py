"""Runs of DVC from a command: without its advice on git, and without git where there is none."""

import logging
import os
import subprocess
import sys
from pathlib import Path


def reproduce(file: str) -> None:
    """Run the stages of a dvc.yaml file that are out of date. Exits with status 1 on failure."""
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
            repo.reproduce([file])
    except DvcException:
        logging.getLogger("dvc").exception("")  # DVC's own handlers print it as one line
        raise SystemExit(1) from None


def experiment(targets: list[str], overrides: list[str]) -> None:
    """Run `dvc exp run` with overrides of params.yaml. Exits with its status on failure.

    DVC commits what it ran to a hidden git reference: without a git identity, in a made-up name.
    """
    for key, default in (("NAME", "paper"), ("EMAIL", "paper@localhost")):
        known = _git_config(f"user.{key.lower()}") or default
        author = os.environ.setdefault(f"GIT_AUTHOR_{key}", known)
        os.environ.setdefault(f"GIT_COMMITTER_{key}", author)
    settings = [part for override in overrides for part in ("-S", override)]
    run([sys.executable, "-m", "dvc", "exp", "run", *settings, *targets])


def run(command: list[str]) -> None:
    """Run a command. Exits with its status on failure."""
    _find_python_first()
    if status := subprocess.run(command, check=False).returncode:
        raise SystemExit(status)


def _find_python_first() -> None:
    """Let `python` of dvc.yaml be the interpreter of this command."""
    folders = [str(Path(sys.executable).parent), *os.environ.get("PATH", "").split(os.pathsep)]
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys(folders))


def _git_config(key: str) -> str:
    try:
        command = ["git", "config", key]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
