"""Campaign of full disks: with space again, the same command goes on to the same results.

`python -m tests.campaigns.full_disk` runs the pipeline in a miniature on a small disk in memory,
at 20 sizes from nearly no space to nearly enough; then gives it space, and runs it again. Mounting
needs root: without it nothing is run.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.campaigns import miniature

COMMAND = [*miniature.STAGES, "repro"]
ROOMY = 1 << 30  # bytes
LEVELS = 20


@contextmanager
def disk() -> Iterator[Path]:
    """Yield the folder of a disk in memory; it is unmounted in every case."""
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "tmpfs", folder]
        try:
            mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
            fault = mounted.stderr.strip() if mounted.returncode else None
        except OSError as error:
            fault = str(error)
        if fault is not None:
            raise SystemExit(f"skipped: no disk can be mounted here ({fault})")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def resize(folder: Path, size: int) -> None:
    """Give a disk another size in bytes."""
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


def used(folder: Path) -> int:
    """Return the bytes in use on a disk."""
    state = os.statvfs(folder)
    return (state.f_blocks - state.f_bfree) * state.f_frsize


def last_words(output: str) -> str:
    """Return the last line of an output that names the full disk, else its last line."""
    lines = [line for line in output.splitlines() if line.strip()]
    named = [line for line in lines if "No space" in line or "disk is full" in line]
    return (named or lines)[-1].strip()


def main() -> None:
    """Run the campaign; print a line a level, and a summary."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    help_ = f"from 1 to {LEVELS}; all by default"
    arguments.add_argument("levels", nargs="*", type=int, help=help_)
    levels = arguments.parse_args().levels or range(1, LEVELS + 1)
    full = 0
    with disk() as mounted:
        folder = miniature.clone(mounted / "project")
        miniature.finish(folder, COMMAND)
        wanted, needed = miniature.outputs(folder), used(mounted)
        miniature.clear(folder)
        needed -= used(mounted)
        for level in levels:
            miniature.clear(folder)
            share = (level - 0.5) / LEVELS
            resize(mounted, used(mounted) + int(needed * share))
            status = miniature.start(folder, COMMAND).wait()
            said = last_words(miniature.output()) if status else "enough"
            full += bool(status)
            resize(mounted, ROOMY)
            miniature.finish(folder, COMMAND)
            found = miniature.different(miniature.outputs(folder), wanted)
            assert not found, f"other results: {found}"
            print(f"{share:.1%} of {needed >> 10} KiB: {said[:300]}", flush=True)
    print(
        f"{len(levels)} levels, {full} with an error: with space again, `python -m stages repro` "
        f"went on to the same bytes in {len(wanted)} files in every case"
    )


if __name__ == "__main__":
    main()
