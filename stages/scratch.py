"""Scratch folder in which stages run on links to their inputs, without changing project files.

Hashes of folders are not linked, so that networks in changed files are measured as well.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.derivations import Derivation

if TYPE_CHECKING:
    from pipeline.verification.agreement import Rule
    from pipeline.verification.findings import Finding

NEEDS = "networks or splits are missing: run `make repro`, or `dvc pull`"


@contextlib.contextmanager
def scratch(inputs: Sequence[Path], sections: Mapping[str, Any]) -> Iterator[None]:
    """Make a folder with the inputs the current one; `sections` replace those of params.yaml."""
    from ruamel.yaml import YAML

    from pipeline.runtime.storage import HASHES

    params = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    params |= {name: params[name] | section for name, section in sections.items()}
    files = [
        file
        for path in inputs
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file() and file.name != HASHES
    ]
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            link = Path(folder, file)
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                link.symlink_to(file.absolute())
            except OSError:  # a system without links
                shutil.copyfile(file, link)
        with Path(folder, "params.yaml").open("w", encoding="utf-8") as stream:
            YAML().dump(params, stream)
        with contextlib.chdir(folder):
            yield


def compared(one: Derivation, sections: "Mapping[str, Any]", rule: "Rule") -> "Iterator[Finding]":
    """Derive outputs again and yield how each agrees with the recorded one."""
    from pipeline.runtime.errors import Problem
    from pipeline.verification.findings import Finding, of_file

    names = [str(path) for path in one.outputs]
    if not all(path.exists() for path in one.inputs):
        yield from (Finding(name, "not verified", details=[NEEDS]) for name in names)
        return
    try:
        with scratch(one.inputs, sections):
            one.call()
            made = [path.read_bytes() for path in one.outputs]
    except Problem as problem:
        yield from (Finding(name, "different", details=[str(problem)]) for name in names)
        return
    yield from (
        of_file(path, content, rule) for path, content in zip(one.outputs, made, strict=True)
    )
