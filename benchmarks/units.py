"""Times of the paper's units in the engine, and of the step of an untied auto-encoder.

All times are measured on one core. Each is the time of a step of a population of K networks,
divided by K; the auto-encoder is compared with eager torch with autograd and SGD.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import task as tasks
from benchmarks import timing
from benchmarks.task import BATCH, L1, RATE
from pipeline.config.params import Activation
from pipeline.finetuning.supervised_steps import SupervisedSteps
from pipeline.networks import population
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder
from pipeline.pretraining.autoencoder import Autoencoder
from pipeline.pretraining.denoising_steps import DenoisingSteps
from pipeline.runtime import device

UNITS = ("rectifier", "tanh", "softplus")
NETWORKS = {"digits": 20, "mnist": 1}  # K of a process, as the pipeline divides K = 40
HIDE = 0.25  # probability of masking noise
Row = dict[str, Any]


def measure(*, repeats: int, seconds: float) -> list[Row]:
    """Return a row for each size and contender; `seconds` is the length of one timing.

    `times` is the median time over that of the row named by `against`.
    """
    device.prepare_for_training()
    rows = []
    for size, widths in tasks.SIZES.items():
        K = NETWORKS[size]
        auto = started(widths, K)
        units = {name: (_supervised(name, widths, K), K) for name in UNITS}
        pair = {
            "untied auto-encoder": (denoising(auto, widths), K),
            "untied auto-encoder, eager torch": (eager_denoising(*eager(auto), widths), 1),
        }
        for steps in (units, pair):
            rows += [{"size": size} | row for row in _rows(steps, repeats, seconds)]
    return rows


def _rows(
    steps: dict[str, tuple[Callable[[], object], int]], repeats: int, seconds: float
) -> list[Row]:
    """Time steps of so many networks against the first of them."""
    against, *_ = steps
    timed = {name: _timed(step, K, seconds) for name, (step, K) in steps.items()}
    rounds = timing.rounds(timed, repeats)
    times = {name: timing.quartiles(ms, "ms_per_net_step") for name, ms in rounds.items()}
    base = times[against]["ms_per_net_step"]
    return [
        {"contender": name, "networks": steps[name][1], "against": against}
        | row
        | {"times": row["ms_per_net_step"] / base}
        for name, row in times.items()
    ]


def _timed(step: Callable[[], object], K: int, seconds: float) -> Callable[[], float]:
    """Return a run of approximately `seconds` that returns ms a net-step."""

    def run(count: int) -> float:
        start = time.monotonic()
        for _ in range(count):
            step()
        return 1e3 * (time.monotonic() - start) / (count * K)

    run(3)  # compiles
    count = max(3, int(1e3 * seconds / (K * run(3))))
    return lambda: run(count)


def _unit(name: str) -> Activation:
    return Activation(function=name, l1=L1, half_negated=False, reconstruction="softplus")


def _inputs(widths: tuple[int, ...], K: int) -> tuple[Tensor, Tensor]:
    """Return random inputs [K, B, I] in [0, 1] and classes [K, B]."""
    draws = torch.Generator().manual_seed(0)
    x_KBI = torch.rand(K, BATCH, widths[0], generator=draws)
    return x_KBI, torch.randint(widths[-1], (K, BATCH), generator=draws)


def _supervised(name: str, widths: tuple[int, ...], K: int) -> Callable[[], object]:
    networks = population.initialize("bench", widths, range(K), _unit(name))
    (x_KBI, y_KB), steps = _inputs(widths, K), SupervisedSteps(networks, _step(K))
    return lambda: steps.take_(x_KBI, y_KB)


def _step(K: int) -> Step:
    return Step.of(torch.full((K,), RATE), torch.full((K,), L1), BATCH)


def _noisy(x_KBI: Tensor) -> Tensor:
    draws = torch.Generator().manual_seed(1)
    return x_KBI * torch.empty_like(x_KBI).bernoulli_(1 - HIDE, generator=draws)


def started(widths: tuple[int, ...], K: int) -> Autoencoder:
    """Return untied auto-encoders of the lowest layer, of rectifiers."""
    start = population.initialize("bench", widths, range(K), _unit("rectifier"))
    decoder_KIO = start.W_KIO(0).flip(1)
    return autoencoder.autoencoder(
        start, 0, reconstruction="softplus", bounds=(0, 1), decoder_KIO=decoder_KIO
    )


def denoising(auto: Autoencoder, widths: tuple[int, ...]) -> Callable[[], object]:
    """Return the engine's step."""
    K = len(auto.tensors["W"])
    (x_KBI, _), steps = _inputs(widths, K), DenoisingSteps(auto, _step(K))
    noisy_KBI = _noisy(x_KBI)
    return lambda: steps.take_(x_KBI, noisy_KBI)


def eager(auto: Autoencoder) -> tuple[torch.nn.Linear, torch.nn.Linear]:
    """Return the encoder and the decoder of the first auto-encoder, copied into torch modules."""
    W_IO, V_IO = auto.tensors["W"][0], auto.tensors["V"][0]
    encoder, decoder = torch.nn.Linear(*W_IO.shape), torch.nn.Linear(*V_IO.mT.shape)
    for linear, weight in ((encoder, W_IO.mT), (decoder, V_IO)):
        linear.weight.data.copy_(weight)
        linear.bias.data.zero_()
    return encoder, decoder


def eager_denoising(
    encoder: torch.nn.Linear, decoder: torch.nn.Linear, widths: tuple[int, ...]
) -> Callable[[], object]:
    """Return eager torch's step on the same inputs as the first auto-encoder's."""
    x_1BI, _ = _inputs(widths, 1)
    noisy_BI, x_BI = _noisy(x_1BI)[0], x_1BI[0]
    optimizer = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], lr=RATE)

    def step() -> None:
        optimizer.zero_grad()
        h_BO = encoder(noisy_BI).relu()
        error_B = (F.softplus(decoder(h_BO)) - x_BI).square().sum(1)
        (error_B.mean() + L1 * h_BO.sum(1).mean()).backward()
        optimizer.step()

    return step
