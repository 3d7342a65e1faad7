"""Speed of the generator of distorted characters, for each recipe."""

import time
from typing import Any

import joblib
import torch

from benchmarks import timing
from pipeline.data.sources import generated, glyphs
from pipeline.data.splits.distortions import pipelines
from pipeline.runtime import device

AT_ONCE = 500  # images, the number that training draws for one seed at a time
FONT = "DejaVuSans"


def measure(recipe: str, *, repeats: int, seconds: float) -> dict[str, float]:
    """Return the median and quartiles of images of 32 x 32 a second, of all processes together.

    As in training, every core has a process with one thread. `seconds` is the length of a timing.
    """
    rates = [_rate(recipe, seconds) for _ in range(1 + repeats)][1:]  # without the warm-up
    return timing.quartiles(rates, "images_per_second")


def everything(*, repeats: int, seconds: float) -> dict[str, Any]:
    """Return the measurements of every recipe."""
    return {
        recipe: measure(recipe, repeats=repeats, seconds=seconds) for recipe in pipelines.PIPELINES
    }


def _rate(recipe: str, seconds: float) -> float:
    processes = joblib.cpu_count()
    with joblib.parallel_config("loky", n_jobs=processes, inner_max_num_threads=1):
        rates = joblib.Parallel()(
            joblib.delayed(_draw_for)(recipe, number, seconds) for number in range(processes)
        )
    return float(sum(rates))


def _draw_for(recipe: str, number: int, seconds: float) -> float:
    """Return the images a second that this process draws in about `seconds`."""
    device.prepare_for_training()
    characters = pipelines.Characters(
        torch.from_numpy(glyphs.render(FONT)), torch.arange(len(generated.CLASS_NAMES))
    )
    i_N = torch.arange(AT_ONCE)
    pipelines.draw(
        recipe, characters, ("bench", number), i_N
    )  # caches are filled before the clock starts
    drawn, start = 0, time.monotonic()
    while time.monotonic() - start < seconds:
        pipelines.draw(recipe, characters, ("bench", number), i_N + drawn)
        drawn += AT_ONCE
    return drawn / (time.monotonic() - start)
