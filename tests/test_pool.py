"""Workers: split of trials into populations, progress display, failures of processes and GPUs."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import joblib
import pytest
import torch

from pipeline.config.params import Finetune
from pipeline.networks.arithmetic import team
from pipeline.networks.population import Tensors
from pipeline.runtime.errors import Problem
from pipeline.training import local_runner, loop, processes, progress, runners, workers
from pipeline.training.local_runner import LocalRunner
from pipeline.training.state import Trial
from pipeline.training.task import Setup, Task
from pipeline.training.workers import Job, Workers, split_networks
from stages import early_start

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
TRIALS = [Trial(seed, rate, 0.0) for seed in range(5) for rate in (0.1, 0.01)]
SCHEDULE = Finetune(learning_rates=[0.1], batch_size=10, epochs=4, patience=2)


class Counting:
    """Objective whose cost falls until the epoch numbered as the trial's seed, then rises."""

    criteria = ("valid_costs",)

    def train_epoch(
        self, tensors: Tensors, trials: list[Trial], epochs: Sequence[int]
    ) -> torch.Tensor:
        tensors["W"] += 1
        return torch.zeros(len(trials))

    def measure(self, tensors: Tensors, trials: list[Trial]) -> dict[str, torch.Tensor]:
        limits = torch.tensor([trial.seed for trial in trials])
        return {"valid_costs": (tensors["W"][:, 0] - limits).abs()}


class CountingSetup:
    """Setup of networks that count from zero."""

    def prepare(self, trials: list[Trial], device: torch.device) -> tuple[Counting, Tensors]:
        return Counting(), {"W": torch.zeros(len(trials), 1)}

    def identities(self, seeds: Sequence[int]) -> list[str]:
        return ["counting" for _ in seeds]


def job(trials: list[Trial] = TRIALS, setup: Setup | None = None, *, network_bytes: int = 1) -> Job:
    return Job(setup or CountingSetup(), trials, SCHEDULE, network_bytes)


def task(folder: Path, device: torch.device = CPU) -> Task:
    return Task(CountingSetup(), TRIALS[:1], SCHEDULE, device, [folder / "network"])


@pytest.mark.parametrize(
    ("cores", "network_bytes"), [(1, 1), (2, 1), (2, 1 << 21), (3, 1 << 30), (16, 1)]
)
def test_populations_fit_the_cache_and_occupy_the_cores(cores: int, network_bytes: int) -> None:
    """The populations hold every trial once, in order; none exceeds the cache, no core is idle."""
    populations = split_networks([*range(len(TRIALS))], network_bytes, CPU, cores)
    assert [trial for population in populations for trial in population] == [*range(len(TRIALS))]
    fewest = 2 if network_bytes >= workers.HUGE_BYTES else 1
    assert max(map(len, populations)) <= max(fewest, workers.CACHE_BYTES // network_bytes)
    assert len(populations) >= min(cores, len(TRIALS)) // 2 + 1 or cores == 1


def test_a_gpu_trains_one_population() -> None:
    """All trials are in one population on a GPU, in equal shares on several."""
    assert split_networks([3, 4, 5], 1 << 30, CUDA, 1) == [[3, 4, 5]]
    assert split_networks([3, 4, 5], 1 << 30, CUDA, 2) == [[3, 4], [5]]


def test_processes_that_start_early_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage's processes have imported torch when training asks for them; a GPU needs none."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    started: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(processes, "start_early", started.append)
        for variable, value in (("RUNNER", "ray"), ("DEVICE", "cuda")):
            with monkeypatch.context() as other:
                other.setenv(variable, value)
                early_start.start_processes(4)
    assert started == []
    early_start.start_processes(4)
    assert processes.executor(1).submit(eval, "'torch' in __import__('sys').modules").result()


@pytest.mark.parametrize("network_bytes", [1 << 20, 1 << 30])
def test_histories_keep_the_order_of_the_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network_bytes: int
) -> None:
    """For any split, tensors and histories have the order of the trials."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr(workers, "CACHE_BYTES", 3 * network_bytes)
    made = Workers(CPU, tmp_path, "test").train(job(network_bytes=network_bytes))
    best = [history.best_epoch for history in made.histories]
    assert best == [max(1, min(trial.seed, 4)) for trial in TRIALS]
    assert made.tensors([*range(10)])["W"].flatten().tolist() == best
    assert made.tensors([3, 8])["W"].flatten().tolist() == [best[3], best[8]]


def test_the_board_ends_full(tmp_path: Path) -> None:
    """At the end every network-epoch is done or not needed, and no network is live."""
    Workers(CPU, tmp_path, "test").train(job(TRIALS[:1]))
    board = progress.ProgressBoard(tmp_path / "progress", 1)
    epoch, live, done = board.rows[0].tolist()
    assert (live, done) == (0, SCHEDULE.epochs)
    assert epoch == 3


def test_quiet_without_a_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, training writes nothing to stdout or stderr."""
    Workers(CPU, tmp_path, "test").train(job(TRIALS[:1]))
    assert capfd.readouterr() == ("", "")


