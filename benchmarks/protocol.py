"""Benchmark of training on one device: weights are checked, then all variants are timed in turns.

The engine is timed both first and last; the difference of these two times is noise.
"""

import gc
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from torch import Tensor

from benchmarks import engine, job, limits, machine, timing
from benchmarks import task as tasks
from benchmarks.engine import weights_of
from benchmarks.other_peers import ByJax, ByNumpy
from benchmarks.task import AbsentError, Peer, Stepping, Task, Trainer
from benchmarks.torch_peers import Fused, Graphed, Sequential, Vmapped

CHECKED_STEPS, TOLERANCE = 10, 1e-4  # share of the distance moved in float64
ENGINE, AGAIN = "engine", "engine again"
EAGER = "sequential eager torch"  # prefix of the baselines' names
Row = dict[str, Any]
Say = Callable[[str], None]


def net_steps(
    where: torch.device,
    *,
    repeats: int,
    seconds: float,
    hfta: Path | None = None,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Return `machine`, its `limits` by size, and `net_steps`, the rows of `measure` of all tasks.

    `seconds` is the length of one timing, `hfta` a clone of HFTA. `say` gets a line for each row.
    """
    contenders = on_cpu(hfta) if where.type == "cpu" else on_cuda(hfta)
    report: dict[str, Any] = {"machine": machine.about(where), "limits": {}, "net_steps": []}
    for size, widths in tasks.SIZES.items():
        for networks in tasks.NETWORKS[where.type]:
            task = Task(widths, networks, where.type)
            if size not in report["limits"]:
                report["limits"][size] = limits.of(task, seconds=seconds)
            rows = measure(task, contenders, repeats=repeats, seconds=seconds)
            for row in rows:
                say(_line(size, row))
            report["net_steps"] += [{"size": size} | row for row in rows]
    return report


def _line(size: str, row: Row) -> str:
    head = f"{size:7} K = {row['networks']:<4}{row['contender']:36}"
    if "absent" in row:
        return f"{head}{row['absent']}"
    return (
        f"{head}{row['ms_per_net_step']:9.4f} ms a net-step"
        f" [{row['first_quartile']:.4f}, {row['third_quartile']:.4f}]"
        f"  {row['times_the_speed_of_eager']:6.2f} x eager"
    )


def jobs(where: torch.device, *, repeats: int, say: Say = lambda _: None) -> list[Row]:
    """Return a row for the whole job of each size (see job.measure)."""
    rows = []
    for size, settings in job.JOBS[where.type].items():
        row = job.measure(settings, tasks.SIZES[size], where, repeats=repeats)
        say(
            f"{size:7} K = {row['networks']:<4}{'a whole job':36}{row['ms_per_net_step']:9.4f} ms a"
            f" net-step, steps {row['steps']:.0%}, evaluation {row['evaluation']:.0%}"
        )
        rows.append({"size": size} | row)
    return rows


def measure(task: Task, contenders: list[Peer], *, repeats: int, seconds: float) -> list[Row]:
    """Time the contenders on one task, in turns, after a warm-up that checks their weights.

    `seconds` is the length of one timing. Returns a row for each contender: its name, K, the
    median, quartiles and minimum of ms a net-step, the speed relative to the fastest sequential
    eager torch, its error, and the seconds until its tenth step, which include any compiling and
    recording. An absent contender's row has `absent`, the reason, in their place.

    Raises ArithmeticError where a contender's weights are wrong.
    """
    truth, rows, trainers = Truth(task), {}, {}
    for peer in contenders:
        rows[peer.name] = {"contender": peer.name, "networks": task.networks}
        try:
            trainers[peer.name], checked = _started(peer, task, truth)
            rows[peer.name] |= checked
        except AbsentError as error:
            rows[peer.name]["absent"] = str(error)
    times = timing.rounds(
        {name: _timed(trainer, seconds) for name, trainer in trainers.items()}, repeats
    )
    trainers.clear()
    gc.collect()
    eager = [float(np.median(ms)) for name, ms in times.items() if name.startswith(EAGER)]
    for name, ms in times.items():
        rows[name] |= timing.quartiles(ms, "ms_per_net_step") | {"minimum": min(ms)}
        rows[name]["times_the_speed_of_eager"] = min(eager) / float(np.median(ms))
    return list(rows.values())


def _started(peer: Peer, task: Task, truth: "Truth") -> tuple[Trainer, Row]:
    start = time.monotonic()
    trainer = peer.start(task)
    trainer.train(CHECKED_STEPS)
    seconds = time.monotonic() - start
    error = max(truth.error(k, weights) for k, weights in trainer.weights().items())
    if not error < TOLERANCE:
        raise ArithmeticError(f"{peer.name} is off by {error:.1e} of the distance moved")
    return trainer, {"error_against_float64": error, "seconds_to_start": seconds}


def _timed(trainer: Trainer, seconds: float) -> Callable[[], float]:
    """Return a run of approximately `seconds` that returns ms a net-step."""
    steps = 1
    for _ in range(2):  # the first step after another contender's run is slower than the rest
        _, took = trainer.train(steps)
        steps = max(1, min(50 * steps, int(steps * seconds / took)))
    trainer.train(steps)  # a new number of steps may be compiled

    def run() -> float:
        net_steps, seconds = trainer.train(steps)
        return 1e3 * seconds / net_steps

    return run


class Truth:
    """The networks of a task after the checked steps, in float64, by autograd."""

    def __init__(self, task: Task) -> None:
        """Networks are trained when their error is asked for."""
        self.task = task
        self.trained: dict[int, tuple[Tensor, float]] = {}

    def error(self, k: int, weights: Tensor) -> float:
        """Return the distance of network k's weights from the truth over the distance moved."""
        if k not in self.trained:
            exact = Sequential(self.task, torch.get_num_threads(), k, dtype=torch.float64)
            exact.train(CHECKED_STEPS)
            true = exact.weights()[k]
            start = weights_of(self.task.start(k, 1), 0).double()
            self.trained[k] = true, float((true - start).norm())
        true, moved = self.trained[k]
        return float((weights.double() - true).norm()) / moved


def on_cpu(hfta: Path | None) -> list[Peer]:
    """Return the contenders on a CPU, on all of its cores unless their name says otherwise."""
    cores = joblib.cpu_count()
    return [
        Peer(ENGINE, engine.start),
        Peer(f"{EAGER}, {cores} threads", partial(Sequential, threads=cores)),
        Peer(f"{EAGER}, 1 thread", partial(Sequential, threads=1)),
        Peer("torch.func, eager", partial(Vmapped, threads=cores, compiled=False)),
        Peer("torch.func, compiled", partial(Vmapped, threads=cores, compiled=True)),
        Peer("HFTA", partial(Fused, threads=cores, path=hfta)),
        Peer("JAX", ByJax),
        Peer("numpy", ByNumpy),
        Peer(AGAIN, engine.start),
    ]


def on_cuda(hfta: Path | None) -> list[Peer]:
    """Return the contenders on a GPU; those of torch also under CUDA graphs."""
    torches: dict[str, Callable[[Task], Stepping]] = {
        EAGER: partial(Sequential, threads=1),
        "torch.func, eager": partial(Vmapped, threads=1, compiled=False),
        "torch.func, compiled": partial(Vmapped, threads=1, compiled=True),
        "HFTA": partial(Fused, threads=1, path=hfta),
    }
    return [
        Peer(ENGINE, engine.start),
        Peer("engine, no graph", engine.Resident),
        *(Peer(name, start) for name, start in torches.items()),
        *(Peer(f"{name}, CUDA graph", partial(_graphed, one)) for name, one in torches.items()),
        Peer("JAX", ByJax),
        Peer(AGAIN, engine.start),
    ]


def _graphed(start: Callable[[Task], Stepping], task: Task) -> Trainer:
    return Graphed(start(task))
