"""Committed files for tests: a run of the pipeline may have changed those of the working tree."""

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT

PATHS = ("README.md", "docs", "results", "claims", "params.yaml", "dvc.yaml", "dvc.lock")


def folder() -> Path:
    """Return a copy of the Markdown files, results, verdicts and params, from git's index.

    The calling test is skipped where the repository is not a git checkout.
    """
    copy = _copy()
    if copy is None:
        pytest.skip("needs a git checkout: committed results are read from git's index")
    return copy


def params() -> Path:
    """Return the committed params.yaml; that of the working tree where there is no git checkout."""
    return (_copy() or ROOT) / "params.yaml"


def content(path: Path | None = None) -> dict[str, Any]:
    """Return the content of a YAML file, by default of the committed params.yaml."""
    return dict(YAML(typ="safe", pure=True).load(path or params()))


def write(content: dict[str, Any], folder: Path = Path()) -> None:
    """Write the params.yaml of a folder."""
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(content, file)


@functools.cache
def _copy() -> Path | None:
    git = ["git", "-C", str(ROOT)]
    try:
        listed = subprocess.run(
            [*git, "ls-files", "-z", "--", *PATHS], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    if not listed.stdout:  # a folder within another repository
        return None
    copy = Path(tempfile.mkdtemp(prefix="committed-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    command = [*git, "checkout-index", "--stdin", "-z", f"--prefix={copy}/"]
    subprocess.run(command, input=listed.stdout, check=True)
    return copy
