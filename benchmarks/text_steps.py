"""Benchmark of training steps on texts: sparse steps, on present terms alone, against dense ones.

Each text contains 0.6% of the terms, as in the paper's restaurant reviews.

Legend of shape suffixes: K networks (1), B rows of a mini-batch, I inputs.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks import sparse_products
from pipeline.config.params import Activation
from pipeline.data.splits.sparse_batch import Inputs, SparseBatch, SparseRows, dense
from pipeline.finetuning import backprop
from pipeline.networks import population
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder, reconstruction_sampling
from pipeline.pretraining.denoising import Noise
from pipeline.runtime import device

TERMS, PRESENT, BATCH, CLASSES = 5000, 30, 10, 5
NETWORKS = {
    "supervised, 1 layer of 1000": [1000],
    "supervised, 1 layer of 5000": [5000],
    "supervised, 3 layers of 1000": [1000, 1000, 1000],
}
AUTOENCODER = "auto-encoder of 1000 units"
REBUILT = 1000  # terms, of 5,000: a fifth
NOISE = Noise(0.8, 0.005)
TOLERANCE = 1e-6  # of the weights' size, after STEPS steps
STEPS = 5
UNIT = Activation(function="rectifier", l1=0.001, half_negated=True, reconstruction="scaled")

Run = Callable[[], Tensor]


def texts(where: torch.device) -> SparseBatch:
    """Return a mini-batch [1, B, I] of texts with 0.6% of the terms in each."""
    draws = torch.Generator().manual_seed(0)
    ones = [torch.randperm(TERMS, generator=draws)[:PRESENT].sort().values for _ in range(BATCH)]
    starts_M = torch.arange(BATCH + 1) * PRESENT
    return SparseBatch(SparseRows(starts_M, torch.cat(ones).int(), TERMS).to(where), 1)


def supervised(hidden: list[int], x_KBI: Inputs, where: torch.device) -> tuple[Run, list[Tensor]]:
    """Return one supervised step of a network, and its tensors."""
    stack = population.initialize("cost", [TERMS, *hidden, CLASSES], [0], UNIT).to(where)
    y_KB = (torch.arange(BATCH, device=where) % CLASSES).unsqueeze(0)
    step = _step(where)
    run = partial(backprop.supervised_step_, stack, x_KBI, y_KB, step)
    return run, list(stack.tensors.values())


def denoising(
    x_KBI: Inputs, noisy_KBI: Inputs, rebuilt: int | None, where: torch.device
) -> tuple[Run, list[Tensor]]:
    """Return one step of an auto-encoder, and its tensors; it rebuilds `rebuilt` terms, or all."""
    stack = population.initialize("cost", [TERMS, 1000, CLASSES], [0], UNIT).to(where)
    auto = autoencoder.autoencoder(stack, 0, reconstruction="scaled", bounds=(0, 1))
    step, draws = _step(where), torch.Generator(where).manual_seed(0)

    def run() -> Tensor:
        sample = None
        if rebuilt is not None:
            assert isinstance(x_KBI, SparseBatch)
            assert isinstance(noisy_KBI, SparseBatch)
            sample = reconstruction_sampling.draw(x_KBI, noisy_KBI, rebuilt, [draws])
        return autoencoder.denoising_step_(auto, x_KBI, noisy_KBI, step, sample)

    return run, list(auto.tensors.values())


def _step(where: torch.device) -> Step:
    rate_K = torch.full((1,), 0.01, device=where)
    return Step.of(rate_K, torch.full((1,), UNIT.l1, device=where), BATCH)


def contenders(where: torch.device) -> dict[str, dict[str, tuple[Run, list[Tensor]]]]:
    """Return the contenders of each step; the dense step is timed twice, to show the noise."""
    x = texts(where)
    noisy = SparseBatch(NOISE.bits(x.rows_QI, torch.Generator(where).manual_seed(1)), 1)
    plain, plain_noisy = dense(x), dense(noisy)
    steps = {
        name: {
            "dense": supervised(hidden, plain, where),
            "terms": supervised(hidden, x, where),
            "dense again": supervised(hidden, plain, where),
        }
        for name, hidden in NETWORKS.items()
    }
    steps[AUTOENCODER] = {
        "dense": denoising(plain, plain_noisy, None, where),
        "terms": denoising(x, noisy, None, where),
        f"terms, {REBUILT:,} rebuilt": denoising(x, noisy, REBUILT, where),
        "dense again": denoising(plain, plain_noisy, None, where),
    }
    return steps


def check(where: torch.device) -> float:
    """Train dense and sparse steps side by side; return the largest relative distance of weights.

    Raises ArithmeticError where that is more than rounding: a wrong step is not timed.
    """
    worst = 0.0
    for name, runs in contenders(where).items():
        for contender in ("dense", "terms"):
            for _ in range(STEPS):
                runs[contender][0]()
        pairs = zip(runs["dense"][1], runs["terms"][1], strict=True)
        off = max(float((a - b).norm() / a.norm().clamp(min=1e-12)) for a, b in pairs)
        if not off < TOLERANCE:
            raise ArithmeticError(f"{name}: terms are off by {off:.1e}")
        worst = max(worst, off)
    return worst


def steps(where: torch.device, *, repeats: int, seconds: float) -> list[dict[str, Any]]:
    """Time every step in turns; one thread on a CPU.

    Returns a row for each step and contender: median and quartiles in ms, and the speed relative to
    the dense step.
    """
    device.prepare_for_training()
    check(where)
    rows = []
    for name, runs in contenders(where).items():
        timed = sparse_products.timed(
            {contender: run for contender, (run, _) in runs.items()}, where, repeats, seconds
        )
        rows += [{"step": name, "contender": key} | row for key, row in timed.items()]
    return rows
