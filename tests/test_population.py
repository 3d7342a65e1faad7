"""The training loop: stopping, divergence, resume, and independence of the split into stacks."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from pipeline.config.params import Activation
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.finetuning.supervised import Supervised
from pipeline.networks.population import Population, Tensors, initialize
from pipeline.runtime.errors import Problem
from pipeline.training import checkpoints, loop
from pipeline.training.minibatches import Shuffled
from pipeline.training.state import History, Objective, Trial

UNIT = Activation(function="rectifier", l1=0.001, half_negated=True, reconstruction="softplus")


class Killed(BaseException):
    """Stands for a kill: nothing in the library catches it."""


def make_task() -> Supervised:
    draws = torch.Generator().manual_seed(0)
    train, valid = make_examples(57, draws), make_examples(31, draws)
    return Supervised("rectifier", Shuffled("test", "finetune", 10, train), valid, train)


def make_examples(n: int, draws: torch.Generator) -> Examples:
    x, y = torch.rand(n, 9, generator=draws), torch.randint(3, (n,), generator=draws)
    return Examples(x, y, Encoding((3, 3), ("a", "b", "c")))


def make_candidates() -> list[Trial]:
    return [Trial(seed, rate, 0.001) for seed in (0, 1) for rate in (0.5, 0.05, 1e30)]


def start(candidates: list[Trial]) -> Tensors:
    stack = initialize("test", [9, 8, 8, 3], [0, 1], UNIT)
    return stack.select([candidate.seed for candidate in candidates]).tensors


def train(
    path: Path,
    candidates: list[Trial],
    *,
    epochs: int = 12,
    patience: int = 4,
    die_at: int = 0,
    seen: list[int] | None = None,
    task: Objective | None = None,
) -> tuple[Tensors, list[History]]:
    def report(epoch: int, live: int, done: int) -> None:
        if seen is not None:
            seen.append(epoch)
        if epoch == die_at:
            raise Killed

    return loop.train(
        task or make_task(),
        start(candidates),
        candidates,
        epochs=epochs,
        patience=patience,
        checkpoint=path,
        report=report,
    )


def assert_same(one: tuple[Tensors, list[History]], other: tuple[Tensors, list[History]]) -> None:
    assert repr(one[1]) == repr(other[1])  # repr: NaN equals NaN
    for name, tensor in one[0].items():
        assert torch.equal(tensor, other[0][name]), name


@pytest.mark.parametrize("die_at", [1, 2, 6])
def test_resumed_equals_uninterrupted(
    die_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any epoch, with a checkpoint after each, the run ends with the same bits."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    whole = train(tmp_path / "whole", make_candidates())
    with pytest.raises(Killed):
        train(tmp_path / "killed", make_candidates(), die_at=die_at)
    assert_same(whole, train(tmp_path / "killed", make_candidates()))


def test_a_finished_run_is_read_back(tmp_path: Path) -> None:
    """What has ended is not trained again."""
    whole = train(tmp_path / "run", make_candidates())
    assert_same(whole, train(tmp_path / "run", make_candidates(), die_at=1))


def test_damaged_checkpoint_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped bit is noticed; work goes on from the checkpoint before it, to the same bits."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    whole = train(tmp_path / "whole", make_candidates())
    path = tmp_path / "run"
    with pytest.raises(Killed):
        train(path, make_candidates(), die_at=5)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    seen: list[int] = []
    assert_same(whole, train(path, make_candidates(), seen=seen))
    assert seen[0] == 5  # the damaged one held epoch 5: epoch 4 was read and 5 done again
    assert "is damaged: set aside" in caplog.text
    assert (tmp_path / "run.damaged").exists()


def test_truncated_checkpoints_are_set_aside(tmp_path: Path) -> None:
    """Where no good checkpoint is left, there is none."""
    checkpoints.save(tmp_path / "run", {"W": torch.ones(2)}, {"epoch": 1})
    (tmp_path / "run").write_bytes((tmp_path / "run").read_bytes()[:20])
    assert checkpoints.load(tmp_path / "run") is None


def test_networks_do_not_depend_on_the_split(tmp_path: Path) -> None:
    """Each candidate alone ends with the bits and the curves that it has in the whole stack."""
    candidates = make_candidates()
    tensors, results = train(tmp_path / "together", candidates)
    for k, candidate in enumerate(candidates):
        lone = train(tmp_path / f"alone-{k}", [candidate])
        one = {name: tensor[k : k + 1] for name, tensor in tensors.items()}
        assert_same((one, [results[k]]), lone)


@dataclass
class Cramped:
    """A task whose memory runs out, in the middle of an epoch, for more than three networks.

    It holds them until `later` epochs are done: other programs fill the memory then.
    """

    task: Supervised
    later: int
    error: RuntimeError = field(default_factory=torch.OutOfMemoryError)
    most: list[int] = field(default_factory=list)  # networks that trained at once
    apart: bool = False  # whether they were ever at different epochs

    @property
    def criteria(self) -> tuple[str, ...]:
        return self.task.criteria

    def measure(self, tensors: Tensors, stack: list[Trial]) -> dict[str, torch.Tensor]:
        return self.task.measure(tensors, stack)

    def train_epoch(
        self, tensors: Tensors, stack: list[Trial], epochs: Sequence[int]
    ) -> torch.Tensor:
        cost_K = self.task.train_epoch(tensors, stack, epochs)
        if len(stack) > 3 and max(epochs) > self.later:
            raise self.error
        self.most.append(len(stack))
        self.apart |= len({*epochs}) > 1
        return cost_K


@pytest.mark.parametrize("later", [0, 2])
@pytest.mark.parametrize("die_at", [0, 3, 7])
def test_networks_that_do_not_fit_the_memory_wait(
    die_at: int,
    later: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Half of them train, the others take the room of those that stop: the same bits, killed or
    not, and one line that says so."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    candidates = make_candidates()
    whole = train(tmp_path / "whole", candidates)
    cramped = Cramped(make_task(), later)
    if die_at:
        with pytest.raises(Killed):
            train(tmp_path / "run", candidates, task=cramped, die_at=die_at)
        caplog.clear()
    assert_same(whole, train(tmp_path / "run", candidates, task=cramped))
    assert max(cramped.most) == (6 if later else 3)
    assert cramped.apart or later  # later, those that wait all wait from the same epoch on
    said = [record.getMessage() for record in caplog.records]
    assert len(said) <= 1
    if not die_at:
        assert ("6 networks" if not later else "4 networks") in said[0]


@pytest.mark.parametrize(
    "says",
    [
        "CUDA error: out of memory",  # where a graph is made
        "Triton Error [CUDA]: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_memory_runs_out_in_many_words(says: str, tmp_path: Path) -> None:
    """Libraries and drivers have their own; another failure is none of it."""
    candidates = make_candidates()
    whole = train(tmp_path / "whole", candidates)
    for error in (RuntimeError(says), torch.AcceleratorError(says)):
        cramped = Cramped(make_task(), 0, error)
        assert_same(whole, train(tmp_path / type(error).__name__, candidates, task=cramped))
    cramped = Cramped(make_task(), 0, RuntimeError("CUDA error: an illegal memory access"))
    with pytest.raises(RuntimeError, match="illegal"):
        train(tmp_path / "illegal", candidates, task=cramped)


def test_what_filled_the_memory_is_gone_when_it_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the run nor the error's traceback holds the networks any more."""
    seen: list[weakref.ref[torch.Tensor]] = []
    left: list[int] = []
    cramped = Cramped(make_task(), 0)

    def crowd(tensors: Tensors, stack: list[Trial], epochs: Sequence[int]) -> torch.Tensor:
        seen.extend(weakref.ref(tensor) for tensor in tensors.values())
        cramped.__dict__.pop("train_epoch")
        raise torch.OutOfMemoryError

    cramped.train_epoch = crowd  # type: ignore[method-assign]
    monkeypatch.setattr(
        torch.cuda, "empty_cache", lambda: left.append(sum(ref() is not None for ref in seen))
    )
    train(tmp_path / "run", make_candidates(), task=cramped)
    assert seen
    assert left == [0]


