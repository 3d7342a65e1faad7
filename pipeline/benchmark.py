"""The engine's speed beside ordinary PyTorch's, in one run on one machine.

A net-step is one SGD step of one network on one mini-batch of 10. Every contender trains the same
networks on random data, each with mini-batches of its own, in float32.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import joblib
import numpy as np
import torch
from torch import Tensor

from pipeline import backprop, device, networks, pool
from pipeline.hidden import Step
from pipeline.networks import Stack
from pipeline.params import Activation
from pipeline.run import Candidate

SIZES = {"digits": [64, 200, 200, 200, 10], "mnist": [784, 1000, 1000, 1000, 10]}
NETWORKS = 40  # seeds x learning rates of one arm of the default protocol
BATCH, EXAMPLES, RATE, L1 = 10, 1000, 0.01, 0.001
SET_UP_SECONDS = 0.5  # for each process to draw its weights before the clock starts
CHECKED_STEPS, TOLERANCE = 10, 1e-4  # share of the distance moved in float64
UNIT = Activation(function="rectifier", l1=L1, half_negated=False, reconstruction="softplus")


@dataclass(frozen=True)
class Contender:
    """A way to train: `run(widths, steps)` returns net-steps and the seconds that they took."""

    name: str
    run: Callable[[list[int], int], tuple[int, float]]
    move: Callable[[list[int]], Tensor]  # weights of one network after the checked steps, flat


def examples(widths: list[int], dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Return random inputs [N, I] in [0, 1] and classes [N]."""
    draws = torch.Generator().manual_seed(0)
    x_NI = torch.rand(EXAMPLES, widths[0], generator=draws).to(dtype)
    return x_NI, torch.randint(widths[-1], (EXAMPLES,), generator=draws)


def rows(k: int, step: int) -> Tensor:
    """Return the examples [B] of a network's mini-batch."""
    return (torch.arange(BATCH) * 97 + 31 * k + 7 * step) % EXAMPLES


# The engine


def _train_stack(
    widths: list[int], first: int, K: int, steps: int, *, begin: float = 0.0
) -> tuple[Stack, float, float]:
    device.prepare_for_training()
    stack = networks.initialize("bench", widths, range(first, first + K), UNIT)
    x_NI, y_N = examples(widths)
    step = Step.of(torch.full((K,), RATE), torch.full((K,), L1), BATCH)
    orders = [torch.stack([rows(first + k, t) for k in range(K)]) for t in range(steps)]
    time.sleep(max(0.0, begin - time.monotonic()))  # all processes begin together
    start = time.monotonic()
    for rows_KB in orders:
        backprop.supervised_step_(stack, x_NI[rows_KB], y_N[rows_KB], step)
    return stack, start, time.monotonic()


def _timed_stack(
    widths: list[int], first: int, K: int, steps: int, *, begin: float
) -> tuple[float, float]:
    return _train_stack(widths, first, K, steps, begin=begin)[1:]


def _engine(widths: list[int], steps: int) -> tuple[int, float]:
    bytes_each = 4 * sum(a * b for a, b in pairwise(widths))
    candidates = [Candidate(k, RATE, L1) for k in range(NETWORKS)]
    sizes = [len(stack) for stack in pool.split(candidates, bytes_each, torch.device("cpu"))]
    processes = min(joblib.cpu_count(), len(sizes))
    begin = time.monotonic() + SET_UP_SECONDS
    with joblib.parallel_config("loky", n_jobs=processes, inner_max_num_threads=1):
        spans = joblib.Parallel()(
            joblib.delayed(_timed_stack)(widths, sum(sizes[:row]), sizes[row], steps, begin=begin)
            for row in range(processes)
        )
    seconds = max(end for _, end in spans) - min(start for start, _ in spans)
    return sum(sizes[:processes]) * steps, seconds


def _engine_move(widths: list[int]) -> Tensor:
    stack, _, _ = _train_stack(widths, 0, 2, CHECKED_STEPS)
    return torch.cat([stack.W_KIO(layer)[0].flatten() for layer in range(stack.depth + 1)])


# Ordinary PyTorch: one nn.Sequential after the other, autograd, torch.optim.SGD


def _sequential(widths: list[int], k: int, dtype: torch.dtype) -> torch.nn.Sequential:
    start = networks.initialize("bench", widths, [k], UNIT)
    layers = list(networks.module(start, 0))[:-1]  # the cost takes logits
    return torch.nn.Sequential(*layers).to(dtype)


