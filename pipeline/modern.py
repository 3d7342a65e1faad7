"""Today's recipe in plain torch.nn: He's start, Adam, batch normalization, dropout.

A network trained by it is, once trained, one of ours: batch normalization is then an affine map,
folded into the layer below it, and dropout does nothing. What population.train keeps of a network
in training is its module's state and Adam's, each with the first dimension 1.

Legend of shape suffixes: K networks (here 1), N examples, B rows of a mini-batch, I inputs, O
outputs of a layer.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline import activations, measures, networks
from pipeline.datasets import examples
from pipeline.datasets.examples import Examples
from pipeline.minibatches import Minibatches, minibatches
from pipeline.networks import Stack, Tensors
from pipeline.params import Activation, Finetune
from pipeline.pool import CACHE_BYTES, Population
from pipeline.population import Candidate
from pipeline.seeds import generator
from pipeline.selection import grid


@dataclass(frozen=True)
class Recipe:
    """What is done as today: `he` starts (else the project's own), `adam` (else plain SGD),
    `batch_norm` between a layer and its units, `dropout`: the share of outputs set to 0."""

    he: bool
    adam: bool
    batch_norm: bool
    dropout: float


class Dropout(torch.nn.Module):
    """Inverted dropout whose masks come from a generator of its own: torch's has none."""

    def __init__(self, share: float) -> None:
        """Set up for a share in [0, 1); `draws` is to be set before training."""
        super().__init__()
        self.share = share
        self.draws: torch.Generator | None = None

    def forward(self, h_BO: Tensor) -> Tensor:
        """Return outputs with a share of them set to 0 and the others enlarged; all in training."""
        if not (self.training and self.share):
            return h_BO
        keep_BO = torch.empty_like(h_BO).bernoulli_(1 - self.share, generator=self.draws)
        return h_BO * keep_BO / (1 - self.share)


def module(widths: list[int], unit: Activation, recipe: Recipe) -> torch.nn.Sequential:
    """Return a network from inputs [B, I] to the inputs of the softmax [B, C], not yet started."""
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in pairwise(widths[:-1]):
        layers.append(torch.nn.Linear(fan_in, fan_out))
        if recipe.batch_norm:
            layers.append(torch.nn.BatchNorm1d(fan_out))
        layers.append(activations.function(unit.function).module(unit.hardness, 1, fan_out))
        layers.append(Dropout(recipe.dropout))
    return torch.nn.Sequential(*layers, torch.nn.Linear(widths[-2], widths[-1]))


@dataclass(frozen=True)
class Modern:
    """Lower -log P(class) + l1 * sum |h| on train by a recipe; chosen as `Supervised` is."""

    dataset: str
    widths: list[int]
    unit: Activation
    recipe: Recipe
    batches: Minibatches
    valid: Examples
    criteria = ("valid_errors", "valid_costs")

    def train_epoch(self, tensors: Tensors, stack: list[Candidate], epoch: int) -> Tensor:
        """Train the network by one epoch, in place; return its mean -log P(class) [1]."""
        (candidate,) = stack
        net = module(self.widths, self.unit, self.recipe).to(tensors["0.weight"].device)
        net.load_state_dict({name: t[0] for name, t in tensors.items() if name[0] != "@"})
        descent = self._descent(net, tensors, candidate)
        for layer in net:
            if isinstance(layer, Dropout):
                device = str(tensors["0.weight"].device)
                names = (self.dataset, candidate.seed, "dropout", epoch)
                layer.draws = generator(*names, device=device)
        total = torch.zeros((), device=tensors["0.weight"].device)
        net.train()
        for x_1BI, y_1B in self.batches.epoch([candidate.seed], epoch):
            descent.zero_grad()
            cost, penalty = _costs(net, x_1BI[0], y_1B[0], penalized=candidate.l1 > 0)
            (cost + candidate.l1 * penalty).backward()
            descent.step()
            total += cost.detach()
        for name, tensor in _state(net, descent):
            tensors[name][0] = tensor
        return (total / self.batches.steps).unsqueeze(0)

    def measure(self, tensors: Tensors, stack: list[Candidate]) -> dict[str, Tensor]:
        """Return validation errors, costs and zeros of the network as it will be used."""
        found = measures.classify(folded(tensors, self.unit.function), self.valid)
        return {
            "valid_errors": found.errors_K,
            "valid_costs": found.costs_K,
            "zeros": found.zeros_KL,
        }

    def _descent(
        self, net: torch.nn.Module, tensors: Tensors, candidate: Candidate
    ) -> torch.optim.Optimizer:
        if not self.recipe.adam:
            return torch.optim.SGD(net.parameters(), lr=candidate.learning_rate)
        descent = torch.optim.Adam(net.parameters(), lr=candidate.learning_rate)
        for name, parameter in net.named_parameters():
            kept = {key: tensors[f"@{key}/{name}"][0].clone() for key in ADAM}
            descent.state[parameter] = kept
        return descent


ADAM = ("step", "exp_avg", "exp_avg_sq")  # what Adam keeps of each parameter


def _state(net: torch.nn.Module, descent: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Yield everything that training continues from, by name; `@` marks what Adam keeps."""
    yield from net.state_dict().items()
    for name, parameter in net.named_parameters():
        for key, kept in descent.state.get(parameter, {}).items():
            if key in ADAM:
                yield f"@{key}/{name}", kept


def _costs(
    net: torch.nn.Sequential, x_BI: Tensor, y_B: Tensor, *, penalized: bool
) -> tuple[Tensor, Tensor]:
    """Return -log P(class), and the sum of |h| over the hidden units; means over the batch."""
    penalty = x_BI.new_zeros(())
    for layer in net:
        x_BI = layer(x_BI)
        if penalized and isinstance(layer, Dropout):
            penalty = penalty + x_BI.abs().sum(1).mean()
    return F.cross_entropy(x_BI, y_B), penalty


def folded(tensors: Tensors, function: str) -> Stack:
    """Return trained networks, as `Modern` keeps them, as a stack of our own.

    Batch normalization with its running mean m and variance v: g (z - m) / sqrt(v + eps) + c.
    """
    names = sorted({int(name.split(".")[0]) for name in tensors if name[0] != "@"})
    found: Tensors = {}
    for index in names:
        weight = tensors[f"{index}.weight"]
        layer = sum(name.startswith("W.") for name in found)
        if weight.ndim == 3:  # [K, O, I]: linear
            found[f"W.{layer}"] = weight.mT.contiguous()
            found[f"b.{layer}"] = tensors[f"{index}.bias"].unsqueeze(1)
            continue
        variance = tensors[f"{index}.running_var"] + torch.nn.BatchNorm1d(1).eps
        factor_K1O = (weight / variance.sqrt()).unsqueeze(1)
        below, mean = layer - 1, tensors[f"{index}.running_mean"].unsqueeze(1)
        found[f"W.{below}"] = found[f"W.{below}"] * factor_K1O
        shift_K1O = tensors[f"{index}.bias"].unsqueeze(1)
        found[f"b.{below}"] = (found[f"b.{below}"] - mean) * factor_K1O + shift_K1O
    found["hardness"] = torch.ones(len(found["W.0"]), 1, 1)
    return Stack(found, function)


@dataclass(frozen=True)
class ModernTraining:
    """What a process needs to train networks by a recipe, one at a time."""

    dataset: str
    train: Path
    valid: Path
    hidden: tuple[int, ...]
    seeds: int
    unit: Activation
    recipe: Recipe
    settings: Finetune
    l1: tuple[float, ...] = (0.0,)

    def prepare(self, stack: list[Candidate], device: torch.device) -> tuple[Modern, Tensors]:
        """Read the splits, and start the network of the one candidate."""
        (candidate,) = stack
        train, valid = (examples.read(path).to(device) for path in (self.train, self.valid))
        widths = [train.form.inputs, *self.hidden, train.form.classes]
        batches = minibatches(self.dataset, "finetune", self.settings, train)
        task = Modern(self.dataset, widths, self.unit, self.recipe, batches, valid)
        return task, {name: t.to(device) for name, t in self._start(candidate, widths).items()}

    def _start(self, candidate: Candidate, widths: list[int]) -> Tensors:
        net = module(widths, self.unit, self.recipe)
        ours = networks.initialize(self.dataset, widths, [candidate.seed], self.unit)
        linear = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
        with torch.no_grad():
            for index, layer in enumerate(linear):
                layer.bias.zero_()
                layer.weight.copy_(ours.W_KIO(index)[0].T)
                if self.recipe.he and layer is not linear[-1]:
                    draws = generator(self.dataset, candidate.seed, "he", index)
                    layer.weight.normal_(0, math.sqrt(2 / layer.in_features), generator=draws)
        tensors = {name: t.clone().unsqueeze(0) for name, t in net.state_dict().items()}
        if self.recipe.adam:
            for name, parameter in net.named_parameters():
                tensors[f"@step/{name}"] = torch.zeros(1)
                for key in ADAM[1:]:
                    tensors[f"@{key}/{name}"] = torch.zeros(1, *parameter.shape)
        return tensors

    def population(self) -> Population:
        """Return all networks: seeds x learning rates, each alone in its stack."""
        candidates = grid(self.seeds, self.settings.learning_rates, self.l1)
        return Population(self, candidates, self.settings, CACHE_BYTES)

    def stack(self, tensors: Tensors) -> Stack:
        """Return trained tensors as networks of our own."""
        return folded(tensors, self.unit.function)