def test_a_network_that_does_not_fit_alone_is_a_problem(tmp_path: Path) -> None:
    """Where there is no room for one, the error says what to do."""
    cramped = Cramped(make_task(), 0)
    cramped.train_epoch = never  # type: ignore[method-assign]
    with pytest.raises(Problem, match=r"a single network.*DEVICE=cpu"):
        train(tmp_path / "run", make_candidates(), task=cramped)


def never(tensors: Tensors, stack: list[Trial], epochs: Sequence[int]) -> torch.Tensor:
    raise torch.OutOfMemoryError


def test_diverged_networks_are_frozen_and_recorded(tmp_path: Path) -> None:
    """An absurd rate ends as diverged at once; its neighbors learn."""
    _, results = train(tmp_path / "run", make_candidates())
    assert [result.diverged for result in results] == [False, False, True] * 2
    assert results[2].epochs == 1
    assert min(result.epochs for result in results if not result.diverged) > 4


def test_early_stopping_keeps_the_best_epoch(tmp_path: Path) -> None:
    """A network stops `patience` epochs after its best, the lowest point of its curve."""
    tensors, results = train(tmp_path / "run", make_candidates(), epochs=60, patience=4)
    assert any(0 < result.epochs < 60 for result in results if not result.diverged)
    for k, result in enumerate(results):
        if result.diverged:
            continue
        assert result.curves is not None
        pairs = list(zip(result.curves["valid_errors"], result.curves["valid_costs"], strict=True))
        assert result.best_epoch == pairs.index(min(pairs)) + 1
        assert result.epochs == min(60, result.best_epoch + 4)
        one = {name: tensor[k : k + 1] for name, tensor in tensors.items()}
        found = make_task().measure(one, [make_candidates()[k]])
        assert found["valid_errors"].item() == min(pairs)[0]


