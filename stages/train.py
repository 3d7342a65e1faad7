"""Training of all arms of a dataset side by side, to keep a cluster busy."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer

from stages.arguments import DatasetName
from stages.shell import run

Jobs = Annotated[int, typer.Option(min=1, help="number of arms that are trained at once")]


def main(dataset: DatasetName, jobs: Jobs = 6) -> None:
    """Train all arms of a dataset side by side on a Ray cluster (RUNNER=ray).

    DVC runs one stage at a time, so the cluster is partly idle at the end of each stage. This
    command writes all networks to `runs/trained`, from which `make repro` then reads them.
    """
    from pipeline.config import arms, params
    from pipeline.config.arms import Arm
    from pipeline.runtime import device
    from pipeline.runtime.errors import Problem

    if device.runner() == "local":
        raise Problem("train needs RUNNER=ray: set it, or run `make repro` on a single machine")
    settings = params.load()
    settings.dataset(dataset)

    def train(arm: Arm) -> bool:
        """Pre-train and fine-tune an arm; return whether that succeeded."""
        for stage in ("pretrain", "finetune"):
            names = (dataset, arm.activation, arm.initialization)
            command = [sys.executable, "-m", f"stages.{stage}", *names]
            ended = subprocess.run(command, stderr=subprocess.PIPE, check=False)
            said = ended.stderr.decode(errors="replace").strip()
            state = f"ended with status {ended.returncode}" if ended.returncode else "done"
            typer.echo(f"{stage} {arm.name}: {said or state}")
            if ended.returncode:
                return False
        return True

    with ThreadPoolExecutor(jobs) as threads:
        if not all([*threads.map(train, arms.arms_of(settings, dataset))]):
            raise SystemExit(1)


if __name__ == "__main__":
    run(main)
