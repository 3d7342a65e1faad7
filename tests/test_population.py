"""Training loop: early stopping, divergence, resumption, model selection, checkpoints."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from pipeline.config.params import Activation
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.finetuning.supervised import SupervisedObjective
from pipeline.networks.population import Tensors, initialize
from pipeline.runtime.errors import Problem
from pipeline.training import checkpoints, loop
from pipeline.training.minibatches import ShuffledMinibatches
from pipeline.training.model_selection import choose, grid
from pipeline.training.state import History, Objective, Trial
from tests.imports import ROOT, closure
from tests.killed import Killed
from tests.test_pool import Counting

UNIT = Activation(function="rectifier", l1=0.001, half_negated=True, reconstruction="softplus")


def make_objective() -> SupervisedObjective:
    draws = torch.Generator().manual_seed(0)
    train, valid = make_examples(57, draws), make_examples(31, draws)
    return SupervisedObjective(
        "rectifier", ShuffledMinibatches("test", "finetune", 10, train), valid, train
    )


def make_examples(n: int, draws: torch.Generator) -> Examples:
    x, y = torch.rand(n, 9, generator=draws), torch.randint(3, (n,), generator=draws)
    return Examples(x, y, Encoding((3, 3), ("a", "b", "c")))


def make_trials() -> list[Trial]:
    return [Trial(seed, rate, 0.001) for seed in (0, 1) for rate in (0.5, 0.05, 1e30)]


def start(trials: list[Trial]) -> Tensors:
    networks = initialize("test", [9, 8, 8, 3], [0, 1], UNIT)
    return networks.select([trial.seed for trial in trials]).tensors


def train(
    path: Path,
    trials: list[Trial],
    *,
    epochs: int = 12,
    patience: int = 4,
    die_at: int = 0,
    seen: list[int] | None = None,
    objective: Objective | None = None,
) -> tuple[Tensors, list[History]]:
    def report(epoch: int, live: int, done: int) -> None:
        if seen is not None:
            seen.append(epoch)
        if epoch == die_at:
            raise Killed

    return loop.train(
        objective or make_objective(),
        start(trials),
        trials,
        epochs=epochs,
        patience=patience,
        files=[path / str(k) for k in range(len(trials))],
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
    """Killed after any epoch and resumed, training ends with the same bits."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    whole = train(tmp_path / "whole", make_trials())
    with pytest.raises(Killed):
        train(tmp_path / "killed", make_trials(), die_at=die_at)
    assert_same(whole, train(tmp_path / "killed", make_trials()))


def test_a_finished_training_is_loaded(tmp_path: Path) -> None:
    """A finished training is loaded from its checkpoint, not repeated."""
    whole = train(tmp_path / "run", make_trials())
    assert_same(whole, train(tmp_path / "run", make_trials(), die_at=1))


