"""Campaign of nodes: training on a Ray cluster of one and two nodes, against the simulation.

`python -m tests.campaigns.nodes` trains networks of MNIST's size on random examples: a few in this
process, for the time of a net-step; then all of them on one node, and on two, each with one core of
this machine. It prints the seconds beside those that benchmarks/scale.py simulates. The machine
needs two idle cores, and Ray.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.scale import Costs, Phase, simulate
from pipeline.config.params import Activation, Finetune
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split
from pipeline.finetuning.grid_search import FinetuningSetup
from pipeline.networks import population
from pipeline.training.workers import Job, Workers

WIDTHS = [784, 1000, 1000, 1000, 10]
EXAMPLES = {"train": 5000, "valid": 1000}  # in the ratio of MNIST's splits
UNIT = Activation(function="rectifier", l1=0.001, half_negated=True, reconstruction="softplus")
CPU = torch.device("cpu")
RATES = (0.03, 0.01)
MEMORY_SPEED = 1e9  # bytes a second between nodes of one machine


def write_inputs(folder: Path, seeds: int) -> None:
    """Write random examples and starting networks."""
    draws, form = np.random.default_rng(0), Encoding((28, 28), tuple("0123456789"), scale=1 / 255)
    for name, count in EXAMPLES.items():
        x_NI = draws.integers(0, 256, (count, WIDTHS[0]), dtype=np.uint8)
        examples.write(Split(x_NI, draws.integers(10, size=count), form), folder / name)
    population.save(population.initialize("nodes", WIDTHS, range(seeds), UNIT), folder / "start")


def job(folder: Path, epochs: int, seeds: Sequence[int]) -> Job:
    """Return the training of some seeds for so many epochs, without early stopping."""
    settings = Finetune(learning_rates=[*RATES], batch_size=10, epochs=epochs, patience=epochs)
    files = (folder / "train", folder / "valid", folder / "start")
    every = FinetuningSetup("nodes", *files, settings, l1=(0.001,)).job()
    return replace(every, trials=[trial for trial in every.trials if trial.seed in seeds])


def seconds(work: Job, folder: Path, runner: str) -> float:
    """Train by a runner; return the seconds."""
    os.environ["RUNNER"] = runner
    store = Path(tempfile.mkdtemp(dir=folder))
    start = time.monotonic()
    Workers(CPU, store, "nodes", store).train(work)
    return time.monotonic() - start


def main() -> None:
    """Run the campaign; print a line for each number of nodes."""
    import ray  # an optional extra
    from ray.cluster_utils import Cluster

    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--seeds", type=int, default=12, help="two networks a seed")
    arguments.add_argument("--epochs", type=int, default=6)
    options = arguments.parse_args()
    folder = Path(tempfile.mkdtemp())
    write_inputs(folder, options.seeds)
    every, few = range(options.seeds), range(2)
    steps = options.epochs * EXAMPLES["train"] // 10

    os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # one core, one network after the other
    alone = seconds(job(folder, options.epochs, few), folder, "local")
    net_step = alone / (len(few) * len(RATES) * steps)
    print(f"this process: {1e3 * net_step:.2f} ms a net-step, evaluation included", flush=True)

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    os.environ["RAY_ADDRESS"] = cluster.address
    networks = len(every) * len(RATES)
    inputs = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    for nodes in (1, 2):
        cluster.add_node(num_cpus=1)
        start = seconds(job(folder, 1, few[:1]), folder, "ray") - len(RATES) / nodes * (
            net_step * EXAMPLES["train"] // 10
        )
        measured = seconds(job(folder, options.epochs, every), folder, "ray")
        costs = Costs(net_step, start, MEMORY_SPEED, inputs, stopping=1.0)
        chains = [(Phase(networks, steps),)]
        expected, _ = simulate(chains, 1, nodes, costs, together=True)
        print(
            f"{nodes} of 2 nodes: {networks} networks in {measured:.1f} s, simulated"
            f" {expected:.1f} s ({100 * (expected / measured - 1):+.0f}%), of which {start:.1f} s"
            " start the processes",
            flush=True,
        )
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
