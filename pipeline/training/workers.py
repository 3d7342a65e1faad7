"""Training of jobs on one machine, by all CPU cores or by the GPU.

A job's trials are split into populations. On a CPU each process has one thread and trains one
population at a time, which fits its cache: small networks share a population, which spreads the
overhead of each call; a large one is alone. No network's result depends on the split.
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
from pipeline.networks.population import Tensors, select
from pipeline.runtime import device as devices
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.training import loop, progress
from pipeline.training.state import History, Objective, Trial

CACHE_BYTES = 8 << 20  # of weights in one population on a CPU
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # of a process


class Setup(Protocol):
    """Settings of a training; pickled to other processes, so it holds paths instead of data."""

    def prepare(self, trials: list[Trial], device: torch.device) -> tuple[Objective, Tensors]:
        """Read the data; return the objective and the initial tensors of the trials' networks."""
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
    """Device of training, folder of its checkpoints, and title of its progress bar."""

    device: torch.device
    scratch: Path
    title: str

    def train(self, job: Job) -> "TrainedJob":
        """Train all trials of one job."""
        return self.train_all([job])[0]

    def train_all(self, jobs: Sequence[Job]) -> list["TrainedJob"]:
        """Train all trials of all jobs, in one queue.

        Raises Problem if a process is killed, for example by a lack of memory.
        """
        splits = [
            split_trials(job.trials, job.network_bytes, self.device, len(jobs)) for job in jobs
        ]
        rows = sum(map(len, splits))
        board = progress.ProgressBoard(self.scratch / "progress", rows, create=True)
        row = itertools.count()
        trainings = [
            _PopulationTraining(self, n, job, trials, next(row), rows, os.getpid())
            for n, (job, populations) in enumerate(zip(jobs, splits, strict=True))
            for trials in populations
        ]
        total = sum(len(job.trials) * job.schedule.epochs for job in jobs)
        with progress.progress_bar(board, self.title, total):
            histories = _run_all(trainings)
        done = list(zip(trainings, histories, strict=True))
        return [
            TrainedJob(
                [training.checkpoint for training, _ in done if training.job_number == n],
                [part for training, part in done if training.job_number == n],
            )
            for n in range(len(jobs))
        ]


@dataclass(frozen=True)
class TrainedJob:
    """Histories of a job's networks. Weights stay in the checkpoints: few networks are chosen."""

    checkpoints: list[Path]  # one per population
    parts: list[list[History]]  # the histories of each population's networks

    @property
    def histories(self) -> list[History]:
        """The histories of all networks, in the order of the trials."""
        return [history for part in self.parts for history in part]

    def tensors(self, rows: list[int]) -> Tensors:
        """Return the networks of trials `rows`, in ascending order, at their best epochs."""
        chosen: list[Tensors] = []
        first = 0
        for checkpoint, part in zip(self.checkpoints, self.parts, strict=True):
            local = [row - first for row in rows if first <= row < first + len(part)]
            if local:
                chosen.append(select(loop.best_networks(checkpoint), local))
            first += len(part)
        return {name: torch.cat([part[name] for part in chosen]) for name in chosen[0]}


def split_trials(
    trials: list[Trial], network_bytes: int, device: torch.device, jobs: int = 1
) -> list[list[Trial]]:
    """Return the trials of each population: all in one on a GPU, cache-sized ones on a CPU.

    On a CPU each process gets an equal share of the trials, unless `jobs` jobs trained together
    keep the processes busy anyway.
    """
    if device.type != "cpu":
        return [trials]
    most = max(1, CACHE_BYTES // network_bytes)
    shares = min(-(-joblib.cpu_count() // jobs), len(trials))
    fair = -(-len(trials) // shares)  # equal shares: no process waits for another at the end
    size = -(-fair // -(-fair // most))
    return [part for share in _chunks(trials, fair) for part in _chunks(share, size)]


def _chunks(trials: list[Trial], size: int) -> list[list[Trial]]:
    return [trials[first : first + size] for first in range(0, len(trials), size)]


@dataclass(frozen=True)
class _PopulationTraining:
    """Training of one population of a job, in one process."""

    workers: Workers
    job_number: int  # among the jobs that are trained together
    job: Job
    trials: list[Trial]
    row: int  # on the progress board
    rows: int
    main_process: int

    @property
    def checkpoint(self) -> Path:
        """The checkpoint file of the population; in the end it holds the best networks."""
        name = storage.fingerprint(self.job_number, [vars(trial) for trial in self.trials])
        return self.workers.scratch / f"{name}.checkpoint"

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

        objective, tensors = self.job.setup.prepare(self.trials, self.workers.device)
        _, histories = loop.train(
            objective,
            tensors,
            self.trials,
            epochs=self.job.schedule.epochs,
            patience=self.job.schedule.patience,
            checkpoint=self.checkpoint,
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
    if processes == 1:
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
