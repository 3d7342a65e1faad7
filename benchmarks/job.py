"""Time of a whole job as the pipeline runs it: example orders, steps, evaluation, checkpoints.

The time of net-steps alone excludes the work around the steps and idle cores.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import joblib
import numpy as np
import torch
from joblib.externals.loky import get_reusable_executor
from torch import Tensor

from benchmarks import timing
from benchmarks.task import BATCH, L1, UNIT
from pipeline.config.params import Finetune
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split
from pipeline.finetuning.grid_search import FinetuningSetup
from pipeline.networks import population
from pipeline.networks.population import Tensors
from pipeline.runtime import storage
from pipeline.training.state import Objective, Trial
from pipeline.training.task import Setup
from pipeline.training.workers import Workers

RATES = [0.1, 0.01, 0.001, 0.0001]  # the paper's grid
PARTS = ("steps", "evaluation")  # the timed parts
Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """Numbers of training and validation examples, of seeds, and of epochs of each network."""

    train: int
    valid: int
    seeds: int
    epochs: int


JOBS = {
    "cpu": {"digits": Job(1000, 297, 10, 20), "mnist": Job(5000, 1000, 2, 3)},
    "cuda": {"digits": Job(1000, 297, 10, 20), "mnist": Job(50_000, 10_000, 15, 3)},
}  # a tenth of MNIST's examples on a CPU


@dataclass(frozen=True)
class Clocked:
    """A setup whose steps and evaluations are timed, in the process that runs them."""

    setup: Setup
    folder: Path

    def prepare(self, trials: list[Trial], device: torch.device) -> "tuple[Clock, Tensors]":
        """Prepare the objective, wrapped into a clock."""
        objective, tensors = self.setup.prepare(trials, device)
        path = self.folder / f"{storage.fingerprint([vars(each) for each in trials])}.json"
        return Clock(objective, path, device), tensors

    def identities(self, seeds: Sequence[int]) -> list[str]:
        """Return the hashes of the setup itself: time changes no network."""
        return self.setup.identities(seeds)


@dataclass
class Clock:
    """An objective that records the seconds of its parts in a file."""

    objective: Objective
    path: Path
    device: torch.device
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    @property
    def criteria(self) -> tuple[str, ...]:
        """Criteria of the objective."""
        return self.objective.criteria

    def train_epoch(self, tensors: Tensors, trials: list[Trial], epochs: Sequence[int]) -> Tensor:
        """Train for an epoch, timed."""
        return self._timed("steps", lambda: self.objective.train_epoch(tensors, trials, epochs))

    def measure(self, tensors: Tensors, trials: list[Trial]) -> dict[str, Tensor]:
        """Evaluate, timed."""
        return self._timed("evaluation", lambda: self.objective.measure(tensors, trials))

    def _timed(self, part: str, act: Callable[[], Result]) -> Result:
        start = time.monotonic()
        result = act()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds[part] += time.monotonic() - start
        storage.write_json(self.path, self.seconds)
        return result


def measure(
    job: Job, widths: Sequence[int], where: torch.device, *, repeats: int
) -> dict[str, Any]:
    """Run a job `repeats` times, after a first run that compiles kernels and starts processes.

    Returns K, the median and quartiles of ms a net-step over the whole job, and the shares of steps
    and evaluation in the time of all processes.
    """
    with tempfile.TemporaryDirectory() as folder:
        setup = _setup(Path(folder), job, widths)
        _run(replace(setup, settings=setup.settings.model_copy(update={"epochs": 1})), job, where)
        runs = [_run(setup, job, where) for _ in range(repeats)]
    get_reusable_executor().shutdown()  # the next job may need other processes
    times = timing.quartiles([run["ms"] for run in runs], "ms_per_net_step")
    shares = {part: float(np.median([run[part] for run in runs])) for part in PARTS}
    return {"networks": job.seeds * len(RATES)} | times | shares


def _setup(folder: Path, job: Job, widths: Sequence[int]) -> FinetuningSetup:
    """Write random examples and starting networks; return the setup of their training."""
    draws = np.random.default_rng(0)
    form = Encoding((1, widths[0]), tuple(map(str, range(widths[-1]))), scale=1 / 255)
    for name, count in (("train", job.train), ("valid", job.valid)):
        x_NI = draws.integers(0, 256, (count, widths[0]), dtype=np.uint8)
        examples.write(Split(x_NI, draws.integers(widths[-1], size=count), form), folder / name)
    population.save(
        population.initialize("bench", widths, range(job.seeds), UNIT), folder / "start"
    )
    settings = Finetune(
        learning_rates=RATES, batch_size=BATCH, epochs=job.epochs, patience=job.epochs
    )
    return FinetuningSetup(
        "bench", folder / "train", folder / "valid", folder / "start", settings, l1=(L1,)
    )


def _run(setup: FinetuningSetup, job: Job, where: torch.device) -> dict[str, float]:
    """Run the job once; return ms a net-step, and the shares of all processes' time."""
    training = setup.job()
    with tempfile.TemporaryDirectory(dir=setup.start.parent) as scratch:
        clocked = Clocked(setup, Path(scratch))
        workers = Workers(where, Path(scratch) / "pool", "job")
        start = time.monotonic()
        (trained,) = workers.train_all([replace(training, setup=clocked)])
        seconds = time.monotonic() - start
        clocks = [storage.read_json(path) for path in Path(scratch).glob("*.json")]
    processes = min(joblib.cpu_count(), len(clocks)) if where.type == "cpu" else 1
    net_steps = sum(history.epochs for history in trained.histories) * (job.train // BATCH)
    shares = {part: sum(clock[part] for clock in clocks) / (processes * seconds) for part in PARTS}
    return {"ms": 1e3 * seconds / net_steps} | shares
