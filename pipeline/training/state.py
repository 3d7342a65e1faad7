"""Training state of a population, and the files of its networks."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pipeline.networks.population import Tensors, concatenated, only, select, to_device
from pipeline.runtime.errors import Problem
from pipeline.training import checkpoints

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Trial:
    """One network to train: its seed, learning rate and L1 penalty on the hidden outputs."""

    seed: int
    learning_rate: float
    l1: float


def rates_and_penalties_K(trials: list[Trial], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return learning rates [K] and L1 coefficients [K], with dtype and device of `like`."""
    rates_K = like.new_tensor([trial.learning_rate for trial in trials])
    return rates_K, like.new_tensor([trial.l1 for trial in trials])


class Objective(Protocol):
    """Objective of a population: one epoch of training, and the validation metrics."""

    @property
    def criteria(self) -> tuple[str, ...]:
        """Names of the metrics that rank epochs, lower is better, the most important first."""
        ...

    def train_epoch(self, tensors: Tensors, trials: list[Trial], epochs: Sequence[int]) -> Tensor:
        """Train every network by one epoch, in place; return its mean training cost [K].

        `epochs` holds the number of each network's epoch, from 1 up.
        """
        ...

    def measure(self, tensors: Tensors, trials: list[Trial]) -> dict[str, Tensor]:
        """Return the metrics recorded after an epoch, by name; first dimension K."""
        ...


@dataclass
class History:
    """Training history of one network; each curve has one entry per epoch."""

    epochs: int = 0
    best_epoch: int = 0  # from 1 up; 0 if no epoch ended with finite costs
    diverged: bool = False
    best: dict[str, float] | None = None  # the criteria at the best epoch
    curves: dict[str, list[Any]] | None = None


@dataclass
class TrainedNetwork:
    """One network and its history, as its file holds them; tensors are [1, ...], on the CPU."""

    history: History
    best: Tensors  # at its best epoch
    unfinished: Tensors  # where training continues; empty if it has stopped

    @classmethod
    def load(cls, file: Path) -> "TrainedNetwork | None":
        """Return the content of a network's file, None if there is no intact one."""
        loaded = checkpoints.load(file)
        if loaded is None:
            return None
        parts: dict[str, Tensors] = {"best": {}, "unfinished": {}}
        for name, tensor in loaded[0].items():
            part, _, key = name.partition("/")
            parts[part][key] = tensor
        return cls(History(**loaded[1]), **parts)

    @classmethod
    def finished(cls, file: Path) -> "TrainedNetwork | None":
        """Return a network that has stopped, None if its file is absent or its training goes on."""
        network = cls.load(file)
        return None if network is None or network.unfinished else network

    def save(self, file: Path) -> None:
        """Write the file; the previous one is kept beside it until the training has stopped."""
        tensors = {f"best/{name}": tensor for name, tensor in self.best.items()}
        tensors |= {f"unfinished/{name}": tensor for name, tensor in self.unfinished.items()}
        checkpoints.save(file, tensors, asdict(self.history))
        if not self.unfinished:
            checkpoints.previous(file).unlink(missing_ok=True)


def best_networks(files: Sequence[Path]) -> Tensors:
    """Return networks at their best epochs from their files, in order.

    Raises Problem if the training of one is not finished.
    """
    networks = []
    for file in files:
        network = TrainedNetwork.finished(file)
        if network is None:
            raise Problem(f"{file}: its training is not finished: run the same command again")
        networks.append(network.best)
    return _joined(networks)


def _joined(networks: list[Tensors]) -> Tensors:
    """Return copies of networks [1, ...] as one population; no tensors if there are none."""
    names = networks[0] if networks else {}
    return {name: torch.cat([network[name] for network in networks]) for name in names}


