"""Removal of damaged data, from DVC's cache and from the outputs of stages."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import typer

from stages import dvc_runs
from stages.shell import run

CACHE = Path(".dvc/cache/files/md5")
NAME = 30  # hexadecimal digits of a file name; 2 more are that of its folder
QUICK = 2**30  # bytes: to verify a larger cache before every run would take too long


def main() -> None:
    """Delete damaged files of DVC's cache, and cached outputs that differ from the lock files.

    DVC does not verify its cache, so a damaged file in it would replace good data. `make repro` or
    `make claims` makes the deleted files again.
    """
    with dvc_runs.opened() as repo:
        delete_damaged_objects()
        for out in repo.index.outs:
            path = Path(out.fs_path)
            if not (out.use_cache and out.hash_info and path.exists()):
                continue  # not in the lock file: of a stage that was run without DVC
            if md5(path) == out.hash_info.value:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            typer.echo(
                f"deleted {path.relative_to(Path.cwd())}: its hash is not that in the lock file"
            )


def delete_damaged_objects(most_bytes: int | None = None) -> None:
    """Delete files of DVC's cache whose hash differs from their name.

    Nothing is verified where the cache is larger than `most_bytes`.
    """
    files = sorted(CACHE.glob("??/*"))  # DVC's temporary files have longer names
    objects = [path for path in files if len(path.name.removesuffix(".dir")) == NAME]
    if most_bytes is not None and sum(path.stat().st_size for path in objects) > most_bytes:
        return
    for path in objects:
        if md5(path) != path.parent.name + path.name.removesuffix(".dir"):
            path.chmod(0o644)  # Windows deletes no read-only file
            path.unlink()
            typer.echo(f"deleted {path}: damaged", err=True)


def md5(path: Path) -> str:
    """Return DVC's hash of a file, or of a folder."""
    if path.is_dir():
        files = (file.relative_to(path) for file in path.rglob("*") if file.is_file())
        return folder_md5({file.as_posix(): md5(path / file) for file in files})
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_md5(hashes: Mapping[str, str]) -> str:
    """Return DVC's hash of a folder, that of its list of files, from the hash of each file."""
    names = sorted(hashes)  # as DVC sorts: "a.5/b" before "a/b"
    entries = [{"md5": hashes[name], "relpath": name} for name in names]
    content = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(content, usedforsecurity=False).hexdigest() + ".dir"


if __name__ == "__main__":
    run(main)
