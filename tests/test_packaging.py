"""Packaging: the wheel holds every module and template; pins and ranges agree."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import torch

from pipeline.runtime import device
from tests.imports import CODE, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    if "==" in line
)
OPTIONAL = {"jax", "ray", "triton"}
IMPORT_ALL = """
import importlib, pathlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    assert pathlib.Path(module.__file__).is_relative_to(pathlib.Path.cwd()), module.__file__
"""


def modules(folder: Path) -> dict[str, Path]:
    """Return the files of all modules of the code below a folder, by the name of the module."""
    paths = sorted(path for top in CODE for path in folder.joinpath(top).rglob("*.py"))
    names = (".".join(path.relative_to(folder).with_suffix("").parts) for path in paths)
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


def optional(path: Path) -> bool:
    """Tell whether a module imports, at its top, a library that the project does not require."""
    imported = re.findall(r"^(?:import|from) (\w+)", path.read_text("utf-8"), re.MULTILINE)
    return not OPTIONAL.isdisjoint(imported)


def test_every_folder_of_code_is_a_package() -> None:
    """A folder without `__init__.py` would be missing from the wheel."""
    folders = {path.parent for top in CODE for path in ROOT.joinpath(top).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_pins_lie_within_the_declared_ranges() -> None:
    """Torch is a range with an exact pin, and the pin is the version that the code names."""
    (torch_range,) = (one for one in PROJECT["project"]["dependencies"] if one.startswith("torch"))
    assert torch_range == "torch>=2.9,<3"
    assert PINS["torch"] == device.PINNED_TORCH
    assert any(one.startswith("setuptools") for one in PROJECT["dependency-groups"]["dev"])


def test_another_torch_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names both versions; builds of the pinned version for any device are silent."""
    for local in ("", "+cpu", "+cu130"):
        monkeypatch.setattr(torch, "__version__", device.PINNED_TORCH + local)
        assert device.torch_warning() is None
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    text = device.torch_warning()
    assert text is not None
    assert "2.9.1+cpu" in text
    assert device.PINNED_TORCH in text
    assert "\n" not in text


def test_an_editable_installation_is_silent(tmp_path: Path) -> None:
    """Setuptools warns of installations whose packages it has to map one by one."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "README.md").touch()
    for top in CODE:
        (tmp_path / top).mkdir()
        (tmp_path / top / "__init__.py").touch()
    build = "from setuptools import build_meta as b; b.build_editable('.', {})"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "Please be careful" not in done.stderr


@pytest.mark.slow
def test_the_wheel_has_every_module_and_template(tmp_path: Path) -> None:
    """Built without network from the sources alone, unpacked elsewhere, every module imports."""
    pytest.importorskip("pip")
    source = tmp_path / "source"
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for top in CODE:
        shutil.copytree(ROOT / top, source / top, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*build, "--wheel-dir", tmp_path, source], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    assert set(modules(unpacked)) == set(modules(ROOT))
    for path in (path for top in CODE for path in ROOT.joinpath(top).rglob("*.*")):
        if path.suffix not in (".py", ".pyc", ".nbc", ".nbi"):
            assert (unpacked / path.relative_to(ROOT)).exists(), f"{path} is not in the wheel"
    names = [name for name, path in modules(unpacked).items() if not optional(path)]
    names.remove("stages.__main__")
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALL, *names],
        cwd=unpacked, env=environment, check=True,
    )  # fmt: skip
