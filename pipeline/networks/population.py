"""K networks of one shape, trained at once: each parameter is one tensor [K, ...].

Legend of shape suffixes: K networks, N examples, B rows of a mini-batch, I inputs of a layer,
O outputs of a layer; a 1 broadcasts.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pipeline.config.params import Activation
from pipeline.data.splits.sparse_batch import Inputs
from pipeline.networks import hidden_layer, linear
from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Units
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import generator

Tensors = dict[str, Tensor]  # parameters by name; the first dimension is K


@dataclass(frozen=True)
class Population:
    """K networks: hidden layers of one activation function, and a softmax output layer.

    `tensors` holds, for layer l from 0 up, `W.l` [K, I, O] and `b.l` [K, 1, O]; the last layer is
    the softmax layer. Optional, for each hidden layer: `signs.l` [K, 1, O] of +-1 where half of
    the units are negated (paper, section 4.1), and the learned slopes `slope.l` [K, 1, O] of
    parametric rectifiers. A maxout layer has P * O linear outputs, stored piece by piece.
    `hardness` [K, 1, 1] is the a of softplus.
    """

    tensors: Tensors
    function: str

    def __len__(self) -> int:
        """Return K."""
        return len(self.tensors["hardness"])

    @property
    def hardness_K11(self) -> Tensor:
        """The a of (1/a) softplus(a z), one per network."""
        return self.tensors["hardness"]

    def units(self, layer: int) -> Units:
        """Return the units of a hidden layer."""
        return self._units[layer]

    @cached_property
    def _units(self) -> list[Units]:
        """The units of all hidden layers, cached: every step reads them."""
        function = functions.function(self.function)
        widths = [self.W_KIO(layer).shape[1:] for layer in range(self.depth + 1)]
        return [
            Units(function, self.hardness_K11, self.tensors.get(f"slope.{layer}"), Z // above)
            for layer, ((_, Z), (above, _)) in enumerate(pairwise(widths))
        ]

    @cached_property
    def depth(self) -> int:
        """The number of hidden layers."""
        return sum(name.startswith("W.") for name in self.tensors) - 1

    def W_KIO(self, layer: int) -> Tensor:
        """Return the weights of a layer, 0 the lowest."""
        return self.tensors[f"W.{layer}"]

    def b_K1O(self, layer: int) -> Tensor:
        """Return the biases of a layer, 0 the lowest."""
        return self.tensors[f"b.{layer}"]

    def signs_K1O(self, layer: int) -> Tensor | None:
        """Return the signs of a hidden layer's outputs, None if all are +1."""
        return self.tensors.get(f"signs.{layer}")

    def select(self, index: Sequence[int] | Tensor) -> "Population":
        """Return copies of the networks at positions `index`, in this order."""
        return Population(select(self.tensors, index), self.function)

    def only(self, k: int) -> "Population":
        """Return network k as a population of one that shares memory with this one."""
        return Population(only(self.tensors, k), self.function)

    def without_signs(self, layer: int) -> "Population":
        """Return the population with the outputs f(z) of one hidden layer, without their signs."""
        tensors = {name: t for name, t in self.tensors.items() if name != f"signs.{layer}"}
        return Population(tensors, self.function)

    def to(self, device: torch.device) -> "Population":
        """Return the population on a device."""
        return Population(to_device(self.tensors, device), self.function)


def select(tensors: Tensors, index: Sequence[int] | Tensor) -> Tensors:
    """Return copies of rows `index` of each tensor."""
    device = next(iter(tensors.values())).device
    rows = torch.as_tensor(index, dtype=torch.long, device=device)
    return {name: tensor.index_select(0, rows) for name, tensor in tensors.items()}


def to_device(tensors: Tensors, device: torch.device) -> Tensors:
    """Return tensors on a device, without a copy if they are already there."""
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def concatenated(first: Tensors, second: Tensors) -> Tensors:
    """Return each tensor's rows of `first` and then of `second`; either may be empty."""
    if not (first and second):
        return first or second
    return {name: torch.cat([tensor, second[name]]) for name, tensor in first.items()}


def only(tensors: Tensors, k: int) -> Tensors:
    """Return row k of each tensor as a view with first dimension 1."""
    return {name: tensor[k : k + 1] for name, tensor in tensors.items()}


