"""Files that DVC pulls from a remote instead of running their stages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

RAW = "data/raw/"


def reproduce_stage(stage: Any, **options: Any) -> Any:
    """Run a stage if it is out of date; raw files that no stage has to read may be absent.

    DVC does not cache them: a clone that pulled the splits would download them, only to skip the
    stage that reads them.
    """
    from dvc.repo.reproduce import _reproduce_stage

    return _reproduce_stage(stage, **options | {"allow_missing": _lacks_only_unread_files(stage)})


def _lacks_only_unread_files(stage: Any) -> bool:
    """Return whether raw files of a stage are absent, and their readers need not run."""
    files = (*stage.outs, *stage.deps)
    absent = {file.fs_path for file in files if file.def_path.startswith(RAW) and not file.exists}
    if not absent:  # to find readers, DVC reads all its files again
        return False
    readers = [s for s in stage.repo.index.stages if absent & {dep.fs_path for dep in s.deps}]
    return bool(readers) and all(
        all(out.exists for out in reader.outs) and not reader.changed(allow_missing=True)
        for reader in readers
    )


def hashes(repo: Any, paths: Sequence[Path]) -> dict[Path, str | None]:
    """Return the MD5 that DVC's lock files have of each path; pull absent ones from a remote."""
    from dvc.exceptions import DvcException

    outs = {Path(out.fs_path).relative_to(repo.root_dir): out for out in repo.index.outs}
    absent = [str(path) for path in paths if path in outs and not path.exists()]
    if absent and repo.config["core"].get("remote"):
        try:
            repo.pull(absent, allow_missing=True)
        except DvcException as error:
            typer.echo(f"warning: dvc pull: {error}", err=True)
    return {path: outs[path].hash_info.value if path in outs else None for path in paths}
