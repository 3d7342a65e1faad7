"""Campaign of races: two publishers of one name at the same moment leave one current run.

`python -m tests.campaigns.races --rounds 100` starts `mlflow server` on sqlite and on PostgreSQL,
and two processes that publish two contents of one arm with two seeds, each round another arm. For
PostgreSQL see the campaign of tracking.
"""

import argparse
import multiprocessing
import os
import random
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

from mlflow import MlflowClient

from pipeline.tracking import runs
from stages.tracking import tracking_uri
from tests.campaigns.tracking import free_port, postgres, serving

PUBLISHERS = 2
DELAY = 0.1  # seconds at most, before a publisher begins
LONGEST = 300  # seconds of a round


def publish(place: int, folder: Path, uri: str, rounds: int, barrier: Barrier) -> None:
    """Publish a content of its own in every round, as one of several checkouts."""
    checkout = folder / str(place)
    checkout.mkdir()
    os.chdir(checkout)
    os.environ["MLFLOW_TRACKING_URI"] = uri
    tracking_uri()
    draws = random.Random(place)
    for number in range(rounds):
        name = f"round {number}"
        arm = runs.Content("races", "arm", name, f"{place}", {}, [runs.Point("error", place)], {})
        seeds = [replace(arm, kind="seed", tags={"seed": str(seed)}) for seed in range(2)]
        barrier.wait(LONGEST)
        time.sleep(draws.uniform(0, DELAY))
        runs.publish([replace(arm, children=seeds)], uri=uri)


def one_current(client: MlflowClient, number: int) -> bool:
    """Return whether one run of a round is current, with its children alone."""
    experiment = client.get_experiment_by_name("races")
    assert experiment
    query = f"tags.arm = 'round {number}' and tags.current = 'true'"
    found = client.search_runs([experiment.experiment_id], query)
    parents = {run.info.run_id for run in found if run.data.tags["kind"] == "arm"}
    families = {run.data.tags.get("mlflow.parentRunId", run.info.run_id) for run in found}
    return len(parents) == 1 and families == parents


def race(uri: str, name: str, folder: Path, rounds: int) -> bool:
    """Let the publishers race on a server; return whether each round left one current run."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(PUBLISHERS)
    arguments = (folder, uri, rounds, barrier)
    processes = [spawn.Process(target=publish, args=(i, *arguments)) for i in range(PUBLISHERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert not any(process.exitcode for process in processes)
    good = sum(one_current(MlflowClient(uri), number) for number in range(rounds))
    print(f"{name}: one current run in {good} of {rounds} rounds", flush=True)
    return good == rounds


def main() -> None:
    """Run the campaign; print a line a store."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--packages", default="", help="folder with psycopg2, for the server")
    arguments.add_argument("--rounds", type=int, default=100)
    options = arguments.parse_args()
    results = []
    for name in ("sqlite", "PostgreSQL"):
        with tempfile.TemporaryDirectory(prefix="campaign-") as scratch:
            folder = Path(scratch)
            sqlite = nullcontext(f"sqlite:///{folder}/store.db")
            with sqlite if name == "sqlite" else postgres(options.packages) as store:
                if store is None:
                    continue
                artifacts = folder / "artifacts"
                with serving(store, free_port(), artifacts, options.packages) as uri:
                    results.append(race(uri, name, folder, options.rounds))
    raise SystemExit(not all(results))


if __name__ == "__main__":
    main()
