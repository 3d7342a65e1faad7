"""The README's numbers are those of results/, its stages those of dvc.yaml."""

from pathlib import Path

import pytest

from pipeline.report.markdown import readme
from stages.readme import blocks
from tests.imports import ROOT

FOLDERS = ("results", "claims")
FILES = [ROOT / "README.md", *(p for d in FOLDERS for p in sorted(ROOT.glob(f"{d}/*/README.md")))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_parts_are_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make readme` would change nothing."""
    monkeypatch.chdir(ROOT)
    text = path.read_text()
    assert "<!-- begin: " in text
    assert readme.refresh(text, blocks()) == text


def test_unknown_blocks_are_left_alone() -> None:
    """A block that nobody generates keeps its content."""
    text = "<!-- begin: mine -->\nkept\n<!-- end: mine -->"
    assert readme.refresh(text, {"other": "new"}) == text
