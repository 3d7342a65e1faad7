"""Store of trained networks: files that later runs read instead of training again.

A network depends on its data, settings, seed, learning rate and penalty, and on the code of
training; the name of its file is a hash of these. So more seeds or learning rates train only the
new networks, on any number of cores, and a change of other code retrains none.
"""

import os
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch

from pipeline.config.params import Schedule
from pipeline.networks.arithmetic import running
from pipeline.runtime import device as devices
from pipeline.runtime import storage
from pipeline.training.checkpoints import training_code

FOLDER = Path("runs/trained")
PLAIN = "torch, without compiled kernels"
DAY_SECONDS = 24 * 60 * 60


class DataSetup(Protocol):
    """Parts of every setup that its trained networks depend on."""

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        ...

    @property
    def train(self) -> Path:
        """The file of the training split."""
        ...

    @property
    def valid(self) -> Path:
        """The file of the validation split."""
        ...

    @property
    def settings(self) -> Schedule:
        """The schedule with its grid of learning rates."""
        ...


@cache  # the code of a running process does not change
def code() -> str:
    """Return a hash of the code of training, of the version of torch, and of missing kernels."""
    sources = [storage.digest(path) for path in training_code()]
    missing = [] if running.compiled_kernels() else [PLAIN]
    return storage.fingerprint(sources, torch.__version__, *missing)


def about(device: torch.device) -> dict[str, str]:
    """Return the device and torch's version, to be recorded beside networks trained here.

    A CPU without compiled kernels is named, since its last digits differ.
    """
    recorded = devices.about(device)
    if device.type == "cpu" and not running.compiled_kernels():
        recorded["device"] = f"{recorded['device']} ({PLAIN})"
    return recorded


def setup_hash(phase: str, setup: DataSetup, *options: Any) -> str:
    """Return a hash of what all seeds of a setup share: data, settings, and further `options`.

    The grid of learning rates is not part of it: a longer one trains the new networks alone.
    """
    data = [storage.digest(path) for path in (setup.train, setup.valid)]
    settings = setup.settings.model_dump(exclude={"learning_rates"})
    return storage.fingerprint(phase, setup.dataset, data, settings, options)


def mark_used(files: Iterable[Path]) -> None:
    """Set the modification times of files to now, which `unused` reads."""
    for file in files:
        os.utime(file)


def unused(days: float, store: Path = FOLDER) -> list[Path]:
    """Return the files that no training has used in the last `days` days, sorted.

    Networks of the present settings are among them if their stages were not run for so long.
    """
    oldest = time.time() - days * DAY_SECONDS
    return sorted(path for path in store.glob("*") if path.stat().st_mtime < oldest)
