"""Training of jobs by a runner: on all CPU cores or GPUs of this machine or of a cluster.

A job's trials are split into populations. On a CPU each process has one thread and trains one
population at a time, which fits its cache: small networks share a population, which spreads the
overhead of each call; a large one is alone. No network's result depends on the split, so a network
is trained once: later trainings that ask for the same one read its file.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.config.params import Schedule
from pipeline.networks.population import Tensors
from pipeline.runtime import storage
from pipeline.training import progress, runners, trained_networks
from pipeline.training.state import History, TrainedNetwork, Trial, best_networks
from pipeline.training.task import Setup, Task

CACHE_BYTES = 8 << 20  # of weights in one population on a CPU
# Networks of this size exceed every cache: two, mostly of one seed, are a population and share the
# drawing of mini-batches and noise.
HUGE_BYTES = 32 << 20


@dataclass(frozen=True)
class Job:
    """Trials of one network shape and setup."""

    setup: Setup
    trials: list[Trial]
    schedule: Schedule
    network_bytes: int  # of one network's parameters


@dataclass(frozen=True)
class Workers:
    """Device of training, folder of temporary files, and title of its progress bar.

    `store` is the folder where trained networks are kept for later trainings; without it they are
    kept as long as `scratch`.
    """

    device: torch.device
    scratch: Path
    title: str
    store: Path | None = None

    def train(self, job: Job) -> "TrainedJob":
        """Train all trials of one job."""
        return self.train_all([job])[0]

    def train_all(self, jobs: Sequence[Job]) -> list["TrainedJob"]:
        """Train all trials of all jobs, in one queue, except those in the store.

        Raises Problem if a process is killed, for example by a lack of memory.
        """
        files = [self._files(job) for job in jobs]
        paths = dict.fromkeys(itertools.chain(*files))
        histories = {
            path: network.history for path in paths if (network := TrainedNetwork.finished(path))
        }
        missing = {*paths} - {*histories}
        trained_networks.mark_used(histories)  # before a training of hours, lest they be pruned
        if missing:
            runner = runners.choose()
            tasks = self._tasks(jobs, files, missing, runner.slots(self.device))
            board = progress.ProgressBoard(self.scratch / "progress", len(tasks), create=True)
            total = sum(len(task.trials) * task.schedule.epochs for task in tasks)
            with progress.progress_bar(board, self.title, total):
                for task, part in zip(tasks, runner.run(tasks, board), strict=True):
                    histories |= dict(zip(task.files, part, strict=True))
        trained_networks.mark_used(histories)
        return [TrainedJob(paths, [histories[path] for path in paths]) for paths in files]

    def _tasks(
        self, jobs: Sequence[Job], files: Sequence[list[Path]], missing: set[Path], slots: int
    ) -> list[Task]:
        """Return the tasks that train the networks whose files are missing, each network once."""
        tasks = []
        for job, paths in zip(jobs, files, strict=True):
            new = [k for k, path in enumerate(paths) if path in missing]
            missing = missing - {*paths}  # jobs of one sweep may share networks
            shares = -(-slots // len(jobs))
            for networks in split_networks(new, job.network_bytes, self.device, shares):
                trials, places = [job.trials[k] for k in networks], [paths[k] for k in networks]
                tasks.append(Task(job.setup, trials, job.schedule, self.device, places))
        return tasks

    def _files(self, job: Job) -> list[Path]:
        """Return the file of each trial's network, named by all that the network depends on."""
        seeds = sorted({trial.seed for trial in job.trials})
        identities = dict(zip(seeds, job.setup.identities(seeds), strict=True))
        shared = (trained_networks.code(), self.device.type)
        schedule = (job.schedule.epochs, job.schedule.patience)
        return [
            (self.store or self.scratch)
            / storage.fingerprint(shared, schedule, identities[trial.seed], vars(trial))
            for trial in job.trials
        ]


@dataclass(frozen=True)
class TrainedJob:
    """Histories of a job's networks, in the order of the trials, and the files of the networks."""

    files: list[Path]
    histories: list[History]

    def tensors(self, rows: list[int]) -> Tensors:
        """Return the networks of trials `rows`, in that order, at their best epochs."""
        return best_networks([self.files[row] for row in rows])


def split_networks(
    networks: list[int], network_bytes: int, device: torch.device, shares: int
) -> list[list[int]]:
    """Return the networks of each population: `shares` equal shares, on a CPU in cache-sized parts.

    Equal shares: no process waits for another at the end.
    """
    if not networks:
        return []
    fair = -(-len(networks) // min(shares, len(networks)))
    most = fair
    if device.type == "cpu":
        most = max(2 if network_bytes >= HUGE_BYTES else 1, CACHE_BYTES // network_bytes)
    size = -(-fair // -(-fair // most))
    return [part for share in _chunks(networks, fair) for part in _chunks(share, size)]


def _chunks(networks: list[int], size: int) -> list[list[int]]:
    return [networks[first : first + size] for first in range(0, len(networks), size)]
