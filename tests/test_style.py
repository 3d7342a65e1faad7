"""Style: sizes, names, imports of the outside world, plain words in docstrings and messages."""

import ast
import re
from pathlib import Path
from statistics import median, quantiles

import pytest

from tests.imports import ROOT, imported

LIBRARY = sorted([*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("benchmarks/*.py")])
STAGES = sorted(ROOT.glob("stages/*.py"))
READS_THE_WORLD = {"params.py", "device.py"}
# All code but this file, which holds the words themselves.
PROSE = sorted({*LIBRARY, *STAGES, *ROOT.glob("tests/*.py")} - {Path(__file__)})
BANNED_NAMES = re.compile(r"Manager|Helper|Handler|Utils|^Base|_(utils|common|helpers?)$")

# An opening that only its neighbors explain, and words of private language.
BANNED_OPENING = re.compile(r"(What|Who|How|Where)(ever)?\b")
BANNED_WORDS = re.compile(r"\b(told|nobody|everybody|those that)\b", re.IGNORECASE)
# The wording of a claim, which claims.csv holds.
WORDING = "no longer than those that skip zeros"


def functions(path: Path) -> list[ast.FunctionDef]:
    return [
        n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.FunctionDef)
    ]


def lines(function: ast.FunctionDef) -> int:
    """Return a function's lines of code: neither signature nor docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    assert function.end_lineno is not None
    return function.end_lineno - body[0].lineno + 1 if body else 0


def test_functions_are_small() -> None:
    """Median at most 10 lines of code, nine in ten at most 30, none over 60."""
    sizes = [lines(function) for path in LIBRARY for function in functions(path)]
    assert median(sizes) <= 10
    assert quantiles(sizes, n=10)[-1] <= 30
    assert max(sizes) <= 60


@pytest.mark.parametrize("path", LIBRARY + STAGES, ids=lambda path: path.name)
def test_files_are_small(path: Path) -> None:
    """One concept a file: 400 lines in the library, 90 in a stage."""
    assert len(path.read_text("utf-8").splitlines()) <= (90 if path in STAGES else 400)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_the_library_does_not_look_outside(path: Path) -> None:
    """No argv, YAML, environment, ambient randomness or pickle; no import of a stage."""
    text = path.read_text("utf-8")
    words = r"typer|sys\.argv|torch\.manual_seed|np\.random\.(?!Generator|Philox|default_rng)"
    words += r"|import pickle|(?<!safetensors\.)torch\.load\("
    if path.name not in READS_THE_WORLD:
        words += r"|ruamel|os\.environ|getenv"
    code = ast.unparse(_without_docstrings(ast.parse(text)))
    assert not re.findall(words, code)
    assert not [file for file in imported(path) if file.parent.name == "stages"]


@pytest.mark.parametrize("path", LIBRARY + STAGES, ids=lambda path: path.name)
def test_text_files_name_their_encoding(path: Path) -> None:
    """Text is UTF-8 (or the user's choice) on every machine, never what its locale says."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        values = [*node.args, *(word.value for word in node.keywords)]
        given = [value.value for value in values if isinstance(value, ast.Constant)]
        named = "encoding" in [word.arg for word in node.keywords]
        if name in ("read_text", "write_text"):
            assert named or "utf-8" in given, ast.unparse(node)
        elif name == "open":
            binary = any(isinstance(mode, str) and "b" in mode for mode in given)
            of_library = ast.unparse(node.func).split(".")[0] in (
                "gzip",
                "tarfile",
                "Image",
                "archive",
            )
            assert named or binary or of_library, ast.unparse(node)


@pytest.mark.parametrize("path", LIBRARY + STAGES, ids=lambda path: path.name)
def test_names_are_nouns_of_the_field(path: Path) -> None:
    """Nothing is called Manager, Helper, Handler, Utils or Base."""
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef)
    names = [node.name for node in ast.walk(tree) if isinstance(node, kinds)] + [path.stem]
    assert not [name for name in names if BANNED_NAMES.search(name)]


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_open_with_a_noun_or_verb(path: Path) -> None:
    """No module, class or function is introduced by What, Who, How or Where."""
    assert [text for text in _docstrings(path) if BANNED_OPENING.match(text)] == []


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_messages_are_plain(path: Path) -> None:
    """No `told`, `nobody`, `everybody` or `those that` in a docstring or in any other string."""
    strings = [
        node.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [text for text in strings if BANNED_WORDS.search(text.replace(WORDING, ""))] == []


def _docstrings(path: Path) -> list[str]:
    """Return the docstrings of a module, of its classes and of its functions."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, kinds)
    ]
    return [text for node in nodes if (text := ast.get_docstring(node))]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree
