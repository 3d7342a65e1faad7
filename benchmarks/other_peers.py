"""Libraries without torch that the engine is compared with: NumPy and JAX."""

import importlib.util
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.task import BATCH, L1, RATE, AbsentError, Task, flat


class ByNumpy:
    """The step written by hand in numpy: the first network of the task, on all cores."""

    def __init__(self, task: Task) -> None:
        """Draw weights and data."""
        self.task, self.done = task, 0
        x_NI, y_N = task.examples()
        self.x_NI, self.y_NC = x_NI.numpy(), np.eye(task.widths[-1], dtype=np.float32)[y_N.numpy()]
        stack = task.start(0, 1)
        self.W = [stack.W_KIO(layer)[0].numpy() for layer in range(stack.depth + 1)]
        self.b = [stack.b_K1O(layer)[0, 0].numpy() for layer in range(stack.depth + 1)]

    def train(self, steps: int) -> tuple[int, float]:
        """Take so many steps."""
        rows_SB = self.task.rows_SKB(self.done, steps)[:, 0].numpy()
        self.done += steps
        start = time.monotonic()
        for rows_B in rows_SB:
            self._step(self.x_NI[rows_B], self.y_NC[rows_B])
        return steps, time.monotonic() - start

    def weights(self) -> dict[int, Tensor]:
        """Return the network's weights."""
        return {0: flat([torch.from_numpy(W_IO) for W_IO in self.W])}

    def _step(self, x_BI: np.ndarray, y_BC: np.ndarray) -> None:
        outputs = [x_BI]
        for W_IO, b_O in zip(self.W[:-1], self.b[:-1], strict=True):
            z_BO = outputs[-1] @ W_IO
            z_BO += b_O
            outputs.append(np.maximum(z_BO, 0, out=z_BO))
        scores_BC = outputs[-1] @ self.W[-1] + self.b[-1]
        p_BC = np.exp(scores_BC - scores_BC.max(1, keepdims=True))
        delta_BO = p_BC / p_BC.sum(1, keepdims=True) - y_BC
        delta_BO *= -RATE / BATCH
        for layer in reversed(range(len(self.W))):
            below_BI = delta_BO @ self.W[layer].T if layer else delta_BO
            self.W[layer] += outputs[layer].T @ delta_BO
            self.b[layer] += delta_BO.sum(0)
            if layer:
                below_BI -= RATE * L1 / BATCH  # where the output is above 0: see the next line
                below_BI *= outputs[layer] > 0
            delta_BO = below_BI


class ByJax:
    """JAX: vmap over one network's gradient, a scan over the mini-batches, donated weights.

    JAX runs in a process of its own, since it keeps threads, and on a GPU memory. Its products have
    precision `highest`: its default on a GPU is not float32.
    """

    def __init__(self, task: Task) -> None:
        """Stack the weights in the other process, which frees those of the task before."""
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
        weights = _process().submit(_weights, sorted({0, self.task.networks - 1})).result()
        return {k: torch.from_numpy(flat_weights) for k, flat_weights in weights.items()}


@cache
def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


# The functions below run in the other process.

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
    _held["train"] = jax.jit(_scan, donate_argnums=0)
    _held["compiled"] = {}


def _scan(layers: Any, examples: Any, rows_SKB: Any) -> Any:
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
    """Return the seconds that the steps took, without the compilation for a new number of them."""
    import jax

    rows_SKB = jax.block_until_ready(jax.device_put(rows_SKB))
    compiled, arguments = _held["compiled"], (_held["layers"], _held["examples"], rows_SKB)
    if len(rows_SKB) not in compiled:
        compiled[len(rows_SKB)] = _held["train"].lower(*arguments).compile()
    start = time.monotonic()
    _held["layers"] = jax.block_until_ready(compiled[len(rows_SKB)](*arguments))
    return time.monotonic() - start


def _weights(networks: list[int]) -> dict[int, np.ndarray]:
    W = [np.asarray(W_KIO) for W_KIO, _ in _held["layers"]]
    return {k: np.concatenate([W_KIO[k].ravel() for W_KIO in W]) for k in networks}
