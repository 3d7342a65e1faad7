"""Modern training recipe in torch.nn: He's start, Adam, batch normalization, dropout.

A trained network becomes one of the project's own: batch normalization is then an affine map, which
is folded into the layer below it, and dropout does nothing. The training state of a network is its
module's state and Adam's, each tensor with K as its first dimension.

Legend of shape suffixes: K networks, N examples, B rows of a mini-batch, I inputs, O outputs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.config.params import Activation, Finetune
from pipeline.data.splits.per_seed import read_for
from pipeline.data.splits.sparse_batch import dense
from pipeline.finetuning.supervised import PROBE, SupervisedObjective
from pipeline.networks import population
from pipeline.networks.activations import functions
from pipeline.networks.population import Population, Tensors, only
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import generator
from pipeline.training.minibatches import Minibatches, minibatches, reference
from pipeline.training.model_selection import grid
from pipeline.training.state import Trial
from pipeline.training.trained_networks import setup_hash
from pipeline.training.workers import CACHE_BYTES, Job

EPSILON = 1e-5  # added to the variance by batch normalization, torch's default
ADAM = ("step", "exp_avg", "exp_avg_sq")  # Adam's state of a parameter


class Dropout(torch.nn.Module):
    """Inverted dropout with masks from a generator of its own, which torch's module cannot take."""

    def __init__(self, share: float) -> None:
        """Set the share of outputs to drop, in [0, 1); set `draws` before training."""
        super().__init__()
        self.share = share
        self.draws: torch.Generator | None = None

    def forward(self, h_BO: Tensor) -> Tensor:
        """Set a share of outputs to 0 and enlarge the others in training; return all in use."""
        if not (self.training and self.share):
            return h_BO
        keep_BO = torch.empty_like(h_BO).bernoulli_(1 - self.share, generator=self.draws)
        return h_BO * keep_BO / (1 - self.share)


@dataclass(frozen=True)
class Recipe:
    """Parts of the modern recipe that are used.

    `he` starts (else the project's own), `adam` (else plain SGD), `batch_norm` between a layer and
    its units, `dropout`: the share of outputs set to 0, in [0, 1).
    """

    he: bool
    adam: bool
    batch_norm: bool
    dropout: float

    def check(self, unit: Activation, batch: int) -> None:
        """Raise Problem for a share outside [0, 1), and for units that the recipe cannot train."""
        if not 0 <= self.dropout < 1:
            raise Problem(f"dropout = {self.dropout}: use a share of at least 0 and below 1")
        if unit.half_negated or unit.pieces > 1 or functions.function(unit.function).slope_gradient:
            raise Problem(
                f"the modern recipe trains no negated, maxout or learned units ({unit.function}):"
                " use another activation"
            )
        if self.batch_norm and batch == 1:
            raise Problem("batch normalization needs a batch_size of 2 or more in finetune")


def module(widths: list[int], unit: Activation, recipe: Recipe) -> torch.nn.Sequential:
    """Return a network from inputs [B, I] to the inputs of the softmax [B, C], not initialized."""
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in pairwise(widths[:-1]):
        # Normalization cancels a bias: its gradient is rounding noise, which Adam would amplify.
        layers.append(torch.nn.Linear(fan_in, fan_out, bias=not recipe.batch_norm))
        if recipe.batch_norm:
            layers.append(torch.nn.BatchNorm1d(fan_out, EPSILON))
        layers.append(functions.function(unit.function).module(unit.hardness, 1, fan_out))
        layers.append(Dropout(recipe.dropout))
    return torch.nn.Sequential(*layers, torch.nn.Linear(widths[-2], widths[-1]))


@dataclass(frozen=True)
class Modern:
    """Minimizes -log P(class) + l1 * sum |h| by a recipe; criteria as of `SupervisedObjective`."""

    dataset: str
    widths: list[int]
    unit: Activation
    recipe: Recipe
    batches: Minibatches
    supervised: SupervisedObjective  # measures the networks

    @property
    def criteria(self) -> tuple[str, ...]:
        """The selection criteria of `supervised`."""
        return self.supervised.criteria

    def train_epoch(self, tensors: Tensors, trials: list[Trial], epochs: Sequence[int]) -> Tensor:
        """Train every network by its next epoch, in place; return its mean -log P(class) [K]."""
        each = (only(tensors, k) for k in range(len(trials)))
        turns = zip(each, trials, epochs, strict=True)
        return torch.stack([self._train_one(*turn) for turn in turns])

    def measure(self, tensors: Tensors, trials: list[Trial]) -> dict[str, Tensor]:
        """Return the metrics of `SupervisedObjective` for the folded networks."""
        return self.supervised.measure(folded(tensors, self.unit.function).tensors, trials)

    def _train_one(self, tensors: Tensors, trial: Trial, epoch: int) -> Tensor:
        device = tensors["0.weight"].device
        net = module(self.widths, self.unit, self.recipe).to(device)
        net.load_state_dict({name: tensors[name][0] for name in net.state_dict()})
        descent = self._descent(net, tensors, trial)
        draws = generator(self.dataset, trial.seed, "dropout", epoch, device=str(device))
        for layer in net:
            if isinstance(layer, Dropout):
                layer.draws = draws
        total = torch.zeros((), device=device)
        net.train()
        for x_1BI, y_1B in self.batches.epoch([trial.seed], epoch):
            total += step_(net, descent, dense(x_1BI)[0], y_1B[0], l1=trial.l1)
        for name, tensor in _state(net, descent):
            tensors[name][0] = tensor
        return total / self.batches.steps

    def _descent(
        self, net: torch.nn.Module, tensors: Tensors, trial: Trial
    ) -> torch.optim.Optimizer:
        if not self.recipe.adam:
            return torch.optim.SGD(net.parameters(), lr=trial.learning_rate)
        # Fused: on a CPU its step takes a quarter of the time of the others.
        descent = torch.optim.Adam(net.parameters(), lr=trial.learning_rate, fused=True)
        for name, parameter in net.named_parameters():
            descent.state[parameter] = {key: tensors[f"@{key}/{name}"][0].clone() for key in ADAM}
        return descent


