"""A stack in training: the networks that train, those that wait, what became of each, the file."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pipeline.networks.population import Tensors, joined, moved, select
from pipeline.training import checkpoints

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Trial:
    """One network of a stack: whose draws it sees, and how it is trained."""

    seed: int
    learning_rate: float
    l1: float


def settings_K(stack: list[Trial], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the learning rates [K] and L1 coefficients [K], of the type and place of `like`."""
    rates_K = like.new_tensor([candidate.learning_rate for candidate in stack])
    return rates_K, like.new_tensor([candidate.l1 for candidate in stack])


class Objective(Protocol):
    """What a stack learns."""

    @property
    def criteria(self) -> tuple[str, ...]:
        """The measures that decide which epoch is better: the lowest, in this order."""
        ...

    def train_epoch(self, tensors: Tensors, stack: list[Trial], epochs: Sequence[int]) -> Tensor:
        """Train every network by its next epoch, in place; return its mean cost a network [K].

        `epochs` says for each which epoch that is, from 1 up.
        """
        ...

    def measure(self, tensors: Tensors, stack: list[Trial]) -> dict[str, Tensor]:
        """Return what is recorded after an epoch, by name; each has K first."""
        ...


@dataclass
class History:
    """What became of one network; the curves have one entry an epoch."""

    epochs: int = 0
    best_epoch: int = 0  # counts from 1; 0 where no epoch ended with finite costs
    diverged: bool = False
    best: dict[str, float] | None = None  # the criteria at the best epoch
    curves: dict[str, list[Any]] | None = None


@dataclass
class TrainingState:
    """Everything that training continues from."""

    results: list[History]
    best: Tensors  # of all networks, each at its best epoch; on the CPU, pinned for a GPU
    waiting: list[int]  # positions in the whole stack of those that wait for room, in order
    resting: Tensors  # of those; on the CPU
    live: list[int] = field(default_factory=list)  # positions of those that train
    tensors: Tensors = field(default_factory=dict)  # of those; on the device

    @classmethod
    def start(cls, checkpoint: Path, tensors: Tensors, device: torch.device) -> "TrainingState":
        """Return the run that a checkpoint holds, or else a new one. All networks wait."""
        run = cls.resume(checkpoint)
        if run is None:
            size = len(next(iter(tensors.values())))
            best = {name: tensor.clone() for name, tensor in tensors.items()}
            run = cls([History() for _ in range(size)], best, list(range(size)), tensors)
        if device.type != "cpu":  # which writes there itself: other memory it reaches by a buffer
            run.best = {name: tensor.pin_memory() for name, tensor in run.best.items()}
        return run

    @classmethod
    def resume(cls, checkpoint: Path) -> "TrainingState | None":
        """Return the run that a checkpoint holds, None where there is none. All networks wait."""
        found = checkpoints.load(checkpoint)
        if found is None:
            return None
        tensors, state = found
        parts: dict[str, Tensors] = {"unfinished": {}, "best": {}}
        for name, tensor in tensors.items():
            part, _, key = name.partition("/")
            parts[part][key] = tensor
        results = [History(**result) for result in state["results"]]
        return cls(results, parts["best"], state["unfinished"], parts["unfinished"])

    def save(self, checkpoint: Path) -> None:
        """Write everything to a file that `resume` reads."""
        unfinished = joined(moved(self.tensors, CPU), self.resting)
        tensors = {f"unfinished/{name}": tensor for name, tensor in unfinished.items()}
        tensors |= {f"best/{name}": tensor for name, tensor in self.best.items()}
        results = [asdict(result) for result in self.results]
        state = {"unfinished": self.unfinished, "results": results}
        checkpoints.save(checkpoint, tensors, state)

    @property
    def unfinished(self) -> list[int]:
        """The positions of all networks that have not stopped."""
        return self.live + self.waiting

    @property
    def epoch(self) -> int:
        """The most epochs that any network has had."""
        return max(result.epochs for result in self.results)

    def admit(self, room: int, device: torch.device) -> None:
        """Let networks that wait take what room there is."""
        entering = min(room - len(self.live), len(self.waiting))
        if entering <= 0:
            return
        new = {name: rows[:entering].to(device, copy=True) for name, rows in self.resting.items()}
        self.tensors = joined(self.tensors, new)
        self.live += self.waiting[:entering]
        self.waiting = self.waiting[entering:]
        rest = {name: rows[entering:] for name, rows in self.resting.items()}
        self.resting = rest if self.waiting else {}

    def train_epoch(self, task: Objective, stack: list[Trial]) -> None:
        """Train each live network by its next epoch, and keep those that are better than ever."""
        networks = [stack[k] for k in self.live]
        epochs = [self.results[k].epochs + 1 for k in self.live]
        cost_K = task.train_epoch(self.tensors, networks, epochs)
        measures = task.measure(self.tensors, networks)
        columns = {name: values.tolist() for name, values in measures.items()}
        columns["train_costs"] = cost_K.tolist()
        better = []
        for row, k in enumerate(self.live):
            values = {name: column[row] for name, column in columns.items()}
            criterion = {name: values[name] for name in task.criteria}
            if self._record(self.results[k], values, criterion):
                better.append(row)
        for row in better:
            for name, tensor in self.tensors.items():
                self.best[name][self.live[row]] = tensor[row]

    def _record(self, result: History, values: dict[str, Any], criterion: dict[str, float]) -> bool:
        result.epochs += 1
        result.curves = result.curves or {name: [] for name in values}
        for name, value in values.items():
            result.curves[name].append(value)
        judged = (values["train_costs"], *criterion.values())
        result.diverged = not all(map(math.isfinite, judged))
        if result.diverged:
            return False
        is_better = result.best is None or tuple(criterion.values()) < tuple(result.best.values())
        if is_better:
            result.best, result.best_epoch = criterion, result.epochs
        return is_better

    def release(self, epochs: int, patience: int) -> None:
        """Let the networks that have stopped leave the stack: the others get their room."""
        rows = [
            row
            for row, k in enumerate(self.live)
            if not _stopped(self.results[k], epochs, patience)
        ]
        if len(rows) < len(self.live):
            self.live = [self.live[row] for row in rows]
            self.tensors = select(self.tensors, rows)

    def epochs_done(self, epochs: int) -> int:
        """Return the epochs trained or no longer needed, summed over the networks."""
        trained = sum(self.results[k].epochs for k in self.unfinished)
        return trained + epochs * (len(self.results) - len(self.unfinished))


def _stopped(result: History, epochs: int, patience: int) -> bool:
    late = result.epochs - result.best_epoch >= patience
    return result.diverged or late or result.epochs >= epochs
