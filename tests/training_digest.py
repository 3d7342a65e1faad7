"""Training and evaluation in small: prints one SHA-256 of everything that they compute.

`python -m tests.training_digest [lanes]` imitates registers of that many floats.
"""

import hashlib
import sys
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pipeline.config.params import Activation
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.data.splits.sparse_batch import SparseBatch, SparseRows
from pipeline.experiments.conditions import adam, modern_recipe
from pipeline.finetuning import backprop
from pipeline.finetuning.supervised_steps import SupervisedSteps
from pipeline.networks import metrics, population
from pipeline.networks.activations import functions
from pipeline.networks.arithmetic import compiler, numerics
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder, reconstruction_sampling
from pipeline.pretraining.denoising import Noise
from pipeline.pretraining.denoising_steps import DenoisingSteps
from pipeline.runtime import device

K, B, WIDTHS, STEPS, N = 3, 10, (40, 37, 23, 5), 12, 60  # networks, mini-batch, steps, examples
RECONSTRUCTIONS = {"rectifier": "softplus", "softplus": "scaled", "tanh": "sigmoid"}
STEP = Step.of(torch.tensor([0.1, 0.03, 0.2]), torch.tensor([0.01, 0.0, 0.02]), B)


def unit(name: str) -> Activation:
    pieces = 2 if name in functions.MULTI_PIECE else 1
    half_negated = name == "rectifier"
    return Activation(
        function=name, l1=0.01, half_negated=half_negated, reconstruction="softplus", pieces=pieces
    )


def normal(*shape: int) -> Tensor:
    """Return normal numbers by NumPy; torch's depend on the instructions it chooses."""
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape, np.float32))


def supervised(name: str) -> Iterator[Tensor]:
    """Yield what fine-tuning and evaluation of one unit compute."""
    draws = torch.Generator().manual_seed(0)
    networks = population.initialize("digest", WIDTHS, range(K), unit(name))
    steps = SupervisedSteps(networks, STEP)
    for _ in range(STEPS):
        x, y = torch.rand(K, B, WIDTHS[0], generator=draws), torch.randint(5, (K, B))
        yield steps.take_(x, y % 5)
    yield from networks.tensors.values()
    units, z = networks.units(0), normal(K, N, networks.W_KIO(0).shape[2])
    delta, saved = normal(K, N, WIDTHS[1]), units.save(z)
    yield (h := units.apply_(z))
    yield units.function.backward_(delta, h if saved is None else saved, units)
    x = torch.rand(N, WIDTHS[0], generator=draws)
    ratings = Encoding(shape=(WIDTHS[0],), bounds=(0, 1), class_names=("1", "2", "3", "4", "5"))
    data = Examples(x, torch.arange(N) % 5, ratings)
    found = metrics.evaluate(networks, data, [0] * K)
    yield from (found.errors_K, found.costs_K, found.zeros_KL)
    rows = x[:50].expand(K, -1, -1)
    yield backprop.gradient_norms(networks, rows, y[:, :1].expand(K, 50), torch.ones(K) * 0.01)


def denoising(name: str, reconstruction: str) -> Iterator[Tensor]:
    """Yield what pre-training of one unit computes, on dense inputs."""
    draws = torch.Generator().manual_seed(1)
    start = population.initialize("digest", WIDTHS, range(K), unit(name))
    auto = autoencoder.autoencoder(
        start,
        0,
        reconstruction=reconstruction,
        bounds=(0, 1),
        decoder_KIO=start.W_KIO(0).flip(1),
        scale_K1I=torch.full((K, 1, WIDTHS[0]), 0.7) if reconstruction == "scaled" else None,
    )
    steps = DenoisingSteps(auto, STEP)
    for _ in range(STEPS):
        x = torch.rand(K, B, WIDTHS[0], generator=draws)
        noisy = x * Noise(0.25).kept(x.shape, draws)
        yield steps.take_(x, noisy)
    yield from auto.tensors.values()


def texts() -> Iterator[Tensor]:
    """Yield what pre-training on sparse texts computes, with sampled reconstruction."""
    draws = torch.Generator().manual_seed(2)
    start = population.initialize("digest", WIDTHS, range(K), unit("rectifier"))
    auto = autoencoder.autoencoder(
        start, 0, reconstruction="softplus", bounds=(0, 1), decoder_KIO=start.W_KIO(0).flip(1)
    )
    for _ in range(STEPS):
        bits = torch.rand(K * B, WIDTHS[0], generator=draws) < 0.1
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), bits.sum(1).cumsum(0)])
        rows = SparseRows(starts, bits.nonzero()[:, 1].int(), WIDTHS[0])
        x = SparseBatch(rows, K)
        seeds = [torch.Generator().manual_seed(n) for n in range(K)]
        sample = reconstruction_sampling.draw(x, x, 30, seeds)
        yield autoencoder.denoising_step_(auto, x, x, STEP, sample)
    yield from auto.tensors.values()


def modern(name: str) -> Iterator[Tensor]:
    """Yield what the modern recipe computes, with batch normalization, Adam and dropout."""
    draws = torch.Generator().manual_seed(3)
    plain = unit(name).model_copy(update={"half_negated": False})
    recipe = modern_recipe.Recipe(he=True, adam=True, batch_norm=True, dropout=0.2)
    tensors = modern_recipe.start("digest", [*WIDTHS], range(K), plain, recipe)
    networks = population.Population(tensors, name)
    for _ in range(STEPS):
        x, y = torch.rand(K, B, WIDTHS[0], generator=draws), torch.arange(K * B).view(K, B) % 5
        masks = [(torch.rand(K, B, width, generator=draws) > 0.2) / 0.8 for width in WIDTHS[1:-1]]
        gradients, cost_K = modern_recipe.gradients_of(
            networks, x, y, torch.full((K,), 0.01), masks
        )
        adam.step_(tensors, gradients, STEP.rate_K11 * -0.1 * B)
        yield cost_K
    yield from modern_recipe.folded(tensors, name).tensors.values()
    yield from tensors.values()


def results() -> Iterator[Tensor]:
    """Yield all results, in one order."""
    torch.manual_seed(0)
    yield numerics.sqrt(torch.rand(1000))
    for name in functions.FUNCTIONS:
        yield from supervised(name)
    for name, reconstruction in RECONSTRUCTIONS.items():
        yield from denoising(name, reconstruction)
    yield from texts()
    for name in ("rectifier", "tanh"):
        yield from modern(name)


if __name__ == "__main__":
    device.prepare_for_training()
    if len(sys.argv) > 1:
        lanes = int(sys.argv[1])
        compiler.host_lanes = lambda: lanes
    digest = hashlib.sha256()
    for tensor in results():
        assert tensor.isfinite().all()
        digest.update(np.ascontiguousarray(tensor.numpy()).data)
    sys.stdout.write(f"{digest.hexdigest()}\n")