def test_damaged_checkpoint_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped bit is detected; training resumes from the previous file, to the same bits."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    whole = train(tmp_path / "whole", make_trials())
    path = tmp_path / "run"
    with pytest.raises(Killed):
        train(path, make_trials(), die_at=5)
    trials = make_trials()
    unfinished = [file for file in sorted(path.glob("?")) if checkpoints.previous(file).exists()]
    content = bytearray(unfinished[0].read_bytes())
    content[len(content) // 2] ^= 1
    unfinished[0].write_bytes(content)
    assert_same(whole, train(path, trials))
    assert "is damaged: set aside" in caplog.text
    assert unfinished[0].with_name(f"{unfinished[0].name}.damaged").exists()


def test_truncated_checkpoints_are_set_aside(tmp_path: Path) -> None:
    """Without an intact checkpoint, none is loaded."""
    checkpoints.save(tmp_path / "run", {"W": torch.ones(2)}, {"epoch": 1})
    (tmp_path / "run").write_bytes((tmp_path / "run").read_bytes()[:20])
    assert checkpoints.load(tmp_path / "run") is None


def test_networks_do_not_depend_on_the_split(tmp_path: Path) -> None:
    """Each trial alone ends with the bits and the curves that it has among all trials."""
    trials = make_trials()
    tensors, histories = train(tmp_path / "together", trials)
    for k, trial in enumerate(trials):
        lone = train(tmp_path / f"alone-{k}", [trial])
        one = {name: tensor[k : k + 1] for name, tensor in tensors.items()}
        assert_same((one, [histories[k]]), lone)


@dataclass
class Cramped:
    """Objective that runs out of memory for more than three networks, in the middle of an epoch.

    The error begins after `later` epochs, as if other programs filled the memory then.
    """

    objective: SupervisedObjective
    later: int
    error: RuntimeError = field(default_factory=torch.OutOfMemoryError)
    most: list[int] = field(default_factory=list)  # networks of each epoch
    apart: bool = False  # whether networks of one epoch had different epoch numbers

    @property
    def criteria(self) -> tuple[str, ...]:
        return self.objective.criteria

    def measure(self, tensors: Tensors, trials: list[Trial]) -> dict[str, torch.Tensor]:
        return self.objective.measure(tensors, trials)

    def train_epoch(
        self, tensors: Tensors, trials: list[Trial], epochs: Sequence[int]
    ) -> torch.Tensor:
        cost_K = self.objective.train_epoch(tensors, trials, epochs)
        if len(trials) > 3 and max(epochs) > self.later:
            raise self.error
        self.most.append(len(trials))
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
    """Half of the networks train, the others wait: the same bits, killed or not, one warning."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    trials = make_trials()
    whole = train(tmp_path / "whole", trials)
    cramped = Cramped(make_objective(), later)
    if die_at:
        with pytest.raises(Killed):
            train(tmp_path / "run", trials, objective=cramped, die_at=die_at)
        caplog.clear()
    assert_same(whole, train(tmp_path / "run", trials, objective=cramped))
    assert max(cramped.most) == (6 if later else 3)
    assert cramped.apart or later  # with `later`, all networks wait from the same epoch on
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) <= 1
    if not die_at:
        assert ("6 networks" if not later else "4 networks") in warnings[0]


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: out of memory",  # where a graph is made
        "Triton Error [CUDA]: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_out_of_memory_errors_of_all_libraries_are_recognized(message: str, tmp_path: Path) -> None:
    """Each message counts as out of memory; another CUDA error does not."""
    trials = make_trials()
    whole = train(tmp_path / "whole", trials)
    for error in (RuntimeError(message), torch.AcceleratorError(message)):
        cramped = Cramped(make_objective(), 0, error)
        assert_same(whole, train(tmp_path / type(error).__name__, trials, objective=cramped))
    cramped = Cramped(make_objective(), 0, RuntimeError("CUDA error: an illegal memory access"))
    with pytest.raises(RuntimeError, match="illegal"):
        train(tmp_path / "illegal", trials, objective=cramped)


def test_no_network_is_referenced_when_the_cache_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the training state nor the error's traceback holds the networks."""
    seen: list[weakref.ref[torch.Tensor]] = []
    left: list[int] = []
    cramped = Cramped(make_objective(), 0)

    def crowd(tensors: Tensors, trials: list[Trial], epochs: Sequence[int]) -> torch.Tensor:
        seen.extend(weakref.ref(tensor) for tensor in tensors.values())
        cramped.__dict__.pop("train_epoch")
        raise torch.OutOfMemoryError

    cramped.train_epoch = crowd  # type: ignore[method-assign]
    monkeypatch.setattr(
        torch.cuda, "empty_cache", lambda: left.append(sum(ref() is not None for ref in seen))
    )
    train(tmp_path / "run", make_trials(), objective=cramped)
    assert seen
    assert left == [0]


def test_a_network_that_does_not_fit_alone_is_a_problem(tmp_path: Path) -> None:
    """Without memory for one network, the error names the remedy."""
    cramped = Cramped(make_objective(), 0)
    cramped.train_epoch = never  # type: ignore[method-assign]
    with pytest.raises(Problem, match=r"a single network.*DEVICE=cpu"):
        train(tmp_path / "run", make_trials(), objective=cramped)


def never(tensors: Tensors, trials: list[Trial], epochs: Sequence[int]) -> torch.Tensor:
    raise torch.OutOfMemoryError


def test_diverged_networks_are_frozen_and_recorded(tmp_path: Path) -> None:
    """A trial with a huge rate diverges in its first epoch; the other trials learn."""
    _, histories = train(tmp_path / "run", make_trials())
    assert [history.diverged for history in histories] == [False, False, True] * 2
    assert histories[2].epochs == 1
    assert min(history.epochs for history in histories if not history.diverged) > 4


def test_early_stopping_keeps_the_best_epoch(tmp_path: Path) -> None:
    """A network stops `patience` epochs after its best, the lowest point of its curve."""
    tensors, histories = train(tmp_path / "run", make_trials(), epochs=60, patience=4)
    assert any(0 < history.epochs < 60 for history in histories if not history.diverged)
    for k, history in enumerate(histories):
        if history.diverged:
            continue
        assert history.curves is not None
        pairs = list(
            zip(history.curves["valid_errors"], history.curves["valid_costs"], strict=True)
        )
        assert history.best_epoch == pairs.index(min(pairs)) + 1
        assert history.epochs == min(60, history.best_epoch + 4)
        one = {name: tensor[k : k + 1] for name, tensor in tensors.items()}
        found = make_objective().measure(one, [make_trials()[k]])
        assert found["valid_errors"].item() == min(pairs)[0]


def test_orders_depend_on_seed_and_epoch() -> None:
    """A seed has one order of examples per epoch; seeds and epochs differ."""
    batches = make_objective().batches
    assert isinstance(batches, ShuffledMinibatches)
    orders = batches.rows_SN([(0, 1), (1, 1)])
    assert orders.shape == (2, 50)
    assert torch.equal(orders[1:], batches.rows_SN([(1, 1)]))
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders, batches.rows_SN([(0, 2), (1, 2)]))
    assert len(set(orders[0].tolist())) == 50


