"""Miniature of the project that every campaign runs: a clone with one arm, one experiment, digits.

The clone has what is committed, so commit before a campaign.
"""

import atexit
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests import committed

ROOT = Path(__file__).parents[2]
STAGES = [sys.executable, "-m", "stages"]
# All stages of both pipelines: the README's two commands.
EVERYTHING = ["sh", "-c", " && ".join(shlex.join([*STAGES, name]) for name in ("repro", "claims"))]
OUTPUTS = ("results", "claims", "data", "runs", "report")
OUTPUT = Path(tempfile.gettempdir(), f"campaign-{os.getpid()}.txt")  # of the last command
atexit.register(OUTPUT.unlink, missing_ok=True)
TEMPORARY = ("locks", "checkpoints", "written", "trained")  # folders of runs/ that are no output


@contextmanager
def project() -> Iterator[Path]:
    """Yield the folder of a new miniature; it is deleted unless the block fails."""
    scratch = Path(tempfile.mkdtemp(prefix="campaign-"))
    try:
        yield clone(scratch / "project")
    except BaseException:
        print(f"the project of the failure is {scratch / 'project'}", flush=True)
        raise
    shutil.rmtree(scratch)


def clone(folder: Path) -> Path:
    """Clone the project with small params, committed as users do."""
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    params = committed.content(folder / "params.yaml")
    params["run"] |= {
        "datasets": ["digits"],
        "activations": ["rectifier"],
        "initializations": ["pretrained"],
        "seeds": 2,
        "experiments": ["hardness"],
        "probes": ["overlap"],
    }
    params["sweep"] |= {"seeds": 2, "learning_rates": [0.1]}
    params["experiments"]["hardness"] = {"alphas": [1.0, 3.0]}
    params["datasets"]["digits"] |= {
        "network": {"hidden": [12]},
        "pretrain": {"epochs": 2, "learning_rates": [0.1]},
        "finetune": {"epochs": 2, "learning_rates": [0.1, 0.01]},
    }
    committed.write(params, folder)
    author = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run(["git", *author, "commit", "-qam", "Small"], cwd=folder, check=True)
    return folder


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a command in a miniature: its own code, its own MLflow store."""
    path = os.pathsep.join([str(folder), *filter(None, [more.pop("PYTHONPATH", "")])])
    without = {key: os.environ[key] for key in os.environ if key != "MLFLOW_TRACKING_URI"}
    return without | {"PYTHONPATH": path, "DEVICE": "cpu"} | more


def start(folder: Path, command: Sequence[str], **more: str) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own; its output goes to OUTPUT."""
    with OUTPUT.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder, **more),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def output() -> str:
    """Return what the last command has printed."""
    return OUTPUT.read_text(errors="replace")


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(folder: Path, *command: str, **more: str) -> tuple[int, str]:
    """Run a command of the project to its end; return its status and output."""
    process = start(folder, [*STAGES, *command], **more)
    return process.wait(), output()


def finish(folder: Path, command: Sequence[str] = EVERYTHING, **more: str) -> float:
    """Run a command to its end; return its seconds. Exits where it fails."""
    begin = time.monotonic()
    if start(folder, command, **more).wait():
        raise SystemExit(f"failed: {output()[-3000:]}")
    return time.monotonic() - begin


def outputs(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every output of the stages by its path."""
    files = [path for top in OUTPUTS for path in folder.joinpath(top).rglob("*")]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if path.is_file()
        and path.suffix != ".lock"
        and path.relative_to(folder).parts[1] not in TEMPORARY
    }


def different(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the paths whose hashes differ, or that are in one alone."""
    return sorted(path for path in one | other if one.get(path) != other.get(path))


def clear(folder: Path) -> None:
    """Delete all that is not committed: outputs, the cache, the MLflow store."""
    subprocess.run(["git", "checkout", "-q", "."], cwd=folder, check=True)
    clean = ["git", "clean", "-qffdx", "--exclude", "__pycache__"]
    subprocess.run(clean, cwd=folder, check=True)