def _penalized(module: torch.nn.Sequential, x_BI: Tensor, y_B: Tensor) -> Tensor:
    penalty = x_BI.new_zeros(())
    for layer in module:
        x_BI = layer(x_BI)
        if isinstance(layer, torch.nn.ReLU):
            penalty = penalty + x_BI.abs().sum(1).mean()
    return torch.nn.functional.cross_entropy(x_BI, y_B) + L1 * penalty


def _train_eager(
    widths: list[int], k: int, steps: int, dtype: torch.dtype = torch.float32
) -> tuple[torch.nn.Sequential, float]:
    module, (x_NI, y_N) = _sequential(widths, k, dtype), examples(widths, dtype)
    descent = torch.optim.SGD(module.parameters(), lr=RATE)
    batches = [rows(k, t) for t in range(steps)]
    start = time.monotonic()
    for rows_B in batches:
        descent.zero_grad()
        _penalized(module, x_NI[rows_B], y_N[rows_B]).backward()
        descent.step()
    return module, time.monotonic() - start


def _eager(threads: int) -> Callable[[list[int], int], tuple[int, float]]:
    def run(widths: list[int], steps: int) -> tuple[int, float]:
        torch.set_num_threads(threads)
        return steps, _train_eager(widths, 0, steps)[1]

    return run


def _eager_move(widths: list[int], dtype: torch.dtype = torch.float32) -> Tensor:
    module, _ = _train_eager(widths, 0, CHECKED_STEPS, dtype)
    weights = [layer.weight.detach().T for layer in module if isinstance(layer, torch.nn.Linear)]
    return torch.cat([weight.flatten() for weight in weights])


def contenders() -> list[Contender]:
    """Return who is timed; the engine twice: what its two figures differ by is noise."""
    cores = joblib.cpu_count()
    return [
        Contender("engine", _engine, _engine_move),
        Contender(f"sequential eager torch, {cores} threads", _eager(cores), _eager_move),
        Contender("sequential eager torch, 1 thread", _eager(1), _eager_move),
        Contender("engine again", _engine, _engine_move),
    ]


def check(widths: list[int], contender: Contender) -> float:
    """Return a contender's distance from float64 after the checked steps, as a share of the way.

    Raises ArithmeticError where it is over the tolerance: a fast wrong answer is not timed.
    """
    start = torch.cat([W.double().flatten() for W in _start_weights(widths)])
    truth = _eager_move(widths, torch.float64)
    share = float((contender.move(widths).double() - truth).norm() / (truth - start).norm())
    if not share < TOLERANCE:
        raise ArithmeticError(f"{contender.name} is off by {share:.1e} of the way moved")
    return share


def _start_weights(widths: list[int]) -> list[Tensor]:
    stack = networks.initialize("bench", widths, [0], UNIT)
    return [stack.W_KIO(layer)[0] for layer in range(stack.depth + 1)]


def measure(size: str, *, repeats: int, seconds: float) -> dict[str, Any]:
    """Time every contender at one size, round-robin in rotating order after a warm-up.

    `seconds` is how long one repeat takes. Returns, for each contender, the median and quartiles
    of milliseconds a net-step, its error in float64, and its speed relative to the first eager one.
    """
    widths, entered = SIZES[size], contenders()
    errors = {contender.name: check(widths, contender) for contender in entered}
    steps = {contender.name: _steps(contender, widths, seconds) for contender in entered}
    times: dict[str, list[float]] = {contender.name: [] for contender in entered}
    for turn in range(repeats):
        for contender in entered[turn % len(entered) :] + entered[: turn % len(entered)]:
            done, took = contender.run(widths, steps[contender.name])
            times[contender.name].append(1e3 * took / done)
    eager = float(np.median(times[entered[1].name]))
    return {
        name: {
            **quartiles(values, "ms_per_net_step"),
            "minimum": min(values),
            "times_the_speed_of_eager": eager / float(np.median(values)),
            "error_against_float64": errors[name],
        }
        for name, values in times.items()
    }


def _steps(contender: Contender, widths: list[int], seconds: float) -> int:
    contender.run(widths, 5)  # warm-up: processes start, memory is touched
    _, took = contender.run(widths, 20)
    return max(20, int(20 * seconds / took))


def quartiles(values: list[float], unit: str) -> dict[str, float]:
    """Return the median under the name `unit`, the quartiles, and of how many repeats they are."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {
        unit: float(median),
        "first_quartile": float(low),
        "third_quartile": float(high),
        "repeats": len(values),
    }


def machine() -> dict[str, Any]:
    """Return what a time is worth nothing without."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": joblib.cpu_count(),
        "python": platform.python_version(),
        **device.about(torch.device("cpu")),
        "mkl": torch.backends.mkl.is_available(),
    }