def test_orphans_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker exits at its next epoch if its main process is gone."""
    stopped: list[int] = []

    def stop(status: int) -> None:
        stopped.append(status)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", stop)
    board = progress.ProgressBoard(tmp_path / "progress", 1, create=True)
    with pytest.raises(SystemExit):
        local_runner._run(task(tmp_path), board, 0, main_process=1 << 30)
    assert stopped == [1]
    assert loop.CHECKPOINT_SECONDS > 0


class Failing(Counting):
    """Objective that raises an error of the GPU in its third epoch."""

    def __init__(self, error: RuntimeError) -> None:
        self.error = error

    def train_epoch(
        self, tensors: Tensors, trials: list[Trial], epochs: Sequence[int]
    ) -> torch.Tensor:
        if epochs[0] == 3:
            raise self.error
        return super().train_epoch(tensors, trials, epochs)


@dataclass
class FailingSetup:
    """Setup of a failing objective; with `at_once` the setup itself fails."""

    error: RuntimeError
    at_once: bool = False

    def prepare(self, trials: list[Trial], device: torch.device) -> tuple[Counting, Tensors]:
        if self.at_once:
            raise self.error
        return Failing(self.error), {"W": torch.zeros(len(trials), 1)}

    def identities(self, seeds: Sequence[int]) -> list[str]:
        return ["counting" for _ in seeds]


def test_a_gpu_that_fails_leaves_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is one line; the next call continues from the checkpoint."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    some = TRIALS[-1:]
    trained = Workers(CPU, tmp_path / "whole", "test").train(job(some))
    cut = Workers(CPU, tmp_path / "cut", "test")
    for error in (
        torch.AcceleratorError("CUDA error: unspecified launch failure\nmore"),
        RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
    ):
        with pytest.raises(Problem, match=r"^the GPU failed \(.*\): run the same command again"):
            cut.train(job(some, FailingSetup(error)))
    seen: list[int] = []
    monkeypatch.setattr(progress.ProgressBoard, "write", lambda self, *row: seen.append(row[1]))
    again = cut.train(job(some))
    assert seen[0] == 3
    assert again.histories == trained.histories


def test_examples_that_do_not_fit_a_gpu_are_a_problem(tmp_path: Path) -> None:
    """If the data alone fill the GPU's memory, the error names the remedy."""
    setup = FailingSetup(torch.OutOfMemoryError("CUDA out of memory"), at_once=True)
    with pytest.raises(Problem, match="does not hold the examples"):
        Workers(CPU, tmp_path, "test").train(job(TRIALS[:1], setup))


def test_other_errors_are_raised_unchanged(tmp_path: Path) -> None:
    """An error that is not the GPU's keeps its type."""
    setup = FailingSetup(RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        Workers(CPU, tmp_path, "test").train(job(TRIALS[:1], setup))


def test_a_gpu_is_not_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings on a GPU run one after the other in this process."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    ran: list[int] = []
    monkeypatch.setattr(Task, "run", lambda task, report, threads: ran.append(os.getpid()) or [])
    board = progress.ProgressBoard(tmp_path / "progress", 3, create=True)
    assert LocalRunner().run([task(tmp_path, CUDA)] * 3, board) == [[], [], []]
    assert ran == [os.getpid()] * 3


@pytest.mark.parametrize(
    ("cores", "tasks", "threads"), [(1, 1, 1), (4, 1, 4), (7, 2, 3), (2, 3, 1)]
)
def test_cores_without_a_task_join_a_team(
    cores: int, tasks: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The threads of all tasks that run at once fill the cores, and no more."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: cores)
    monkeypatch.setattr(processes, "executor", lambda others: ThreadPoolExecutor(others))
    monkeypatch.setattr(os, "getppid", os.getpid)
    used: list[int] = []
    monkeypatch.setattr(team, "use", used.append)
    board = progress.ProgressBoard(tmp_path / "progress", tasks, create=True)
    assert len(LocalRunner().run([task(tmp_path)] * tasks, board)) == tasks
    assert used == [threads] * tasks


def test_an_unknown_runner_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error lists the runners; without RUNNER this machine trains."""
    monkeypatch.delenv("RUNNER", raising=False)
    assert isinstance(runners.choose(), LocalRunner)
    monkeypatch.setenv("RUNNER", "dask")
    with pytest.raises(Problem, match="use one of local, ray"):
        runners.choose()


def test_ray_that_is_not_installed_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line has the command that installs it."""
    monkeypatch.setenv("RUNNER", "ray")
    monkeypatch.delitem(sys.modules, "pipeline.training.ray_runner", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Problem, match=r"^RUNNER=ray needs Ray: pip install -e '\.\[ray\]'$"):
        runners.choose()


def test_processes_follow_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that wait for work in another folder are not used again."""
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert processes.executor(1).submit(Path.cwd).result() == folder
