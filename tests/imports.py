"""What a module imports from this repository, told from its source."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent


def file_of(module: str) -> Path | None:
    """Return the file of a module of this repository, None for any other."""
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if module.split(".")[0] in ("pipeline", "stages") and candidate.exists():
            return candidate
    return None


def imported(path: Path) -> set[Path]:
    """Return the repository's files that a file imports, at its top or inside its functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {file for name in names if (file := file_of(name))}


def closure(path: Path) -> set[Path]:
    """Return a file and everything of the repository that it imports, however indirectly."""
    found, new = set(), {path}
    while new:
        found |= new
        new = {file for path in new for file in imported(path)} - found
    return found