@dataclass
class TrainingState:
    """State of a population in training.

    Networks are numbered by their position among the trials. Live networks train; waiting ones
    have not stopped, but the device's memory has no room for them.
    """

    histories: list[History]
    best: Tensors  # of all networks at their best epochs; on the CPU, pinned if training on a GPU
    waiting: list[int]
    waiting_tensors: Tensors  # on the CPU
    live: list[int] = field(default_factory=list)
    tensors: Tensors = field(default_factory=dict)  # of the live networks; on the device
    finished_files: set[int] = field(default_factory=set)  # networks whose files are final

    @classmethod
    def start(
        cls, files: Sequence[Path], tensors: Tensors, device: torch.device
    ) -> "TrainingState":
        """Return the state that the networks' files hold; a network without a file is new.

        `tensors` are the initial ones. All unfinished networks wait.
        """
        histories, best, unfinished, waiting, finished = [], [], [], [], set()
        for k, file in enumerate(files):
            network = TrainedNetwork.load(file)
            if network is None:
                initial = only(tensors, k)
                network = TrainedNetwork(History(), initial, initial)
            histories.append(network.history)
            best.append(network.best)
            if network.unfinished:
                waiting.append(k)
                unfinished.append(network.unfinished)
            else:
                finished.add(k)
        state = cls(histories, _joined(best), waiting, _joined(unfinished))
        state.finished_files = finished
        if device.type != "cpu":  # a GPU copies to pinned memory without a staging buffer
            state.best = {name: tensor.pin_memory() for name, tensor in state.best.items()}
        return state

    def save(self, files: Sequence[Path]) -> None:
        """Write the files of the live networks and of networks stopped since the last call."""
        live = to_device(self.tensors, CPU)
        rows = {k: row for row, k in enumerate(self.live)}
        for k, file in enumerate(files):
            if k in self.finished_files or k in self.waiting:  # its file has not changed
                continue
            unfinished = only(live, rows[k]) if k in rows else {}
            TrainedNetwork(self.histories[k], only(self.best, k), unfinished).save(file)
            if not unfinished:
                self.finished_files.add(k)

    @property
    def unfinished(self) -> list[int]:
        """Networks that have not stopped."""
        return self.live + self.waiting

    @property
    def epoch(self) -> int:
        """The largest number of epochs of any network."""
        return max(history.epochs for history in self.histories)

    def admit(self, room: int, device: torch.device) -> None:
        """Move waiting networks to the device while fewer than `room` networks are live."""
        entering = min(room - len(self.live), len(self.waiting))
        if entering <= 0:
            return
        waiting = self.waiting_tensors.items()
        new = {name: rows[:entering].to(device, copy=True) for name, rows in waiting}
        self.tensors = concatenated(self.tensors, new)
        self.live += self.waiting[:entering]
        self.waiting = self.waiting[entering:]
        rest = {name: rows[entering:] for name, rows in waiting}
        self.waiting_tensors = rest if self.waiting else {}

    def train_epoch(self, objective: Objective, trials: list[Trial]) -> None:
        """Train each live network by one epoch; copy it to `best` if it is its best epoch."""
        live_trials = [trials[k] for k in self.live]
        epochs = [self.histories[k].epochs + 1 for k in self.live]
        cost_K = objective.train_epoch(self.tensors, live_trials, epochs)
        metrics = objective.measure(self.tensors, live_trials)
        columns = {name: values.tolist() for name, values in metrics.items()}
        columns["train_costs"] = cost_K.tolist()
        improved = []
        for row, k in enumerate(self.live):
            values = {name: column[row] for name, column in columns.items()}
            criteria = {name: values[name] for name in objective.criteria}
            if self._record(self.histories[k], values, criteria):
                improved.append(row)
        for row in improved:
            for name, tensor in self.tensors.items():
                self.best[name][self.live[row]] = tensor[row]

    def _record(self, history: History, values: dict[str, Any], criteria: dict[str, float]) -> bool:
        """Append an epoch to a history; return whether it is the best one so far."""
        history.epochs += 1
        history.curves = history.curves or {name: [] for name in values}
        for name, value in values.items():
            history.curves[name].append(value)
        costs = (values["train_costs"], *criteria.values())
        history.diverged = not all(map(math.isfinite, costs))
        if history.diverged:
            return False
        is_better = history.best is None or tuple(criteria.values()) < tuple(history.best.values())
        if is_better:
            history.best, history.best_epoch = criteria, history.epochs
        return is_better

    def release(self, epochs: int, patience: int) -> None:
        """Remove the networks that have stopped, which makes room for waiting ones."""
        rows = [
            row
            for row, k in enumerate(self.live)
            if not _stopped(self.histories[k], epochs, patience)
        ]
        if len(rows) < len(self.live):
            self.live = [self.live[row] for row in rows]
            self.tensors = select(self.tensors, rows)

    def epochs_done(self, epochs: int) -> int:
        """Return the epochs trained or no longer needed, summed over the networks."""
        trained = sum(self.histories[k].epochs for k in self.unfinished)
        return trained + epochs * (len(self.histories) - len(self.unfinished))


def _stopped(history: History, epochs: int, patience: int) -> bool:
    without_gain = history.epochs - history.best_epoch
    return history.diverged or without_gain >= patience or history.epochs >= epochs