def test_best_weights_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    """The returned tensors are those of the best epoch, not of the last."""
    tensors, [history] = loop.train(
        Counting(),
        {"W": torch.zeros(1, 1)},
        [Trial(3, 0.1, 0.0)],
        epochs=50,
        patience=2,
        files=[tmp_path / "run"],
        report=lambda *_: None,
    )
    assert (history.best_epoch, history.epochs, tensors["W"].item()) == (3, 5, 3.0)


def test_checkpoint_folders_depend_on_the_code_of_training_alone() -> None:
    """The hashed files hold all that the training stages import, and no code of reports."""
    code = {*checkpoints.training_code()}
    for stage in ("pretrain", "finetune", "sweep"):
        # The wording of a stage's last line changes no network.
        wording = {ROOT / "stages/last_line.py"}
        files = closure(ROOT / f"stages/{stage}.py", without=wording)
        used = {file for file in files if file.is_relative_to(ROOT / "pipeline")}
        assert {file for file in used - code if file.name != "__init__.py"} == set()
    readers = ("report", "claims", "tracking", "analysis", "evaluation", "probes", "data/cards")
    assert not [file for file in code for name in readers if f"/pipeline/{name}/" in str(file)]


def test_checkpoint_folders_are_those_of_their_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other code of training, other data or settings: another folder; it is deleted at the end."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").write_text("1")
    source = tmp_path / "source.py"
    monkeypatch.setattr(checkpoints, "training_code", lambda: [source])

    def folder(code: str = "a = 1", setting: int = 1) -> Path:
        source.write_text(code)
        with checkpoints.checkpoint_folder([Path("data")], setting) as path:
            assert path.is_dir()
        assert not path.exists()
        return path

    folders = [folder(), folder(code="a = 2"), folder(setting=2)]
    (tmp_path / "data").write_text("2")
    assert len({*folders, folder()}) == 4
    (tmp_path / "data").write_text("1")
    assert folder() == folders[0]


def history(error: float, cost: float, *, diverged: bool = False) -> History:
    return History(best={"valid_errors": error, "valid_costs": cost}, diverged=diverged)


def test_lowest_error_then_lowest_cost_then_the_order_of_the_grid() -> None:
    """Seeds are independent; ties are broken by the next criterion, then by the grid's order."""
    trials = grid(3, [0.1, 0.01, 0.001], [0.0])
    histories = [history(0.2, 1), history(0.1, 9), history(0.3, 0)]
    histories += [history(0.1, 2), history(0.1, 3), history(0.1, 1)]
    histories += [history(0.1, 1), history(0.1, 1), history(0.1, 1)]
    assert choose(trials, histories) == {0: 1, 1: 5, 2: 6}


def test_diverged_networks_are_not_eligible() -> None:
    """A diverged network is not chosen, whatever its cost was; a seed may have no network."""
    trials = grid(2, [0.1, 0.01], [0.0])
    histories = [history(0.0, 0, diverged=True), history(0.5, 1)]
    histories += [history(0.0, 0, diverged=True), History(diverged=True)]
    assert choose(trials, histories) == {0: 1}


def test_grid_pairs_seeds_and_rates() -> None:
    """Every seed has a trial for every rate, with the arm's penalty."""
    assert grid(2, [0.1, 0.01], [0.5]) == [
        Trial(0, 0.1, 0.5),
        Trial(0, 0.01, 0.5),
        Trial(1, 0.1, 0.5),
        Trial(1, 0.01, 0.5),
    ]
