"""JAX: vmap over one network's gradient, a scan over the mini-batches, donated weights.

It has a process to itself, since it keeps threads, and on a GPU memory, of its own. Its products
have precision `highest`: its default on a GPU is not float32.
"""

import importlib.util
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.task import L1, RATE, AbsentError, Task


class ByJax:
    """All networks of the task."""

    def __init__(self, task: Task) -> None:
        """Stack the weights in the other process; what it held before is let go."""
        if importlib.util.find_spec("jax") is None:
            raise AbsentError("not installed: pip install jax")
        self.task, self.done = task, 0
        _process().submit(_start, task).result()

    def train(self, steps: int) -> tuple[int, float]:
        """Take so many steps of every network."""
        rows_SKB = self.task.rows_SKB(self.done, steps).cpu().numpy()
        self.done += steps
        seconds = _process().submit(_train, rows_SKB).result()
        return steps * self.task.networks, seconds

    def weights(self) -> dict[int, Tensor]:
        """Return the weights of the first network and of the last."""
        found = _process().submit(_weights, sorted({0, self.task.networks - 1})).result()
        return {k: torch.from_numpy(weights) for k, weights in found.items()}


@cache
def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


# In the other process

_held: dict[str, Any] = {}


def _start(task: Task) -> None:
    import jax

    _held.clear()
    jax.config.update("jax_default_matmul_precision", "highest")
    if task.device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    stack = task.start()
    layers = range(stack.depth + 1)
    pairs = [(stack.W_KIO(layer), stack.b_K1O(layer)[:, 0]) for layer in layers]
    _held["layers"] = jax.device_put([(W.numpy(), b.numpy()) for W, b in pairs])
    examples = Task(task.widths, task.networks).examples()
    _held["examples"] = jax.device_put(tuple(part.numpy() for part in examples))
    _held["train"] = jax.jit(_descent, donate_argnums=0)
    _held["compiled"] = {}


def _descent(layers: Any, examples: Any, rows_SKB: Any) -> Any:
    """Return the layers after a scan over the mini-batches."""
    import jax

    def cost(layers: Any, x_BI: Any, y_B: Any) -> Any:
        penalty = 0.0
        for W_IO, b_O in layers[:-1]:
            x_BI = jax.nn.relu(x_BI @ W_IO + b_O)
            penalty += L1 * abs(x_BI).sum(1).mean()
        log_p_BC = jax.nn.log_softmax(x_BI @ layers[-1][0] + layers[-1][1])
        return -jax.numpy.take_along_axis(log_p_BC, y_B[:, None], 1).mean() + penalty

    def step(layers: Any, rows_KB: Any) -> tuple[Any, None]:
        x_KBI, y_KB = examples[0][rows_KB], examples[1][rows_KB]
        gradients = jax.vmap(jax.grad(cost))(layers, x_KBI, y_KB)
        return jax.tree.map(lambda old, gradient: old - RATE * gradient, layers, gradients), None

    return jax.lax.scan(step, layers, rows_SKB)[0]


def _train(rows_SKB: np.ndarray) -> float:
    """Return the seconds that the steps took; a new number of them is compiled before."""
    import jax

    rows_SKB = jax.block_until_ready(jax.device_put(rows_SKB))
    compiled, told = _held["compiled"], (_held["layers"], _held["examples"], rows_SKB)
    if len(rows_SKB) not in compiled:
        compiled[len(rows_SKB)] = _held["train"].lower(*told).compile()
    start = time.monotonic()
    _held["layers"] = jax.block_until_ready(compiled[len(rows_SKB)](*told))
    return time.monotonic() - start


def _weights(networks: list[int]) -> dict[int, np.ndarray]:
    W = [np.asarray(W_KIO) for W_KIO, _ in _held["layers"]]
    return {k: np.concatenate([W_KIO[k].ravel() for W_KIO in W]) for k in networks}
