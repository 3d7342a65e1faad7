"""Campaign of random kills: the documented command must always continue, with the same results.

`python -m tests.campaigns.kills --kills 40` runs a miniature pipeline in a copy of the project,
kills its whole process group at random times, and starts it again, until the kills are spent. Then
it damages files one by one. Prints a line for each trial, and fails at the first bad one.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "stages", "repro"]
# Files that a kill or a full disk can cut, and outputs of every stage.
VICTIMS = (
    *("dvc.lock", ".dvc/tmp/rwlock", "mlflow.db"),
    *(f"data/ready/digits/{split}.npz" for split in ("train", "valid", "test")),
    *(
        f"runs/{kind}/digits/rectifier-pretrained/{name}"
        for kind in ("start", "networks", "scores")
        for name in ("weights.safetensors", "records.jsonl", "about.json", "hashes.json")
    ),
    *(f"results/digits/{name}" for name in ("table.csv", "runs.csv", "card.json", "filters.npz")),
    "report/index.html",
)


def copy_project(folder: Path) -> None:
    """Clone the project with small params; commit them, as users do."""
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    params = YAML(typ="safe", pure=True).load(folder / "params.yaml")
    params["run"] |= {"datasets": ["digits"], "activations": ["rectifier"], "seeds": 2}
    params["datasets"]["digits"] |= {"network": {"hidden": [12]}, "pretrain": {"epochs": 2}}
    params["datasets"]["digits"]["finetune"] = {"epochs": 2}
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(params, file)
    author = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run(["git", *author, "commit", "-qam", "Small"], cwd=folder, check=True)


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the documented command in a process group of its own."""
    environment = os.environ | {"PYTHONPATH": str(folder), "DEVICE": "cpu"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with (folder.parent / "output.txt").open("wb") as output:
        return subprocess.Popen(
            COMMAND,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(folder: Path) -> float:
    """Run the command to its end; return its seconds. Exits where it fails."""
    begin = time.monotonic()
    if start(folder).wait():
        sys.exit(f"failed: {(folder.parent / 'output.txt').read_text()[-3000:]}")
    return time.monotonic() - begin


def results_of(folder: Path) -> dict[str, str]:
    """Return the hashes of all results, weights and records."""
    files = [
        path for top in ("results/digits", "runs/networks") for path in folder.glob(f"{top}/**/*")
    ]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if path.is_file()
    }


def clear(folder: Path) -> None:
    """Delete everything that the stages write, and the cache."""
    for name in ("runs", "data", "report", "mlartifacts", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "mlflow.db").unlink(missing_ok=True)
    subprocess.run(["git", "checkout", "-q", "."], cwd=folder, check=True)


def kill_at_random(folder: Path, draws: random.Random, kills: int, seconds: float) -> int:
    """Kill the command at random times within `seconds`; return how often it ended before.

    Every other kill comes in the middle of DVC's next writing of its lock file.
    """
    complete = 0
    for trial in range(kills):
        process, delay = start(folder), draws.uniform(0, seconds)
        try:
            status = process.wait(delay)
        except subprocess.TimeoutExpired:
            if trial % 2:
                wait_for_write(folder / "dvc.lock", process)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            cut = (folder / "dvc.lock").stat().st_size
            print(f"kill {trial + 1}: after {delay:.1f} s, dvc.lock has {cut} bytes", flush=True)
            continue
        if status:
            sys.exit(f"failed: {(folder.parent / 'output.txt').read_text()[-3000:]}")
        complete += 1
        print(f"kill {trial + 1}: came after the end; everything is deleted", flush=True)
        clear(folder)
    return complete


def wait_for_write(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a file becomes shorter, while it is rewritten, or the process ends."""
    size = path.stat().st_size
    while process.poll() is None and path.stat().st_size >= size:
        size = path.stat().st_size
        time.sleep(0.0005)


def damage(path: Path, how: str) -> bytes:
    """Return the content of a damaged file: empty, cut, or with a bit flipped."""
    content = path.read_bytes()
    half = len(content) // 2
    flipped = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    return {"empty": b"", "cut": content[:half], "flipped": flipped}[how]


def main() -> None:
    """Run the campaign; the seed makes kill times repeatable."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--kills", type=int, default=40)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "project")
        copy_project(folder)
        seconds = finish(folder)
        wanted = results_of(folder)
        clear(folder)
        draws = random.Random(options.seed)
        complete = kill_at_random(folder, draws, options.kills, 0.6 * seconds)
        finish(folder)
        assert results_of(folder) == wanted, "other results after the kills"
        print(f"{options.kills - complete} kills of the process group: the same results")
        for name in VICTIMS:
            for how in ("empty", "cut", "flipped"):
                path = folder / name
                if not path.exists() or (how == "flipped" and name in VICTIMS[:3]):
                    continue
                path.chmod(0o644)
                path.write_bytes(damage(path, how))
                finish(folder)
                assert results_of(folder) == wanted, f"{name}, {how}: other results"
                print(f"{name}, {how}: the same results", flush=True)


if __name__ == "__main__":
    main()
