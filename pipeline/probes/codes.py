"""What a probe sees of a network: the outputs of its hidden layers, some examples at a time.

Legend of shape suffixes: N examples, I inputs, O units of a layer.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from pipeline import networks
from pipeline.datasets.examples import Examples
from pipeline.measures import ROWS
from pipeline.networks import Stack


def of(network: Stack, x_NI: Tensor) -> list[Tensor]:
    """Return the outputs [N, O] of each hidden layer of a stack of one network, lowest first."""
    return [h_1NO[0] for h_1NO in networks.hidden_outputs(network, x_NI.unsqueeze(0))]


def chunks(network: Stack, examples: Examples) -> Iterator[list[Tensor]]:
    """Yield the outputs of each hidden layer, ROWS examples at a time."""
    for x_1NI in examples.chunks(ROWS):
        yield [h_1NO[0] for h_1NO in networks.hidden_outputs(network, x_1NI)]


def every(network: Stack, examples: Examples) -> list[Tensor]:
    """Return the outputs [N, O] of each hidden layer for all examples."""
    return [torch.cat(layer) for layer in zip(*chunks(network, examples), strict=True)]


def active(h_NO: Tensor) -> Tensor:
    """Return which units are active [N, O]: their output is not exactly 0."""
    return h_NO != 0
