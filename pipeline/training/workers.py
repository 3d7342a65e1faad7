"""Training of jobs on one machine, by all CPU cores or by the GPU.

A job's trials are split into populations. On a CPU each process has one thread and trains one
population at a time, which fits its cache: small networks share a population, which spreads the
overhead of each call; a large one is alone. No network's result depends on the split, so a network
is trained once: later trainings that ask for the same one read its file.
"""

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import joblib
import torch
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from pipeline.config.params import Schedule
from pipeline.networks.population import Tensors
from pipeline.runtime import device as devices
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.training import loop, progress, trained_networks
from pipeline.training.state import History, Objective, TrainedNetwork, Trial, best_networks

CACHE_BYTES = 8 << 20  # of weights in one population on a CPU
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # of a process


class Setup(Protocol):
    """Settings of a training; pickled to other processes, so it holds paths instead of data."""

    def prepare(self, trials: list[Trial], device: torch.device) -> tuple[Objective, Tensors]:
        """Read the data; return the objective and the initial tensors of the trials' networks."""
        ...

    def identities(self, seeds: Sequence[int]) -> list[str]:
        """Return a hash per seed of what its networks depend on beside trial, schedule and code.

        That is the content of the data files, all settings of the objective, and the initial
        network with its trained layers; not the number of seeds, nor the grid of learning rates.
        """
        ...


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
        networks = {path: TrainedNetwork.finished(path) for path in itertools.chain(*files)}
        histories = {path: network.history for path, network in networks.items() if network}
        trainings = self._trainings(jobs, files, {*networks} - {*histories})
        del networks  # their weights
        if trainings:
            board = progress.ProgressBoard(self.scratch / "progress", len(trainings), create=True)
            total = sum(len(part.networks) * part.job.schedule.epochs for part in trainings)
            with progress.progress_bar(board, self.title, total):
                for training, part in zip(trainings, _run_all(trainings), strict=True):
                    histories |= dict(zip(training.files, part, strict=True))
        trained_networks.mark_used(histories)
        return [TrainedJob(paths, [histories[path] for path in paths]) for paths in files]

    def _trainings(
        self, jobs: Sequence[Job], files: Sequence[list[Path]], missing: set[Path]
    ) -> list["_PopulationTraining"]:
        """Return the trainings of the networks whose files are missing, each network once."""
        splits = []
        for job, paths in zip(jobs, files, strict=True):
            new = [k for k, path in enumerate(paths) if path in missing]
            missing = missing - {*paths}  # jobs of one sweep may share networks
            splits.append(split_networks(new, job.network_bytes, self.device, len(jobs)))
        row, rows = itertools.count(), sum(map(len, splits))
        return [
            _PopulationTraining(
                self, job, networks, [paths[k] for k in networks], next(row), rows, os.getpid()
            )
            for job, paths, populations in zip(jobs, files, splits, strict=True)
            for networks in populations
        ]

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
    networks: list[int], network_bytes: int, device: torch.device, jobs: int = 1
) -> list[list[int]]:
    """Return the networks of each population: all in one on a GPU, cache-sized ones on a CPU.

    On a CPU each process gets an equal share of the networks, unless `jobs` jobs trained together
    keep the processes busy anyway.
    """
    if device.type != "cpu" or not networks:
        return [networks] if networks else []
    most = max(1, CACHE_BYTES // network_bytes)
    shares = min(-(-joblib.cpu_count() // jobs), len(networks))
    fair = -(-len(networks) // shares)  # equal shares: no process waits for another at the end
    size = -(-fair // -(-fair // most))
    return [part for share in _chunks(networks, fair) for part in _chunks(share, size)]


def _chunks(networks: list[int], size: int) -> list[list[int]]:
    return [networks[first : first + size] for first in range(0, len(networks), size)]


@dataclass(frozen=True)
class _PopulationTraining:
    """Training of one population of a job, in one process."""

    workers: Workers
    job: Job
    networks: list[int]  # positions among the job's trials
    files: list[Path]
    row: int  # on the progress board
    rows: int
    main_process: int

    def run(self) -> list[History]:
        """Train the population. Raises Problem if the GPU fails or has too little memory."""
        try:
            return self._train()
        except RuntimeError as error:
            if devices.is_out_of_memory(error):
                raise Problem(
                    "the GPU's memory does not hold the examples: free some, or train on the CPU"
                    " with DEVICE=cpu"
                ) from error
            if not devices.is_failure(error):
                raise
            raise Problem(
                f"the GPU failed ({str(error).strip().splitlines()[0]}): run the same command"
                " again, it goes on from the last checkpoint"
            ) from error

    def _train(self) -> list[History]:
        devices.prepare_for_training()
        board = progress.ProgressBoard(self.workers.scratch / "progress", self.rows)

        def report(epoch: int, live: int, done: int) -> None:
            board.write(self.row, epoch, live, done)
            self._stop_if_orphaned()

        trials = [self.job.trials[k] for k in self.networks]
        objective, tensors = self.job.setup.prepare(trials, self.workers.device)
        _, histories = loop.train(
            objective,
            tensors,
            trials,
            epochs=self.job.schedule.epochs,
            patience=self.job.schedule.patience,
            files=self.files,
            report=report,
            device=self.workers.device,
        )
        return histories

    def _stop_if_orphaned(self) -> None:
        # Exit if the main process was killed and could not stop its workers.
        if os.getpid() != self.main_process and os.getppid() != self.main_process:
            os._exit(1)


def _run_all(trainings: list[_PopulationTraining]) -> list[list[History]]:
    """Run all trainings; this process runs some itself, which saves the memory of one process.

    On a GPU this process runs all of them in turn.
    """
    on_cpu = all(training.workers.device.type == "cpu" for training in trainings)
    processes = min(joblib.cpu_count(), len(trainings)) if on_cpu else 1
    if processes <= 1:
        return [training.run() for training in trainings]
    waiting = iter(range(len(trainings)))  # shared by the threads: each takes the next one
    done: dict[int, list[History]] = {}

    def work(run: Callable[[_PopulationTraining], list[History]]) -> None:
        for row in waiting:
            done[row] = run(trainings[row])

    others = get_reusable_executor(processes - 1, env=ONE_THREAD)
    with ThreadPoolExecutor(processes - 1) as threads:
        remote = [
            threads.submit(work, lambda training: others.submit(training.run).result())
            for _ in range(processes - 1)
        ]
        try:
            work(_PopulationTraining.run)
            for thread in remote:
                thread.result()
        except TerminatedWorkerError as error:
            raise Problem(
                "a training process was killed, perhaps for want of memory: free some and run the"
                " same command again, it goes on from the last checkpoint"
            ) from error
        finally:
            list(waiting)  # after a failure no thread takes another training
    return [done[row] for row in range(len(trainings))]
