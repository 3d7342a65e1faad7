"""MNIST at the scale of the paper, on a GPU."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from stages.dvc_runs import checked_params, opened
from stages.dvc_runs import run as run_command

Overrides = Annotated[
    list[str] | None, typer.Argument(help="overrides of params.yaml, e.g. run.seeds=2")
]

# MNIST as the paper trained it: the column of Table 1, and the networks of Figure 3.
SETTINGS = (
    *("run.datasets=[mnist]", "run.seeds=5", "run.experiments=[sparsity]"),
    *("pretrain.epochs=30", "pretrain.patience=30", "finetune.epochs=100", "finetune.patience=20"),
    "experiments.sparsity.networks=200",
)


def main(overrides: Overrides = None) -> None:
    """Run MNIST at the paper's scale, which takes days on a CPU; run again, it resumes."""
    checked_params()
    settings = [*SETTINGS, *(overrides or [])]
    _experiment([], settings)
    _experiment(["claims/dvc.yaml:score@mnist-sparsity"], settings)
    for command in (["stages.judge", "mnist"], ["stages.readme"]):
        run_command([sys.executable, "-m", *command])


def _experiment(targets: list[str], overrides: list[str]) -> None:
    """Run `dvc exp run` with overrides of params.yaml. Exits with its status on failure.

    DVC commits what it ran to a hidden git reference: without a git identity, in a made-up name.
    """
    for key, default in (("NAME", "paper"), ("EMAIL", "paper@localhost")):
        known = _git_config(f"user.{key.lower()}") or default
        author = os.environ.setdefault(f"GIT_AUTHOR_{key}", known)
        os.environ.setdefault(f"GIT_COMMITTER_{key}", author)
    with opened():
        pass  # repairs DVC's files
    settings = [part for override in overrides for part in ("-S", override)]
    run_command([sys.executable, "-m", "dvc", "exp", "run", *settings, *targets])


def _git_config(key: str) -> str:
    try:
        command = ["git", "config", key]
        found = subprocess.run(command, capture_output=True, check=False).stdout
        return found.decode(errors="replace").strip()
    except OSError:
        return ""
