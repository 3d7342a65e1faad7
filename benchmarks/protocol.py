"""How peers are compared: numerics first, then times, in turns."""

import gc
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import timing
from benchmarks.engine import weights_of
from benchmarks.peers import EAGER
from benchmarks.sequential import Sequential
from benchmarks.task import AbsentError, Peer, Task, Trainer

CHECKED_STEPS, TOLERANCE = 10, 1e-4  # share of the distance moved in float64
Row = dict[str, Any]


def measure(
    task: Task,
    peers: list[Peer],
    *,
    repeats: int,
    seconds: float,
    say: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Time every peer on one task, in turns, after a warm-up that checks its weights.

    `seconds` is how long one repeat takes. Returns a row a peer: its name, K, the median, quartiles
    and minimum of ms a net-step, how many times as fast as the fastest sequential eager torch, its
    error, and the seconds until its tenth step, which hold whatever it compiles or records. The row
    of a peer who is not here has `absent`, the reason, in their place.

    Raises ArithmeticError where a peer's weights are wrong.
    """
    truth, rows, trainers = Truth(task), {}, {}
    for peer in peers:
        say(peer.name)
        rows[peer.name] = {"contender": peer.name, "networks": task.networks}
        try:
            trainers[peer.name], found = _started(peer, task, truth)
            rows[peer.name] |= found
        except AbsentError as error:
            rows[peer.name]["absent"] = str(error)
    say("all in turns")
    times = timing.rounds(
        {name: _timed(trainer, seconds) for name, trainer in trainers.items()}, repeats
    )
    trainers.clear()
    gc.collect()
    eager = [float(np.median(took)) for name, took in times.items() if name.startswith(EAGER)]
    for name, took in times.items():
        rows[name] |= timing.quartiles(took, "ms_per_net_step") | {"minimum": min(took)}
        rows[name]["times_the_speed_of_eager"] = min(eager) / float(np.median(took))
    return list(rows.values())


def _started(peer: Peer, task: Task, truth: "Truth") -> tuple[Trainer, Row]:
    start = time.monotonic()
    trainer = peer.start(task)
    trainer.train(CHECKED_STEPS)
    took = time.monotonic() - start
    error = max(truth.error(k, weights, peer.l1) for k, weights in trainer.weights().items())
    if not error < TOLERANCE:
        raise ArithmeticError(f"{peer.name} is off by {error:.1e} of the way moved")
    return trainer, {"error_against_float64": error, "seconds_to_start": took}


def _timed(trainer: Trainer, seconds: float) -> Callable[[], float]:
    """Return a run of about so many seconds that gives ms a net-step."""
    steps = 1
    for _ in range(2):  # the first step after the others has worked is not a typical one
        _, took = trainer.train(steps)
        steps = max(1, min(50 * steps, int(steps * seconds / took)))
    trainer.train(steps)  # a new number of steps may be compiled anew
    return partial(_ms_per_net_step, trainer, steps)


def _ms_per_net_step(trainer: Trainer, steps: int) -> float:
    done, took = trainer.train(steps)
    return 1e3 * took / done


class Truth:
    """The networks of a task after the checked steps, in float64, by autograd."""

    def __init__(self, task: Task) -> None:
        """Remember the task; networks are trained when they are asked for."""
        self.task = task
        self.found: dict[tuple[int, float], tuple[Tensor, float]] = {}

    def error(self, k: int, weights: Tensor, l1: float) -> float:
        """Return the distance of network k's weights from the truth, as a share of the way."""
        if (k, l1) not in self.found:
            cores = torch.get_num_threads()
            exact = Sequential(self.task, cores, k, dtype=torch.float64, l1=l1)
            exact.train(CHECKED_STEPS)
            true = exact.weights()[k]
            start = weights_of(self.task.start(k, 1), 0).double()
            self.found[k, l1] = true, float((true - start).norm())
        true, way = self.found[k, l1]
        return float((weights.double() - true).norm()) / way
