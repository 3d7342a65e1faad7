"""Imports between the files of this repository, read from their source."""

import ast
from collections.abc import Set
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
CODE = ("pipeline", "stages", "benchmarks")


def file_of(module: str) -> Path | None:
    """Return the file of a module of this repository, None for any other module."""
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if module.split(".")[0] in CODE and candidate.exists():
            return candidate
    return None


@cache
def imported(path: Path) -> Set[Path]:
    """Return the repository's files that a file imports, at its top or inside its functions.

    A package's `__init__.py` counts where it is imported itself, not where one of its modules is.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name for name in modules if file_of(name)} or {node.module}
            if not all(map(file_of, modules)):
                names.add(node.module)
    return {file for name in names if (file := file_of(name))}


@cache
def loaded(path: Path) -> Set[Path]:
    """Return the repository's files that a file loads by name: all modules of a package.

    Found where its code calls `import_module(f"pipeline.<package>.{name}")`.
    """
    packages: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            parts = getattr(node.args[0], "values", [])
            packages += [part.value for part in parts if isinstance(part, ast.Constant)]
    folders = [ROOT / name.replace(".", "/") for name in packages]
    return {file for folder in folders for file in folder.glob("[!_]*.py")}


def closure(path: Path, *, without: Set[Path] = frozenset()) -> set[Path]:
    """Return a file and every file of the repository that it imports, directly or indirectly.

    Files of `without` are not followed.
    """
    reached, new = set(), {path}
    while new:
        reached |= new
        new = {file for path in new for file in imported(path)} - reached - without
    return reached
