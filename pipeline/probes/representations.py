"""Representations: outputs of a network's hidden layers, computed in chunks of examples.

Legend of shape suffixes: N examples, I inputs, O units of a layer.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from pipeline.data.splits.examples import Examples
from pipeline.networks import population
from pipeline.networks.metrics import CHUNK_ROWS
from pipeline.networks.population import Population
from pipeline.runtime.storage import Record


def of(network: Population, x_NI: Tensor) -> list[Tensor]:
    """Return the outputs [N, O] of each hidden layer of a population of one, lowest first."""
    return [h_1NO[0] for h_1NO in population.hidden_outputs(network, x_NI.unsqueeze(0))]


def every(network: Population, examples: Examples) -> list[Tensor]:
    """Return the outputs [N, O] of each hidden layer for all examples."""
    chunks = (
        [h_1NO[0] for h_1NO in population.hidden_outputs(network, x_1NI)]
        for x_1NI in examples.chunks(CHUNK_ROWS)
    )
    return [torch.cat(layer) for layer in zip(*chunks, strict=True)]


def layers(stack: Population, examples: Examples) -> Iterator[tuple[Record, Tensor]]:
    """Yield each network's hidden layers: its index as `seed`, `layer` from 1, outputs [N, O].

    `catalogue.rows` replaces the index by the seed.
    """
    for k in range(len(stack)):
        for layer, h_NO in enumerate(every(stack.only(k), examples), start=1):
            yield {"seed": k, "layer": layer}, h_NO


def active(h_NO: Tensor) -> Tensor:
    """Return a mask [N, O] of the active units, whose output is not exactly 0."""
    return h_NO != 0
