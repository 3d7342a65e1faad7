"""The step written by hand in numpy, one network after the other."""

import time

import numpy as np
import torch
from torch import Tensor

from benchmarks.task import BATCH, L1, RATE, Task, flat


class ByNumpy:
    """The first network of the task; all cores, as numpy's BLAS has them."""

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
                below_BI -= RATE * L1 / BATCH  # where the output is above 0, which is asked next
                below_BI *= outputs[layer] > 0
            delta_BO = below_BI
