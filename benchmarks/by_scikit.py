"""scikit-learn's MLPClassifier, one network after the other: mini-batches by partial_fit.

It has no penalty on hidden outputs: its net-step is a little less work.
"""

import time

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from torch import Tensor

from benchmarks.task import BATCH, RATE, Task, flat


class ByScikit:
    """The first network of the task; all cores, as numpy's BLAS has them."""

    def __init__(self, task: Task) -> None:
        """Let it make its weights, then put the task's in their place."""
        self.task, self.done = task, 0
        x_NI, y_N = task.examples()
        self.x_NI, self.y_N = x_NI.numpy(), y_N.numpy()
        self.classifier = MLPClassifier(
            hidden_layer_sizes=task.widths[1:-1],
            solver="sgd",
            alpha=0,
            batch_size=BATCH,
            learning_rate_init=RATE,
            momentum=0,
            nesterovs_momentum=False,
            shuffle=False,
        )
        classes = np.arange(task.widths[-1])
        self.classifier.partial_fit(self.x_NI[:BATCH], self.y_N[:BATCH], classes=classes)
        stack = task.start(0, 1)
        for layer in range(stack.depth + 1):
            self.classifier.coefs_[layer][...] = stack.W_KIO(layer)[0].numpy()
            self.classifier.intercepts_[layer][...] = stack.b_K1O(layer)[0, 0].numpy()

    def train(self, steps: int) -> tuple[int, float]:
        """Take so many steps, in one call: its checks of the data are paid once."""
        rows_N = self.task.rows_SKB(self.done, steps)[:, 0].flatten().numpy()
        self.done += steps
        x_NI, y_N = self.x_NI[rows_N], self.y_N[rows_N]
        start = time.monotonic()
        self.classifier.partial_fit(x_NI, y_N)
        return steps, time.monotonic() - start

    def weights(self) -> dict[int, Tensor]:
        """Return the network's weights."""
        return {0: flat([torch.from_numpy(W_IO) for W_IO in self.classifier.coefs_])}
