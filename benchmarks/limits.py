"""Limits of the machine: its rates of copying and multiplying, and the net-step they allow.

An in-place step whose input gradient and update are one sweep passes over the weights 3 times: it
reads them forward, and reads and writes them backward. With a separate update it is 4 passes; with
autograd, whose gradients are written, read and applied, 6.
"""

import ctypes
import time
from typing import Any

import joblib
import torch

from benchmarks.task import Task
from pipeline.runtime import device

PASSES = {"one sweep": 3, "in place": 4, "autograd": 6}
START_SECONDS = 0.25  # for the processes to be ready
MATRIX = 8192  # rows and columns of a product that occupies a GPU
CHAINS = 12  # of independent multiply-adds


def of(task: Task, *, seconds: float) -> dict[str, Any]:
    """Measure for about `seconds`; return the rates, and the ms a net-step that they allow.

    On a CPU all cores copy at once, and copies have a network's size: its weights may fit a cache.
    """
    if task.device == "cpu":
        floats, multiplied = task.weights // 2, _together(_multiplied, seconds)
        copied = _together(_copied, seconds, floats)
    else:
        copied = _copied(seconds, 1 << 28, task.device)
        multiplied = _multiplied_matrices(seconds, task.device)
    floors = {name: 1e3 * passes * 4 * task.weights / copied for name, passes in PASSES.items()}
    rates = {"copied_gb_per_s": copied / 1e9, "floors_ms": floors}
    if multiplied:
        rates["gflop_per_s"] = multiplied / 1e9
        floors["arithmetic"] = 1e3 * task.flop / multiplied
    return rates


def _together(rate: Any, seconds: float, *arguments: Any) -> float:
    """Return the sum of the rates of all cores at once."""
    cores = joblib.cpu_count()
    begin = time.monotonic() + START_SECONDS
    with joblib.parallel_config("loky", n_jobs=cores, inner_max_num_threads=1):
        jobs = [joblib.delayed(_at)(begin, rate, seconds, *arguments) for _ in range(cores)]
        return float(sum(joblib.Parallel()(jobs)))


def _at(begin: float, rate: Any, seconds: float, *arguments: Any) -> float:
    device.prepare_for_training()
    time.sleep(max(0.0, begin - time.monotonic()))
    return float(rate(seconds, *arguments))


def _copied(seconds: float, floats: int, where: str = "cpu") -> float:
    """Return the bytes a second that a copy of `floats` float32 numbers reads and writes."""
    source = torch.rand(floats, device=where)
    target = torch.empty_like(source)
    return 8 * floats * _rate(lambda: target.copy_(source), seconds, where)


def _multiplied_matrices(seconds: float, where: str) -> float:
    """Return the operations a second of a large product in float32."""
    torch.backends.cuda.matmul.allow_tf32 = False
    a, b = (torch.rand(MATRIX, MATRIX, device=where) for _ in range(2))
    return 2 * MATRIX**3 * _rate(lambda: a @ b, seconds, where)


def _rate(run: Any, seconds: float, where: str) -> float:
    """Return the calls of `run` a second: the best of seven measurements, two to warm up."""
    best, count = 0.0, 1
    for _ in range(7):
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
    """Return a core's rate of multiply-adds in registers, operations a second; 0 without LLVM."""
    from pipeline.networks.arithmetic import running

    if not running.compiled_kernels():
        return 0.0
    from pipeline.networks.arithmetic import compiler
    from pipeline.networks.arithmetic.emitter import Emitter

    emitter, count = Emitter("multiply", 1, 1, lanes=compiler.host_lanes()), 1_000_000
    numbers, times = emitter.arguments
    chains = [emitter.accumulator() for _ in range(CHAINS)]
    factor = emitter.load(numbers)
    with emitter.loop(0, times):
        for chain in chains:
            emitter.accumulate(chain, factor, factor)
    for chain in chains:
        emitter.store(emitter.add(emitter.load(numbers), emitter.content(chain)), numbers)
    run = compiler.compile_function(emitter, ctypes.c_void_p, ctypes.c_int64)
    room = torch.full((emitter.lanes,), 1e-3)
    flop = 2 * CHAINS * emitter.lanes * count
    return flop * _rate(lambda: run(room.data_ptr(), count), seconds, "cpu")
