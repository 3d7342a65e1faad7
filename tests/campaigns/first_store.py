"""Campaign of kills while MLflow's store is first made: the next command publishes everything.

`python -m tests.campaigns.first_store --kills 20` kills `python -m stages track` at random moments
between the first byte of a new mlflow.db and the end of the command, and runs it again.
"""

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.campaigns import miniature, stores

TRACK = [*miniature.STAGES, "track"]


def wait_until(true: Callable[[], bool]) -> float:
    """Wait until a condition holds; return the seconds."""
    begin = time.monotonic()
    while not true():
        time.sleep(0.001)
    return time.monotonic() - begin


def begun(folder: Path) -> bool:
    """Return whether a store is there in part or whole."""
    return any(folder.glob(".mlflow.db.*")) or (folder / "mlflow.db").exists()


def main() -> None:
    """Run the campaign; print a line a kill, and a summary."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=0, help="of the moments")
    options = arguments.parse_args()
    draws, partial = random.Random(options.seed), 0
    with miniature.project() as folder:
        stores.make(folder)
        process = miniature.start(folder, TRACK)
        wait_until(lambda: begun(folder))
        making = wait_until((folder / "mlflow.db").exists)
        whole = making + wait_until(lambda: process.poll() is not None)
        print(f"uninterrupted: tables in {making:.1f} s, all runs in {whole:.1f} s", flush=True)
        for trial in range(options.kills):
            stores.remove(folder)
            process = miniature.start(folder, TRACK)
            wait_until(lambda: begun(folder))
            time.sleep(draws.uniform(0, making if trial % 2 else whole))
            miniature.kill(process)
            unmade = not (folder / "mlflow.db").exists()
            partial += unmade
            status, output = miniature.run(folder, "track")
            found = stores.faults(f"sqlite:///{folder}/mlflow.db")
            found += [str(path) for path in folder.glob(".mlflow.db.*")]
            assert status == 0, output
            assert "warning" not in output, output
            assert not found, found
            print(f"kill {trial + 1}: {'without' if unmade else 'with'} a store", flush=True)
    print(
        f"{options.kills} of {options.kills} kills recovered, {partial} of them before the store "
        "had its name: the same command published everything, one current run a name"
    )


if __name__ == "__main__":
    main()
