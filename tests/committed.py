"""Committed files for tests: a run of the pipeline may have changed those of the working tree."""

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.imports import ROOT

PATHS = ("README.md", "docs", "results", "claims", "params.yaml", "dvc.yaml")


@functools.cache
def folder() -> Path:
    """Return a copy of the README files, results and verdicts as git's index has them.

    The calling test is skipped where the repository is not a git checkout.
    """
    git = ["git", "-C", str(ROOT)]
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--", *PATHS], capture_output=True, check=False
    )
    if listed.returncode or not listed.stdout:
        pytest.skip("needs a git checkout: the committed results are not in the index")
    copy = Path(tempfile.mkdtemp(prefix="committed-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    command = [*git, "checkout-index", "--stdin", "-z", f"--prefix={copy}/"]
    subprocess.run(command, input=listed.stdout, check=True)
    return copy
