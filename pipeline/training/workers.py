"""Many networks on one machine: split into stacks, trained by all cores or by the GPU.

On a CPU each process has one thread and stacks that fit its cache: small networks share a stack,
which spreads the cost of each call over many; large ones are alone in theirs (performance.md 7).
No network's result depends on the split.
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

CACHE_BYTES = 8 << 20  # of weights in one stack on a CPU
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # of a process


class Setup(Protocol):
    """What is to be trained; it travels to other processes, so it holds paths and settings."""

    def prepare(self, stack: list[Trial], device: torch.device) -> tuple[Objective, Tensors]:
        """Read the data and return the task and the tensors that a stack starts from."""
        ...


@dataclass(frozen=True)
class Job:
    """Networks of one shape that learn the same thing, and how long they may take."""

    work: Setup
    candidates: list[Trial]
    schedule: Schedule
    network_bytes: int


@dataclass(frozen=True)
class Workers:
    """Where training runs, where it keeps checkpoints, and what its progress bar says."""

    device: torch.device
    scratch: Path
    title: str

    def train(
        self, work: Setup, candidates: list[Trial], schedule: Schedule, *, network_bytes: int
    ) -> "TrainedJob":
        """Train every candidate of one job."""
        return self.train_all([Job(work, candidates, schedule, network_bytes)])[0]

    def train_all(self, jobs: Sequence[Job]) -> list["TrainedJob"]:
        """Train every candidate of all jobs, in one queue.

        Raises Problem where a process is killed, say for want of memory.
        """
        cuts = [split(job.candidates, job.network_bytes, self.device, len(jobs)) for job in jobs]
        rows = sum(map(len, cuts))
        board = progress.Board(self.scratch / "progress", rows, create=True)
        row = itertools.count()
        tasks = [
            _Task(self, n, job.work, stack, job.schedule, next(row), rows, os.getpid())
            for n, (job, stacks) in enumerate(zip(jobs, cuts, strict=True))
            for stack in stacks
        ]
        total = sum(len(job.candidates) * job.schedule.epochs for job in jobs)
        with progress.shown(board, self.title, total):
            parts = _run_all(tasks)
        done = list(zip(tasks, parts, strict=True))
        return [
            TrainedJob(
                [task.checkpoint for task, _ in done if task.job == n],
                [part for task, part in done if task.job == n],
            )
            for n in range(len(jobs))
        ]


@dataclass(frozen=True)
class TrainedJob:
    """What became of the candidates. Their weights stay on disk: few of them are chosen."""

    checkpoints: list[Path]  # one a stack
    parts: list[list[History]]  # one a network of each

    @property
    def results(self) -> list[History]:
        """The results in the order of the candidates."""
        return [result for part in self.parts for result in part]

    def tensors(self, rows: list[int]) -> Tensors:
        """Return the best tensors of the candidates `rows`, which ascend."""
        chosen: list[Tensors] = []
        first = 0
        for checkpoint, part in zip(self.checkpoints, self.parts, strict=True):
            mine = [row - first for row in rows if first <= row < first + len(part)]
            if mine:
                chosen.append(select(loop.best(checkpoint), mine))
            first += len(part)
        return {name: torch.cat([part[name] for part in chosen]) for name in chosen[0]}


def split(
    candidates: list[Trial], network_bytes: int, device: torch.device, jobs: int = 1
) -> list[list[Trial]]:
    """Return the candidates as stacks: all in one on a GPU, cache-sized on a CPU.

    On a CPU each process gets its share, unless so many `jobs` are trained together that
    each has other work to do.
    """
    if device.type != "cpu":
        return [candidates]
    most = max(1, CACHE_BYTES // network_bytes)
    shares = min(-(-joblib.cpu_count() // jobs), len(candidates))
    fair = -(-len(candidates) // shares)
    size = -(-fair // -(-fair // most))
    shared = _cut(candidates, fair)  # so that no process waits for another at the end
    return [stack for share in shared for stack in _cut(share, size)]


def _cut(candidates: list[Trial], size: int) -> list[list[Trial]]:
    return [candidates[first : first + size] for first in range(0, len(candidates), size)]


@dataclass(frozen=True)
class _Task:
    pool: Workers
    job: int  # its place among those that are trained together
    work: Setup
    stack: list[Trial]
    schedule: Schedule
    row: int
    rows: int
    main_process: int

    @property
    def checkpoint(self) -> Path:
        """Where the stack's training is kept, and in the end its best networks."""
        stack = [vars(candidate) for candidate in self.stack]
        name = storage.fingerprint(self.job, stack)
        return self.pool.scratch / f"{name}.checkpoint"

    def run(self) -> list[History]:
        """Train the stack. Raises Problem where the GPU fails, or its memory holds too little."""
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
        board = progress.Board(self.pool.scratch / "progress", self.rows)

        def report(epoch: int, live: int, done: int) -> None:
            board.write(self.row, epoch, live, done)
            self._stop_if_orphaned()

        task, tensors = self.work.prepare(self.stack, self.pool.device)
        _, results = loop.train(
            task,
            tensors,
            self.stack,
            epochs=self.schedule.epochs,
            patience=self.schedule.patience,
            checkpoint=self.checkpoint,
            report=report,
            device=self.pool.device,
        )
        return results

    def _stop_if_orphaned(self) -> None:
        # Whoever kills the main process with no chance to tell its workers wants them gone too.
        if os.getpid() != self.main_process and os.getppid() != self.main_process:
            os._exit(1)


def _run_all(tasks: list[_Task]) -> list[list[History]]:
    """Run every task; this process takes its share, so that one fewer has to hold torch.

    A GPU is not shared: one process gives it all jobs in turn.
    """
    on_cpu = all(task.pool.device.type == "cpu" for task in tasks)
    processes = min(joblib.cpu_count(), len(tasks)) if on_cpu else 1
    if processes == 1:
        return [task.run() for task in tasks]
    waiting = iter(range(len(tasks)))  # shared: each row is taken by one
    done: dict[int, list[History]] = {}

    def work(run: Callable[[_Task], list[History]]) -> None:
        for row in waiting:
            done[row] = run(tasks[row])

    others = get_reusable_executor(processes - 1, env=ONE_THREAD)
    with ThreadPoolExecutor(processes - 1) as threads:
        remote = [
            threads.submit(work, lambda task: others.submit(task.run).result())
            for _ in range(processes - 1)
        ]
        try:
            work(_Task.run)
            for thread in remote:
                thread.result()
        except TerminatedWorkerError as error:
            raise Problem(
                "a training process was killed, perhaps for want of memory: free some and run the"
                " same command again, it goes on from the last checkpoint"
            ) from error
        finally:
            list(waiting)  # where one failed, nobody takes another
    return [done[row] for row in range(len(tasks))]