def test_seeds_are_paired_over_rates_and_apart_over_epochs() -> None:
    """Networks of a seed see the same examples in the same order; no two seeds or epochs do."""
    batches = make_task().batches
    assert isinstance(batches, Shuffled)
    orders = batches.rows_SN([(0, 1), (1, 1)])
    assert orders.shape == (2, 50)
    assert torch.equal(orders[1:], batches.rows_SN([(1, 1)]))
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders, batches.rows_SN([(0, 2), (1, 2)]))
    assert len(set(orders[0].tolist())) == 50


@dataclass
class Recorder:
    """A task that only moves its tensors by one each epoch, and gets worse from the third on."""

    criteria = ("valid_costs",)

    def train_epoch(
        self, tensors: Tensors, stack: list[Trial], epochs: Sequence[int]
    ) -> torch.Tensor:
        tensors["W"] += 1
        return torch.zeros(len(stack))

    def measure(self, tensors: Tensors, stack: list[Trial]) -> dict[str, torch.Tensor]:
        return {"valid_costs": (tensors["W"][:, 0] - 3).abs()}


def test_best_weights_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    """The tensors that come back are the ones after the best epoch, not the last."""
    tensors, [result] = loop.train(
        Recorder(),
        {"W": torch.zeros(1, 1)},
        [Trial(0, 0.1, 0.0)],
        epochs=50,
        patience=2,
        checkpoint=tmp_path / "run",
        report=lambda *_: None,
    )
    assert (result.best_epoch, result.epochs, tensors["W"].item()) == (3, 5, 3.0)


def test_stack_of_one_layer_shapes() -> None:
    """`only` shares memory, `select` copies."""
    stack = Population(start(make_candidates()), "rectifier")
    stack.only(1).W_KIO(0).zero_()
    assert stack.W_KIO(0)[1].abs().sum() == 0
    stack.select([0]).W_KIO(0).zero_()
    assert stack.W_KIO(0)[0].abs().sum() > 0
