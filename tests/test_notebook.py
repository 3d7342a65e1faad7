"""Notebooks for teaching run from top to bottom, and are committed with their outputs."""

import json
from pathlib import Path

import pytest

from tests.notebook import NOTEBOOKS, executed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_run(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each cell runs, with outputs of the same kinds as the committed ones."""
    monkeypatch.chdir(tmp_path)
    known = json.loads(path.read_text("utf-8"))["cells"]
    for before, now in zip(known, executed(path)["cells"], strict=True):
        kinds = [
            [output["output_type"] for output in cell.get("outputs", [])] for cell in (before, now)
        ]
        assert kinds[0] == kinds[1], before["source"]
        assert before.get("execution_count") == now.get("execution_count")
