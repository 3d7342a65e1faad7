"""Runner on this machine: a process on each CPU core, or this process on the GPU."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import psutil
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError

from pipeline.runtime.errors import Problem
from pipeline.training import processes
from pipeline.training.progress import ProgressBoard
from pipeline.training.state import History
from pipeline.training.task import Task


class LocalRunner:
    """Processes of this machine; this process is one of them, which saves the memory of one.

    Where tasks are fewer than cores, the threads of a task share each of its networks.
    """

    def slots(self, device: torch.device) -> int:
        """Return the number of cores, or 1 for the GPU: its tasks run in turn."""
        return joblib.cpu_count() if device.type == "cpu" else 1

    def run(self, tasks: Sequence[Task], board: ProgressBoard) -> list[list[History]]:
        """Run tasks, each on the next free process. Raises Problem if a process is killed."""
        slots = self.slots(tasks[0].device)
        others, threads = min(slots, len(tasks)) - 1, max(1, slots // len(tasks))
        here = [
            partial(task.run, partial(board.write, row), threads=threads)
            for row, task in enumerate(tasks)
        ]
        if others <= 0:
            return [run() for run in here]
        waiting = iter(range(len(tasks)))  # shared by the threads: each takes the next one
        done: dict[int, list[History]] = {}

        def work(run: Callable[[int], list[History]]) -> None:
            for row in waiting:
                done[row] = run(row)

        executor = processes.executor(others)

        def elsewhere(row: int) -> list[History]:
            run = executor.submit(_run, tasks[row], board, row, os.getpid(), threads)
            return run.result()  # type: ignore[no-any-return]

        with ThreadPoolExecutor(others) as callers:
            remote = [callers.submit(work, elsewhere) for _ in range(others)]
            try:
                work(lambda row: here[row]())
                for caller in remote:
                    caller.result()
            except TerminatedWorkerError as error:
                raise Problem(
                    "a training process was killed, perhaps out of memory: free memory, or set"
                    " LOKY_MAX_CPU_COUNT to fewer processes, then run the same command again to"
                    " resume from the last checkpoint"
                ) from error
            finally:
                list(waiting)  # after a failure no thread takes another task
        return [done[row] for row in range(len(tasks))]


def _run(
    task: Task, board: ProgressBoard, row: int, main_process: int, threads: int = 1
) -> list[History]:
    """Run a task in a process of its own, which exits if the main process was killed."""

    def report(epoch: int, live: int, done: int) -> None:
        board.write(row, epoch, live, done)
        # On Windows a process keeps the number of its parent.
        gone = (
            not psutil.pid_exists(main_process) if os.name == "nt" else os.getppid() != main_process
        )
        if gone:
            os._exit(1)

    return task.run(report, threads=threads)
