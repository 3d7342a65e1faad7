"""Campaign of kills: the documented commands always continue, to the same results.

`python -m tests.campaigns.kills --kills 100` runs a miniature of the project, kills its whole
process group at random moments of all stages, and within DVC's writes of its lock files, and
starts it again. In the end all outputs must be those of an uninterrupted run, byte for byte.
"""

import argparse
import json
import random
import re
import subprocess
from collections import Counter
from pathlib import Path

from stages.dvc_state import LOCKS, is_whole
from tests.campaigns import miniature

HERE = str(Path(__file__).parent)  # of sitecustomize.py
# The moments of the kills in turn: a file that DVC is writing, or any.
MOMENTS = ("any", "dvc.lock", "any", "rwlock")
OPENINGS = {"dvc.lock": 2, "rwlock": 6}  # at most, of that file before the kill
SECONDS = {"dvc.lock": 0.1, "rwlock": 0.001}  # of a write, about
SHARE = 0.1  # of an uninterrupted run, after which a kill at any moment comes at the latest


def killed(folder: Path, moment: str, draws: random.Random, seconds: float) -> bool:
    """Start the commands and kill them at such a moment; return whether they ended before."""
    options = {}
    if moment != "any":
        kill_in = f"{moment}:{draws.randint(1, OPENINGS[moment])}:{SECONDS[moment]}"
        options = {"KILL_IN": kill_in, "PYTHONPATH": HERE}
    process = miniature.start(folder, miniature.EVERYTHING, **options)
    try:
        status = process.wait(draws.uniform(0, SHARE * seconds) if moment == "any" else None)
    except subprocess.TimeoutExpired:
        status = None
    miniature.kill(process)
    if status and "Alarm clock" not in miniature.output():
        raise SystemExit(f"failed: {miniature.output()[-3000:]}")
    return status == 0


def stage_of(output: str) -> str:
    """Return the last stage that a run began, without its matrix."""
    stages = re.findall(r"Running stage '(?:.*:)?([a-z]+)", output)
    return stages[-1] if stages else "start of a command"


def cut(folder: Path) -> list[str]:
    """Return DVC's files that are no longer whole."""
    locks = [path for path in LOCKS if not is_whole((folder / path).read_bytes())]
    rwlock = folder / ".dvc/tmp/rwlock"
    try:
        json.loads(rwlock.read_text() if rwlock.exists() else "{}")
    except ValueError:
        return [*map(str, locks), "rwlock"]
    return [*map(str, locks)]


def main() -> None:
    """Run the campaign; print a line a kill, and a summary."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=0, help="of the moments")
    options = arguments.parse_args()
    draws, stages, broken = random.Random(options.seed), Counter[str](), Counter[str]()
    ended = 0
    with miniature.project() as folder:
        seconds = miniature.finish(folder)
        wanted = miniature.outputs(folder)
        print(f"uninterrupted: {seconds:.0f} s, {len(wanted)} files", flush=True)
        miniature.clear(folder)
        while stages.total() < options.kills:
            moment = MOMENTS[stages.total() % len(MOMENTS)]
            if killed(folder, moment, draws, seconds):
                ended += 1
                found = miniature.different(miniature.outputs(folder), wanted)
                assert not found, f"other results: {found}"
                print("ended before its kill, with the same results; begun anew", flush=True)
                miniature.clear(folder)
                continue
            stage, files = stage_of(miniature.output()), cut(folder)
            stages[stage] += 1
            broken.update(files)
            print(
                f"kill {stages.total()} ({moment}): {stage}; cut: {', '.join(files) or 'nothing'}",
                flush=True,
            )
        miniature.finish(folder)
        found = miniature.different(miniature.outputs(folder), wanted)
        assert not found, f"other results: {found}"
    by_stage = ", ".join(f"{stage} {count}" for stage, count in sorted(stages.items()))
    files = ", ".join(f"{name} {count}" for name, count in sorted(broken.items())) or "none"
    print(
        f"{stages.total()} of {options.kills} kills continued, {ended + 1} runs to the end with the"
        f" same bytes in {len(wanted)} files. By stage: {by_stage}. Cut files of DVC: {files}."
    )


if __name__ == "__main__":
    main()
