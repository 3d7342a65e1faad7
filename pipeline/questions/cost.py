"""Time of a question's training, estimated from a short trial."""

import re
import tempfile
import time
from dataclasses import replace
from math import ceil
from pathlib import Path

from pipeline.config.arms import Arm, arms_of
from pipeline.config.params import Params
from pipeline.finetuning import grid_search
from pipeline.networks import population
from pipeline.pretraining import layerwise
from pipeline.runtime import device
from pipeline.runtime.errors import Problem
from pipeline.training.workers import Workers

WARM_UP, TRIALS, LONG = 1, (2, 20, 100), 1.0  # epochs; epochs of trials; seconds of a long one


def network_epochs(settings: Params, dataset: str) -> int:
    """Return the epochs of all networks of one seed of all arms, if none stops early."""
    finetune, pretrain = settings.finetune_for(dataset), settings.pretrain_for(dataset)
    total = 0
    for arm in arms_of(settings, dataset):
        total += finetune.epochs * len(finetune.learning_rates)
        if arm.initialization == "pretrained":
            layers = len(settings.hidden_for(dataset, arm.activation))
            total += layers * pretrain.epochs * len(pretrain.learning_rates)
    return total


def trial(settings: Params, dataset: str) -> float:
    """Return the seconds of a network's epoch, from an arm trained for a few epochs and forgotten.

    Reads the splits of the current folder.
    """
    arm = Arm(dataset, settings.run.activations[0], "random")
    where = device.choose()
    device.prepare_for_training()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Workers(where, Path(folder), "trial")
        networks, _ = layerwise.starting_networks(
            arm, settings, layerwise.setup_for(arm, settings), scratch
        )
        start = Path(folder, "start.safetensors")
        population.save(networks, start)
        job = replace(grid_search.setup_for(arm, settings), start=start).job()
        for epochs in (WARM_UP, *TRIALS):  # processes start and kernels compile in the first
            schedule = job.schedule.model_copy(update={"epochs": epochs, "patience": epochs})
            began = time.perf_counter()
            scratch.train(replace(job, schedule=schedule))
            seconds = time.perf_counter() - began
            if epochs > WARM_UP and seconds > LONG:
                break
    return seconds / (epochs * len(job.trials))


def seconds_of(budget: str) -> float:
    """Return the seconds of a budget. Raises Problem where it is no time.

    >>> seconds_of("90s"), seconds_of("20m"), seconds_of("1.5h")
    (90.0, 1200.0, 5400.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([smh])", budget.strip())
    if not found:
        raise Problem(f"--budget {budget}: give a time such as 90s, 20m or 2h")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def budget(seconds: float) -> str:
    """Return a time that is no shorter as a budget, in whole seconds, or minutes from 2 up.

    >>> budget(17.2), budget(119.5), budget(7201)
    ('18s', '2m', '121m')
    """
    return f"{ceil(seconds)}s" if ceil(seconds) < 120 else f"{ceil(seconds / 60)}m"


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(8), duration(150), duration(7200)
    ('8 s', '2.5 min', '2 h')
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds / size:.3g} {unit}"
    return f"{max(seconds, 1):.0f} s"
