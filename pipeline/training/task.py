"""Task: training of one population of a job, the unit of work of a runner."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from pipeline.config.params import Schedule
from pipeline.networks.arithmetic import team
from pipeline.networks.population import Tensors
from pipeline.runtime import device as devices
from pipeline.runtime.errors import Problem
from pipeline.training import loop
from pipeline.training.progress import ProgressBoard
from pipeline.training.state import History, Objective, Trial


class Setup(Protocol):
    """Settings of a training; pickled to other processes, so it holds paths instead of data.

    The attributes that are paths are its input files: a cluster copies them to its nodes.
    """

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
class Task:
    """Training of one population of a job, in one process."""

    setup: Setup
    trials: list[Trial]  # one per network
    schedule: Schedule
    device: torch.device
    files: list[Path]  # one per network: its checkpoint, in the end its result

    def run(self, report: loop.Report, *, threads: int = 1) -> list[History]:
        """Train the population. Raises Problem if the GPU fails or has too little memory.

        On a CPU `threads` threads compute each network together; no result depends on it.
        """
        team.use(threads)
        try:
            return self._train(report)
        except RuntimeError as error:
            if devices.is_out_of_memory(error):
                raise Problem(
                    "the GPU's memory does not hold the examples: free GPU memory, or train on the"
                    " CPU with DEVICE=cpu"
                ) from error
            if not devices.is_failure(error):
                raise
            raise Problem(
                f"the GPU failed ({str(error).strip().splitlines()[0]}): run the same command"
                " again to resume from the last checkpoint"
            ) from error

    def _train(self, report: loop.Report) -> list[History]:
        devices.prepare_for_training()
        objective, tensors = self.setup.prepare(self.trials, self.device)
        _, histories = loop.train(
            objective,
            tensors,
            self.trials,
            epochs=self.schedule.epochs,
            patience=self.schedule.patience,
            files=self.files,
            report=report,
            device=self.device,
        )
        return histories


class Runner(Protocol):
    """Place where tasks run: the processes of this machine, or a cluster."""

    def slots(self, device: torch.device) -> int:
        """Return the number of tasks that run at once on devices of this kind."""
        ...

    def run(self, tasks: Sequence[Task], board: ProgressBoard) -> list[list[History]]:
        """Run tasks; return the histories of each, whose files are finished on this machine then.

        Progress of task n is row n of the board. Raises Problem if processes are killed.
        """
        ...
