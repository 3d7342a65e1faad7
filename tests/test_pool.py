"""How networks are split into stacks, and what is said of their progress."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import pytest
import torch

from pipeline.config.params import Finetune
from pipeline.networks.population import Tensors
from pipeline.runtime.errors import Problem
from pipeline.training import loop, progress, workers
from pipeline.training.state import Trial
from pipeline.training.workers import Workers, split

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
CANDIDATES = [Trial(seed, rate, 0.0) for seed in range(5) for rate in (0.1, 0.01)]
SCHEDULE = Finetune(learning_rates=[0.1], batch_size=10, epochs=4, patience=2)


class Counting:
    """A task that improves until its network's limit, then stops."""

    criteria = ("valid_costs",)

    def train_epoch(
        self, tensors: Tensors, stack: list[Trial], epochs: Sequence[int]
    ) -> torch.Tensor:
        tensors["W"] += 1
        return torch.zeros(len(stack))

    def measure(self, tensors: Tensors, stack: list[Trial]) -> dict[str, torch.Tensor]:
        limits = torch.tensor([candidate.seed for candidate in stack])
        return {"valid_costs": (tensors["W"][:, 0] - limits).abs()}


class CountingWork:
    """Counting from zero, for any stack."""

    def prepare(self, stack: list[Trial], device: torch.device) -> tuple[Counting, Tensors]:
        return Counting(), {"W": torch.zeros(len(stack), 1)}


@pytest.mark.parametrize(
    ("cores", "network_bytes"), [(1, 1), (2, 1), (2, 1 << 21), (3, 1 << 30), (16, 1)]
)
def test_stacks_fit_the_cache_and_feed_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, network_bytes: int
) -> None:
    """Stacks hold every candidate once, in order, none too large, and no core has nothing to do."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: cores)
    stacks = split(CANDIDATES, network_bytes, CPU)
    assert [candidate for stack in stacks for candidate in stack] == CANDIDATES
    assert max(map(len, stacks)) <= max(1, workers.CACHE_BYTES // network_bytes)
    assert len(stacks) >= min(cores, len(CANDIDATES)) // 2 + 1 or cores == 1


def test_a_gpu_takes_all_at_once() -> None:
    """One stack on a GPU."""
    assert split(CANDIDATES, 1 << 30, CUDA) == [CANDIDATES]


@pytest.mark.parametrize("network_bytes", [1 << 20, 1 << 30])
def test_results_come_back_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network_bytes: int
) -> None:
    """However they were split, tensors and results stand in the order of the candidates."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr(workers, "CACHE_BYTES", 3 * network_bytes)
    made = Workers(CPU, tmp_path, "test").train(
        CountingWork(), CANDIDATES, SCHEDULE, network_bytes=network_bytes
    )
    best = [result.best_epoch for result in made.results]
    assert best == [max(1, min(candidate.seed, 4)) for candidate in CANDIDATES]
    assert made.tensors([*range(10)])["W"].flatten().tolist() == best
    assert made.tensors([3, 8])["W"].flatten().tolist() == [best[3], best[8]]


def test_the_board_ends_full(tmp_path: Path) -> None:
    """At the end every network-epoch is done or not needed, and none is in training."""
    Workers(CPU, tmp_path, "test").train(CountingWork(), CANDIDATES[:1], SCHEDULE, network_bytes=1)
    board = progress.Board(tmp_path / "progress", 1)
    epoch, live, done = board.rows[0].tolist()
    assert (live, done) == (0, SCHEDULE.epochs)
    assert epoch == 3


def test_quiet_without_a_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where stderr is no terminal, training says nothing."""
    Workers(CPU, tmp_path, "test").train(CountingWork(), CANDIDATES[:1], SCHEDULE, network_bytes=1)
    assert capfd.readouterr() == ("", "")


def test_orphans_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose main process is gone ends at its next epoch."""
    stopped: list[int] = []

    def stop(status: int) -> None:
        stopped.append(status)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", stop)
    progress.Board(tmp_path / "progress", 1, create=True)
    job = workers._Task(
        Workers(CPU, tmp_path, "test"),
        0,
        CountingWork(),
        CANDIDATES[:1],
        SCHEDULE,
        0,
        1,
        main_process=1 << 30,
    )
    with pytest.raises(SystemExit):
        job.run()
    assert stopped == [1]
    assert loop.CHECKPOINT_SECONDS > 0


class Failing(Counting):
    """A task on a GPU that fails in its third epoch."""

    def __init__(self, error: RuntimeError) -> None:
        self.error = error

    def train_epoch(
        self, tensors: Tensors, stack: list[Trial], epochs: Sequence[int]
    ) -> torch.Tensor:
        if epochs[0] == 3:
            raise self.error
        return super().train_epoch(tensors, stack, epochs)


@dataclass
class FailingWork:
    """Failing from zero, or before it has begun."""

    error: RuntimeError
    at_once: bool = False

    def prepare(self, stack: list[Trial], device: torch.device) -> tuple[Counting, Tensors]:
        if self.at_once:
            raise self.error
        return Failing(self.error), {"W": torch.zeros(len(stack), 1)}


def test_a_gpu_that_fails_leaves_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says what failed and that the run goes on; and it does, from where it was."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    some = CANDIDATES[-1:]
    trained = Workers(CPU, tmp_path / "whole", "test").train(
        CountingWork(), some, SCHEDULE, network_bytes=1
    )
    cut = Workers(CPU, tmp_path / "cut", "test")
    for error in (
        torch.AcceleratorError("CUDA error: unspecified launch failure\nmore"),
        RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
    ):
        with pytest.raises(Problem, match=r"^the GPU failed \(.*\): run the same command again"):
            cut.train(FailingWork(error), some, SCHEDULE, network_bytes=1)
    seen: list[int] = []
    monkeypatch.setattr(progress.Board, "write", lambda self, *row: seen.append(row[1]))
    again = cut.train(CountingWork(), some, SCHEDULE, network_bytes=1)
    assert seen[0] == 3
    assert again.results == trained.results


def test_examples_that_do_not_fit_a_gpu_are_a_problem(tmp_path: Path) -> None:
    """Where the data alone fill the memory, the error says what to do."""
    work = FailingWork(torch.OutOfMemoryError("CUDA out of memory"), at_once=True)
    with pytest.raises(Problem, match="does not hold the examples"):
        Workers(CPU, tmp_path, "test").train(work, CANDIDATES[:1], SCHEDULE, network_bytes=1)


def test_other_errors_are_not_the_gpus(tmp_path: Path) -> None:
    """A mistake of the program is shown as one."""
    work = FailingWork(RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        Workers(CPU, tmp_path, "test").train(work, CANDIDATES[:1], SCHEDULE, network_bytes=1)


def test_a_gpu_is_not_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs on a GPU run one after the other in this process."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    ran: list[int] = []
    monkeypatch.setattr(workers._Task, "run", lambda job: ran.append(os.getpid()) or [])
    jobs = [
        workers._Task(
            Workers(CUDA, tmp_path, "test"), n, CountingWork(), [], SCHEDULE, n, 3, os.getpid()
        )
        for n in range(3)
    ]
    assert workers._run_all(jobs) == [[], [], []]
    assert ran == [os.getpid()] * 3
