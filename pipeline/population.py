"""The training loop of a stack: epochs, early stopping, freezing, checkpoint and resume.

What is trained (a supervised network, an auto-encoder) is a Task; this loop only knows that each
network has tensors, a criterion on the validation split, and curves.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pipeline import checkpoints
from pipeline.errors import Problem
from pipeline.networks import Tensors, select

CHECKPOINT_SECONDS = 5.0  # at most this much work, or one epoch, is lost to a kill


@dataclass(frozen=True)
class Candidate:
    """One network of a stack: whose draws it sees, and how it is trained."""

    seed: int
    learning_rate: float
    l1: float


def settings_K(stack: list[Candidate], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the learning rates [K] and L1 coefficients [K], of the type and place of `like`."""
    rates_K = like.new_tensor([candidate.learning_rate for candidate in stack])
    return rates_K, like.new_tensor([candidate.l1 for candidate in stack])


class Task(Protocol):
    """What a stack learns."""

    @property
    def criteria(self) -> tuple[str, ...]:
        """The measures that decide which epoch is better: the lowest, in this order."""
        ...

    def train_epoch(self, tensors: Tensors, stack: list[Candidate], epoch: int) -> Tensor:
        """Train every network by one epoch, in place; return its mean cost a network [K]."""
        ...

    def measure(self, tensors: Tensors, stack: list[Candidate]) -> dict[str, Tensor]:
        """Return what is recorded after an epoch, by name; each has K first."""
        ...


@dataclass
class Result:
    """What became of one network; the curves have one entry an epoch."""

    epochs: int = 0
    best_epoch: int = 0  # counts from 1; 0 where no epoch ended with finite costs
    diverged: bool = False
    best: dict[str, float] | None = None  # the criteria at the best epoch
    curves: dict[str, list[Any]] | None = None


Report = Callable[[int, int, int], None]  # epoch, networks still training, epochs done in all


def train(
    task: Task,
    tensors: Tensors,
    stack: list[Candidate],
    *,
    epochs: int,
    patience: int,
    checkpoint: Path,
    report: Report,
) -> tuple[Tensors, list[Result]]:
    """Train K networks until each has stopped; return those of the best epochs, and the results.

    A network stops `patience` epochs after its best one, at `epochs`, or at once where a cost is
    not finite: it has diverged, and the others go on. Stopped networks leave the stack. The same
    arguments continue from `checkpoint`, and end with the same bits as an uninterrupted run.
    """
    device = next(iter(tensors.values())).device
    run = _Run.resume(checkpoint, device) or _Run.new(tensors)
    saved = time.monotonic()
    while run.live:
        networks = [stack[k] for k in run.live]
        cost_K = task.train_epoch(run.tensors, networks, run.epoch + 1)
        run.end_epoch(cost_K, task.measure(run.tensors, networks), task.criteria)
        run.release(epochs, patience)
        if not run.live or time.monotonic() - saved > CHECKPOINT_SECONDS:
            run.save(checkpoint)
            saved = time.monotonic()
        report(run.epoch, len(run.live), run.epochs_done(epochs))
    return run.best, run.results


def best(checkpoint: Path) -> Tensors:
    """Return the networks at their best epochs, in order, from where `train` left them."""
    run = _Run.resume(checkpoint, torch.device("cpu"))
    if run is None or run.live:
        raise Problem(
            f"{checkpoint} is not that of a finished training: run the same command again"
        )
    return run.best


@dataclass
class _Run:
    """Everything that training continues from."""

    epoch: int
    live: list[int]  # positions in the whole stack of the networks still training
    tensors: Tensors  # of the live networks
    best: Tensors  # of all networks, each at its best epoch
    results: list[Result]

    @classmethod
    def new(cls, tensors: Tensors) -> "_Run":
        size = len(next(iter(tensors.values())))
        best = {name: tensor.clone() for name, tensor in tensors.items()}
        return cls(0, list(range(size)), tensors, best, [Result() for _ in range(size)])

    @classmethod
    def resume(cls, checkpoint: Path, device: torch.device) -> "_Run | None":
        found = checkpoints.load(checkpoint)
        if found is None:
            return None
        tensors, state = found
        parts: dict[str, Tensors] = {"live": {}, "best": {}}
        for name, tensor in tensors.items():
            part, _, key = name.partition("/")
            parts[part][key] = tensor.to(device)
        results = [Result(**result) for result in state["results"]]
        return cls(state["epoch"], state["live"], parts["live"], parts["best"], results)

    def save(self, checkpoint: Path) -> None:
        tensors = {f"live/{name}": tensor for name, tensor in self.tensors.items()}
        tensors |= {f"best/{name}": tensor for name, tensor in self.best.items()}
        results = [asdict(result) for result in self.results]
        state = {"epoch": self.epoch, "live": self.live, "results": results}
        checkpoints.save(checkpoint, tensors, state)

    def end_epoch(
        self, cost_K: Tensor, measures: dict[str, Tensor], criteria: tuple[str, ...]
    ) -> None:
        """Append to the curves, and keep the networks that are better than ever."""
        self.epoch += 1
        columns = {name: values.tolist() for name, values in measures.items()}
        columns["train_costs"] = cost_K.tolist()
        better = []
        for row, k in enumerate(self.live):
            values = {name: column[row] for name, column in columns.items()}
            criterion = {name: values[name] for name in criteria}
            if self._record(self.results[k], values, criterion):
                better.append(row)
        for row in better:
            for name, tensor in self.tensors.items():
                self.best[name][self.live[row]] = tensor[row]

    def _record(self, result: Result, values: dict[str, Any], criterion: dict[str, float]) -> bool:
        result.epochs = self.epoch
        result.curves = result.curves or {name: [] for name in values}
        for name, value in values.items():
            result.curves[name].append(value)
        judged = (values["train_costs"], *criterion.values())
        result.diverged = not all(map(math.isfinite, judged))
        if result.diverged:
            return False
        is_better = result.best is None or tuple(criterion.values()) < tuple(result.best.values())
        if is_better:
            result.best, result.best_epoch = criterion, self.epoch
        return is_better

    def release(self, epochs: int, patience: int) -> None:
        """Let the networks that have stopped leave the stack: the others get their room."""
        rows = [row for row, k in enumerate(self.live) if not self._stopped(k, epochs, patience)]
        if len(rows) < len(self.live):
            self.live = [self.live[row] for row in rows]
            self.tensors = select(self.tensors, rows)

    def _stopped(self, k: int, epochs: int, patience: int) -> bool:
        result = self.results[k]
        late = self.epoch - result.best_epoch >= patience
        return result.diverged or late or self.epoch >= epochs

    def epochs_done(self, epochs: int) -> int:
        """Return the epochs trained or no longer needed, summed over the networks."""
        return self.epoch * len(self.live) + epochs * (len(self.results) - len(self.live))