def initialize(
    dataset: str, widths: Sequence[int], seeds: Sequence[int], unit: Activation
) -> Population:
    """Return one random network per seed on the CPU, in float32.

    `widths` lists the number of inputs, the hidden widths and the number of classes. Weights,
    including the softmax layer's, are uniform in +-sqrt(6 / (fan-in + fan-out)), biases 0 (Glorot
    and Bengio, 2010). Weights depend on (dataset, seed, layer) alone, so all arms of a seed start
    with the same ones. The fan-out of a maxout layer counts one piece.

    Raises Problem if `unit.pieces` does not fit the activation function.
    """
    if (unit.pieces > 1) != (unit.function in functions.MULTI_PIECE):
        raise Problem(
            f"params.yaml: {unit.function} with pieces = {unit.pieces}: "
            f"only {', '.join(functions.MULTI_PIECE)} has pieces, two or more"
        )
    tensors: Tensors = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(widths)):
        is_hidden = layer < len(widths) - 2
        pieces = unit.pieces if is_hidden else 1
        streams = [(dataset, seed, "weights", layer) for seed in seeds]
        drawn = [uniform_weights(names, fan_in, fan_out, pieces) for names in streams]
        tensors[f"W.{layer}"] = torch.stack(drawn)
        tensors[f"b.{layer}"] = torch.zeros(len(seeds), 1, pieces * fan_out)
        if unit.half_negated and is_hidden:
            signs = [half_negated(dataset, seed, layer, fan_out) for seed in seeds]
            tensors[f"signs.{layer}"] = torch.stack(signs)
        if functions.function(unit.function).slope_gradient and is_hidden:
            start = functions.LEARNED_SLOPE
            tensors[f"slope.{layer}"] = torch.full((len(seeds), 1, fan_out), start)
    tensors["hardness"] = torch.full((len(seeds), 1, 1), unit.hardness)
    return Population(tensors, unit.function)


def uniform_weights(
    names: tuple[str | int, ...], fan_in: int, fan_out: int, pieces: int = 1
) -> Tensor:
    """Return weights [fan-in, pieces * fan-out], uniform in +-sqrt(6 / (fan-in + fan-out)).

    Drawn from the random stream `names` (Glorot and Bengio, 2010).
    """
    bound = math.sqrt(6 / (fan_in + fan_out))
    draws = generator(*names)
    return torch.rand(fan_in, pieces * fan_out, generator=draws).mul_(2 * bound).sub_(bound)


def half_negated(dataset: str, seed: int, layer: int, width: int) -> Tensor:
    """Return signs [1, width]: -1 for a random half of the units, +1 for the others."""
    order = torch.randperm(width, generator=generator(dataset, seed, "signs", layer))
    return torch.where(order < width // 2, -1.0, 1.0).unsqueeze(0)


def hidden_outputs(
    networks: Population,
    x_KBI: Inputs,
    layers: int | None = None,
    *,
    saved: list[Tensor | None] | None = None,
) -> list[Tensor]:
    """Return the outputs [K, B, O] of the hidden layers (the lowest `layers`) for inputs [K, B, I].

    Each layer appends the tensor that its backward needs beside the outputs to `saved`, if given.
    """
    outputs: list[Tensor] = []
    below: Inputs = x_KBI
    for layer in range(networks.depth if layers is None else layers):
        below = hidden_layer.outputs(
            below,
            networks.W_KIO(layer),
            networks.b_K1O(layer),
            networks.units(layer),
            networks.signs_K1O(layer),
            saved=saved,
        )
        outputs.append(below)
    return outputs


def scores(networks: Population, x_KBI: Inputs, outputs: list[Tensor]) -> Tensor:
    """Return the softmax inputs [K, B, C] from the outputs of the hidden layers, or from the
    networks' inputs if there is no hidden layer."""
    top: Inputs = outputs[-1] if outputs else x_KBI
    return linear.forward(top, networks.W_KIO(networks.depth), networks.b_K1O(networks.depth))


def digests(networks: Population) -> list[str]:
    """Return the SHA-256 of each network: its activation function, and its tensors by name."""
    hashes = []
    for k in range(len(networks)):
        digest = hashlib.sha256(networks.function.encode())
        for name, tensor in sorted(networks.tensors.items()):
            digest.update(name.encode())
            digest.update(tensor[k].cpu().contiguous().numpy().data)
        hashes.append(digest.hexdigest())
    return hashes


def save(networks: Population, path: Path) -> None:
    """Write a population as one safetensors file; equal populations give equal bytes."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in networks.tensors.items()}
    about = {"stack": json.dumps({"function": networks.function})}
    storage.write_bytes(path, safetensors.torch.save(tensors, metadata=about))


def load(path: Path, rows: Sequence[int] | None = None) -> Population:
    """Read a population, or its networks `rows` alone, onto the CPU.

    Raises Problem if the file is absent or damaged.
    """
    storage.verify(path)
    try:
        with safe_open(path, framework="pt") as file:
            function = json.loads(file.metadata()["stack"])["function"]
            tensors = {name: _rows(file.get_slice(name), rows) for name in file.keys()}  # noqa: SIM118
            return Population(tensors, function)
    except (FileNotFoundError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise storage.unreadable(path, error) from error


def _rows(stored: Any, rows: Sequence[int] | None) -> Tensor:
    """Return rows of a stored tensor; the other rows are not read."""
    if rows is None:
        return torch.as_tensor(stored[:])
    return torch.cat([stored[row : row + 1] for row in rows])
