"""Elementary functions, sums and softmax, with the same bits on every CPU.

Libraries choose instructions, and with them the order of sums and the last bits of functions, by
processor. Compiled kernels do not. Without kernels, and on a GPU, torch is used.

Legend of shape suffixes: N rows, C columns or classes.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.networks.arithmetic import rows


def exp(x: Tensor) -> Tensor:
    """Return exp(x)."""
    found = rows.elementwise("exp", x)
    return x.exp() if found is None else found


def expm1(x: Tensor) -> Tensor:
    """Return exp(x) - 1."""
    found = rows.elementwise("expm1", x)
    return x.expm1() if found is None else found


def tanh(x: Tensor) -> Tensor:
    """Return tanh(x)."""
    found = rows.elementwise("tanh", x)
    return x.tanh() if found is None else found


def erf(x: Tensor) -> Tensor:
    """Return the error function of x."""
    found = rows.elementwise("erf", x)
    return x.erf() if found is None else found


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + exp(x)).

    Torch computes it by logsigmoid: its own softplus and sigmoid round an element differently
    inside a vector register and at a tensor's end, so results would depend on a network's position.
    """
    found = rows.elementwise("softplus", x)
    return F.logsigmoid(-x).neg_() if found is None else found


def logistic(x: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-x))."""
    found = rows.elementwise("logistic", x)
    return F.logsigmoid(x).exp_() if found is None else found


def sqrt(x: Tensor) -> Tensor:
    """Return the square root of x. On a CPU it is rounded correctly, by numpy; MKL's is not."""
    return x.sqrt() if x.is_cuda else torch.from_numpy(np.sqrt(x.numpy()))


def sums(x_NC: Tensor) -> Tensor:
    """Return the sum of each row [...], of a tensor [..., C]."""
    found = rows.sums(x_NC)
    return x_NC.sum(-1) if found is None else found


def total(x_N: Tensor) -> Tensor:
    """Return the sum of a vector [], in float64, added in order on a CPU."""
    x_N = x_N.double()
    return x_N.sum() if x_N.is_cuda or not len(x_N) else x_N.cumsum(0)[-1]


def log_softmax(x_NC: Tensor) -> Tensor:
    """Return the log-softmax of each row."""
    found = rows.log_softmax(x_NC)
    return x_NC.log_softmax(1) if found is None else found
