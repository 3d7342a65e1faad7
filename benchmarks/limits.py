"""What the machine can do: how fast it copies and multiplies, and so how fast a net-step can be.

A step that holds its weights where they are reads them forward, and back reads and writes them: 3
passes, with the input gradient and the update in one sweep. With an update of its own they are 4;
autograd with its gradients, which are written, read, and the step made of them, 6.
"""

import ctypes
import time
from typing import Any

import joblib
import torch

from benchmarks.task import Task
from pipeline.runtime import device

PASSES = {"one sweep": 3, "in place": 4, "autograd": 6}
START_SECONDS = 0.25  # for each process to be ready
MATRIX = 8192  # rows and columns of a product that a GPU is busy with
CHAINS = 12  # of multiply-adds that do not wait for each other


def of(task: Task, *, seconds: float) -> dict[str, Any]:
    """Measure for some seconds; return rates, and ms a net-step that they allow for.

    On a CPU copies are of a network's size, by all cores at once: its weights may fit the cache.
    """
    if task.device == "cpu":
        floats, multiplied = task.weights // 2, _together(_multiplied, seconds)
        copied = _together(_copied, seconds, floats)
    else:
        copied = _copied(seconds, 1 << 28, task.device)
        multiplied = _multiplied_matrices(seconds, task.device)
    floors = {name: 1e3 * passes * 4 * task.weights / copied for name, passes in PASSES.items()}
    found = {"copied_gb_per_s": copied / 1e9, "floors_ms": floors}
    if multiplied:
        found["gflop_per_s"] = multiplied / 1e9
        floors["arithmetic"] = 1e3 * task.flop / multiplied
    return found


def _together(rate: Any, seconds: float, *told: Any) -> float:
    """Return the sum of what all cores reach at once."""
    cores = joblib.cpu_count()
    begin = time.monotonic() + START_SECONDS
    with joblib.parallel_config("loky", n_jobs=cores, inner_max_num_threads=1):
        jobs = [joblib.delayed(_at)(begin, rate, seconds, *told) for _ in range(cores)]
        return float(sum(joblib.Parallel()(jobs)))


def _at(begin: float, rate: Any, seconds: float, *told: Any) -> float:
    device.prepare_for_training()
    time.sleep(max(0.0, begin - time.monotonic()))
    return float(rate(seconds, *told))


def _copied(seconds: float, floats: int, where: str = "cpu") -> float:
    """Return the bytes a second that copying so many floats reads and writes."""
    source = torch.rand(floats, device=where)
    target = torch.empty_like(source)
    return 8 * floats * _rate(lambda: target.copy_(source), seconds, where)


def _multiplied_matrices(seconds: float, where: str) -> float:
    """Return the operations a second of a large product in float32."""
    torch.backends.cuda.matmul.allow_tf32 = False
    a, b = (torch.rand(MATRIX, MATRIX, device=where) for _ in range(2))
    return 2 * MATRIX**3 * _rate(lambda: a @ b, seconds, where)


def _rate(run: Any, seconds: float, where: str) -> float:
    """Return how often a second something runs: the best of five stretches."""
    best, count = 0.0, 1
    for _ in range(7):  # two to warm up
        _wait(where)
        start = time.monotonic()
        for _ in range(count):
            run()
        _wait(where)
        took = time.monotonic() - start
        best = max(best, count / took)
        count = max(1, int(best * seconds / 7))
    return best


def _wait(where: str) -> None:
    if where != "cpu":
        torch.cuda.synchronize()


def _multiplied(seconds: float) -> float:
    """Return a core's operations a second with fused multiply-adds of registers, 0 without."""
    from pipeline.networks.kernels.cpu import layers

    if not layers.compiled_kernels():
        return 0.0
    from pipeline.networks.kernels.cpu import kernels
    from pipeline.networks.kernels.cpu.emitter import Emitter

    emitter, count = Emitter("multiply", 1, 1, lanes=kernels.host_lanes()), 1_000_000
    numbers, times = emitter.arguments
    chains = [emitter.accumulator() for _ in range(CHAINS)]
    factor = emitter.load(numbers)
    with emitter.loop(0, times):
        for chain in chains:
            emitter.accumulate(chain, factor, factor)
    for chain in chains:
        emitter.store(emitter.add(emitter.load(numbers), emitter.content(chain)), numbers)
    run = kernels.compile_function(emitter, ctypes.c_void_p, ctypes.c_int64)
    room = torch.full((emitter.lanes,), 1e-3)
    flop = 2 * CHAINS * emitter.lanes * count
    return flop * _rate(lambda: run(room.data_ptr(), count), seconds, "cpu")