def _state(net: torch.nn.Module, descent: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Yield the training state by name; `@` marks the state of Adam."""
    yield from net.state_dict().items()
    for name, parameter in net.named_parameters():
        for key, kept in descent.state.get(parameter, {}).items():
            yield f"@{key}/{name}", kept


def step_(
    net: torch.nn.Sequential,
    descent: torch.optim.Optimizer,
    x_BI: Tensor,
    y_B: Tensor,
    *,
    l1: float,
) -> Tensor:
    """Take one step on -log P(class) + l1 * sum |h|; return the mean -log P(class) before it.

    h are the outputs of the hidden units, before dropout.
    """
    penalty = x_BI.new_zeros(())
    for layer in net:
        if l1 and isinstance(layer, Dropout):
            penalty = penalty + x_BI.abs().sum(1).mean()
        x_BI = layer(x_BI)
    cost = F.cross_entropy(x_BI, y_B)
    descent.zero_grad()
    (cost + l1 * penalty).backward()
    descent.step()
    return cost.detach()


def folded(tensors: Tensors, function: str) -> Population:
    """Return the networks of a training state of `Modern` as a population.

    Batch normalization with its running mean m and variance v: g (z - m) / sqrt(v + eps) + c.
    """
    folded_tensors: Tensors = {"hardness": tensors["hardness"]}
    layer = -1
    for index in sorted({int(name.split(".")[0]) for name in tensors if name[0].isdigit()}):
        weight = tensors[f"{index}.weight"]
        bias = tensors.get(f"{index}.bias", weight.new_zeros(weight.shape[:2]))
        if weight.ndim == 3:  # [K, O, I]: linear
            layer += 1
            folded_tensors[f"W.{layer}"] = weight.mT.contiguous()
            folded_tensors[f"b.{layer}"] = bias.unsqueeze(1)
            continue
        # The layer below has no bias. In double precision: a factor may be some hundreds.
        mean, variance = (tensors[f"{index}.running_{name}"].double() for name in ("mean", "var"))
        factor_KO = weight.double() / (variance + EPSILON).sqrt()
        folded_tensors[f"W.{layer}"] = (folded_tensors[f"W.{layer}"] * factor_KO[:, None]).to(
            weight.dtype
        )
        folded_tensors[f"b.{layer}"] = (bias - mean * factor_KO)[:, None].to(weight.dtype)
    return Population(folded_tensors, function)


@dataclass(frozen=True)
class ModernTraining:
    """Setup of the training of networks by a recipe, one at a time."""

    dataset: str
    train: Path
    valid: Path
    hidden: tuple[int, ...]
    seeds: int
    unit: Activation
    recipe: Recipe
    settings: Finetune
    l1: tuple[float, ...] = (0.0,)

    def prepare(self, trials: list[Trial], device: torch.device) -> tuple[Modern, Tensors]:
        """Initialize a network per trial. Raises Problem for units that the recipe lacks."""
        self.recipe.check(self.unit, self.settings.batch_size)
        seeds = [trial.seed for trial in trials]
        train, valid = (read_for(path, seeds).to(device) for path in (self.train, self.valid))
        widths = [train.encoding.inputs, *self.hidden, train.encoding.classes]
        batches = minibatches(self.dataset, "finetune", self.settings, train)
        probe = reference(self.dataset, train, PROBE)
        supervised = SupervisedObjective(self.unit.function, batches, valid, probe)
        objective = Modern(self.dataset, widths, self.unit, self.recipe, batches, supervised)
        starts = [self._start(trial.seed, widths) for trial in trials]
        return objective, {n: torch.stack([start[n] for start in starts]) for n in starts[0]}

    def identities(self, seeds: Sequence[int]) -> list[str]:
        """Return a hash per seed of data and settings, which the initial networks depend on too."""
        options = (self.hidden, self.unit.model_dump(), vars(self.recipe))
        shared = setup_hash("modern", self, *options)
        return [storage.fingerprint(shared, seed) for seed in seeds]

    def _start(self, seed: int, widths: list[int]) -> Tensors:
        """Return the initial training state of one network, without the dimension K."""
        net = module(widths, self.unit, self.recipe)
        ours = population.initialize(self.dataset, widths, [seed], self.unit)
        linear = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
        with torch.no_grad():
            for index, layer in enumerate(linear):
                if layer.bias is not None:
                    layer.bias.zero_()
                layer.weight.copy_(ours.W_KIO(index)[0].T)
                if self.recipe.he and layer is not linear[-1]:
                    draws = generator(self.dataset, seed, "he", index)
                    layer.weight.normal_(0, math.sqrt(2 / layer.in_features), generator=draws)
        tensors = {**net.state_dict(), "hardness": ours.hardness_K11[0]}
        if self.recipe.adam:
            for name, parameter in net.named_parameters():
                for key in ADAM:
                    shape = () if key == "step" else parameter.shape
                    tensors[f"@{key}/{name}"] = torch.zeros(shape)
        return tensors

    def job(self) -> Job:
        """Return all networks: seeds x learning rates, one population each."""
        trials = grid(self.seeds, self.settings.learning_rates, self.l1)
        return Job(self, trials, self.settings, CACHE_BYTES)

    def population(self, tensors: Tensors) -> Population:
        """Return trained tensors as networks of our own."""
        return folded(tensors, self.unit.function)
