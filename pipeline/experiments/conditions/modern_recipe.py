"""Modern training recipe: He's start, Adam, batch normalization, dropout.

K networks at once, with hand-written backprop. Their training state holds the tensors of a
population, for each normalized layer `gain.l`, `mean.l` and `variance.l` [K, 1, O] (its `b.l` is
the shift), and Adam's state. Trained networks are ordinary populations: normalization is folded
into the layers below it, and dropout does nothing.

Legend of shape suffixes: K networks, S pairs of a seed and an epoch, N examples, B rows of a
mini-batch, I inputs, O outputs of a layer; a 1 broadcasts.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.config.params import Activation, Finetune
from pipeline.data.splits import examples
from pipeline.data.splits.per_seed import read_for
from pipeline.data.splits.sparse_batch import dense, of_networks
from pipeline.experiments.conditions import adam
from pipeline.experiments.conditions.batch_norm import BatchNorm, Normalized
from pipeline.finetuning.backprop import softmax_delta
from pipeline.finetuning.supervised import PROBE, SupervisedObjective
from pipeline.networks import linear, population
from pipeline.networks.activations import functions
from pipeline.networks.hidden_layer import ActivationBackward
from pipeline.networks.population import Population, Tensors
from pipeline.networks.step import Step
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import generator, normals
from pipeline.training.minibatches import (
    Minibatches,
    SeedEpoch,
    minibatches,
    reference,
    seed_epochs_of,
)
from pipeline.training.model_selection import grid
from pipeline.training.state import Trial, rates_and_penalties_K
from pipeline.training.trained_networks import setup_hash
from pipeline.training.workers import Job


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


def start(
    dataset: str, widths: list[int], seeds: Sequence[int], unit: Activation, recipe: Recipe
) -> Tensors:
    """Return the initial training state of a network for each seed.

    `widths` as of `population.initialize`. He's start has hidden weights of variance 2 / fan-in (He
    et al., 2015).
    """
    networks = population.initialize(dataset, widths, seeds, unit)
    tensors = {**networks.tensors}
    for layer in range(networks.depth):
        _, I, O = networks.W_KIO(layer).shape  # noqa: E741
        if recipe.he:
            drawn = [normals(dataset, seed, "he", layer, shape=(I, O)) for seed in seeds]
            tensors[f"W.{layer}"] = torch.stack(drawn).mul_(math.sqrt(2 / I))
        if recipe.batch_norm:
            for name, value in (("gain", 1.0), ("mean", 0.0), ("variance", 1.0)):
                tensors[f"{name}.{layer}"] = torch.full_like(networks.b_K1O(layer), value)
    if recipe.adam:
        learned = [name for name in tensors if name.split(".")[0] in ("W", "b", "gain")]
        tensors |= adam.state(tensors, learned)
    return tensors


@dataclass(frozen=True)
class Modern:
    """Minimizes -log P(class) + l1 * sum |h| by a recipe; criteria as of `SupervisedObjective`.

    h are the outputs of the hidden units, before dropout.
    """

    dataset: str
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
        networks = Population(tensors, self.unit.function)
        rates_K, l1_K = rates_and_penalties_K(trials, networks.hardness_K11)
        rates_K11 = rates_K.view(-1, 1, 1)
        seed_epochs, source_K = seed_epochs_of(trials, epochs)
        source_K = source_K.to(rates_K.device)
        look = self.batches.lookup([seed for seed, _ in seed_epochs])
        masks = self._masks(networks, seed_epochs)
        total_K = torch.zeros_like(rates_K)
        for draw in self.batches.draws(seed_epochs):
            x_SBI, y_SB = look(*draw)
            x_KBI, y_KB = dense(of_networks(x_SBI, source_K)), y_SB.index_select(0, source_K)
            masks_KBO = [mask_SBO.index_select(0, source_K) for mask_SBO in next(masks)]
            gradients, cost_K = gradients_of(networks, x_KBI, y_KB, l1_K, masks_KBO)
            total_K += cost_K
            if self.recipe.adam:
                adam.step_(tensors, gradients, rates_K11)
                continue
            for name, gradient in gradients.items():
                tensors[name].sub_(gradient.mul_(rates_K11))
        return total_K / self.batches.steps

    def measure(self, tensors: Tensors, trials: list[Trial]) -> dict[str, Tensor]:
        """Return the metrics of `SupervisedObjective` for the folded networks."""
        return self.supervised.measure(folded(tensors, self.unit.function).tensors, trials)

    def _masks(
        self, networks: Population, seed_epochs: Sequence[SeedEpoch]
    ) -> Iterator[list[Tensor]]:
        """Yield the dropout masks [S, B, O] of the hidden layers for each mini-batch of an epoch.

        A mask is 0 for a dropped output, and enlarges the others so that the mean is kept. No masks
        without dropout. Masks depend on dataset, seed and epoch alone.
        """
        device, share = networks.hardness_K11.device, self.recipe.dropout
        draws = [
            generator(self.dataset, seed, "dropout", epoch, device=str(device))
            for seed, epoch in seed_epochs
        ]
        widths = [networks.b_K1O(layer).shape[2] for layer in range(networks.depth)]

        def mask(width: int) -> Tensor:
            shape = self.batches.size, width
            drawn = [torch.rand(shape, generator=each, device=device) for each in draws]
            return (torch.stack(drawn) >= share).float().div_(1 - share)

        while True:
            yield [mask(width) for width in widths] if share else []


def gradients_of(
    networks: Population, x_KBI: Tensor, y_KB: Tensor, l1_K: Tensor, masks: Sequence[Tensor] = ()
) -> tuple[Tensors, Tensor]:
    """Return the gradients by the parameters' names, and the mean -log P(class) [K].

    They are gradients of -log P(class) + l1 * sum |h|, as means over the mini-batch. The hidden
    outputs h of layer l are multiplied by `masks[l]` [K, B, O], if given. Running averages of
    normalized layers are updated.
    """
    step = Step.of(-torch.ones_like(l1_K), l1_K, x_KBI.shape[1])  # its gradients are not negated
    inputs, outputs, saved = [x_KBI], [], []
    normalized: list[Normalized] = []
    norms = batch_norms(networks.tensors)
    for layer in range(networks.depth):
        z_KBO = _linear_outputs(networks, layer, inputs[-1], bias=not norms)
        if norms:
            z_KBO, seen = norms[layer].forward_(z_KBO)
            normalized.append(seen)
        saved.append(networks.units(layer).save(z_KBO))
        outputs.append(networks.units(layer).apply_(z_KBO))
        inputs.append(outputs[-1] * masks[layer] if masks else outputs[-1])
    scores_KBC = _linear_outputs(networks, networks.depth, inputs[-1], bias=True)
    delta_KBO, cost_K = softmax_delta(scores_KBC, y_KB, step.rate_K11)
    gradients: Tensors = {}
    for layer in reversed(range(networks.depth + 1)):
        W_KIO, b_K1O = networks.W_KIO(layer), networks.b_K1O(layer)
        if layer < networks.depth:
            units, below = networks.units(layer), saved[layer]
            through = ActivationBackward(units, None, below, step)
            delta_KBO = through.backward_(delta_KBO, outputs[layer])
        shift: Tensors = {}
        if norms and layer < networks.depth:
            delta_KBO, gain_K1O, shift_K1O = norms[layer].backward(delta_KBO, normalized[layer])
            shift = {f"gain.{layer}": gain_K1O, f"b.{layer}": shift_K1O}
        dW_KIO, db_K1O = torch.zeros_like(W_KIO), torch.zeros_like(b_K1O)
        linear.backward_and_update_(inputs[layer], dW_KIO, db_K1O, delta_KBO, below=False)
        gradients |= {f"W.{layer}": dW_KIO, f"b.{layer}": db_K1O} | shift
        if layer:
            delta_KBO = linear.backward(W_KIO, delta_KBO)
            if masks:
                delta_KBO.mul_(masks[layer - 1])
    return gradients, cost_K


def _linear_outputs(networks: Population, layer: int, x_KBI: Tensor, *, bias: bool) -> Tensor:
    b_K1O = networks.b_K1O(layer)
    return linear.forward(x_KBI, networks.W_KIO(layer), b_K1O if bias else torch.zeros_like(b_K1O))


def batch_norms(tensors: Tensors) -> list[BatchNorm]:
    """Return the normalization of each hidden layer; none if the networks are not normalized."""
    layers = range(sum(name.startswith("gain.") for name in tensors))
    parts = ("gain", "b", "mean", "variance")
    return [BatchNorm(*(tensors[f"{part}.{layer}"] for part in parts)) for layer in layers]


def folded(tensors: Tensors, function: str) -> Population:
    """Return the networks of a training state of `Modern` as a population."""
    plain = {n: t for n, t in tensors.items() if n[:2] in ("W.", "b.") or n == "hardness"}
    for layer, norm in enumerate(batch_norms(tensors)):
        plain[f"W.{layer}"], plain[f"b.{layer}"] = norm.folded(plain[f"W.{layer}"])
    return Population(plain, function)


@dataclass(frozen=True)
class ModernTraining:
    """Setup of the training of networks by a recipe."""

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
        batches = minibatches(self.dataset, "finetune", self.settings, train)
        probe = reference(self.dataset, train, PROBE)
        supervised = SupervisedObjective(self.unit.function, batches, valid, probe)
        objective = Modern(self.dataset, self.unit, self.recipe, batches, supervised)
        return objective, population.to_device(self._start(seeds), device)

    def _start(self, seeds: Sequence[int]) -> Tensors:
        encoding = examples.read_encoding(self.train)
        widths = [encoding.inputs, *self.hidden, encoding.classes]
        return start(self.dataset, widths, seeds, self.unit, self.recipe)

    def identities(self, seeds: Sequence[int]) -> list[str]:
        """Return a hash per seed of data and settings, which the initial networks depend on too."""
        options = (self.hidden, self.unit.model_dump(), vars(self.recipe))
        shared = setup_hash("modern", self, *options)
        return [storage.fingerprint(shared, seed) for seed in seeds]

    def job(self) -> Job:
        """Return the job of all networks: seeds x learning rates."""
        trials = grid(self.seeds, self.settings.learning_rates, self.l1)
        size = sum(tensor.nbytes for tensor in self._start([0]).values())
        return Job(self, trials, self.settings, size)

    def population(self, tensors: Tensors) -> Population:
        """Return trained tensors as networks, with batch normalization folded into the weights."""
        return folded(tensors, self.unit.function)
