"""The benchmark: every contender's weights are checked; no test depends on time."""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import joblib
import pytest
import torch

from benchmarks import engine, generator, job, limits, machine, protocol, units
from benchmarks import task as tasks
from benchmarks.task import AbsentError, Peer, Task
from benchmarks.torch_peers import Graphed, Sequential, Vmapped
from pipeline.report.figures import style
from pipeline.report.figures.speed import speed as figure
from pipeline.report.markdown import speed

WIDTHS = (12, 9, 8, 4)
TASK = Task(WIDTHS, 3)
HFTA = '''
"""A replacement of HFTA: the two functions that the benchmark calls."""
import functools, torch

class Linear(torch.nn.Module):
    def __init__(self, inputs, outputs, B):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(B, inputs, outputs))
        self.bias = torch.nn.Parameter(torch.zeros(B, 1, outputs))
    def forward(self, x):
        return torch.baddbmm(self.bias, x, self.weight)
    def snatch_parameters(self, other, b):
        self.weight.data[b], self.bias.data[b] = other.weight.data.T, other.bias.data

def get_hfta_op_for(kind, B):
    return functools.partial(Linear, B=B) if kind is torch.nn.Linear else kind
'''


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep peers from setting the number of threads of the tests that follow."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(engine, "SET_UP_SECONDS", 0.01)


@pytest.fixture
def hfta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "hfta").mkdir()
    (tmp_path / "hfta/__init__.py").write_text("")
    (tmp_path / "hfta/ops.py").write_text(HFTA)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("hfta", "hfta.ops"):
        sys.modules.pop(name, None)


def measure(contenders: list[Peer], task: Task = TASK) -> list[protocol.Row]:
    return protocol.measure(task, contenders, repeats=3, seconds=0.005)


@pytest.mark.parametrize("networks", [1, 3, 7])
def test_peers_train_the_same_networks(networks: int, hfta: Path) -> None:
    """After ten steps all weights are those of float64, to a small share of the distance moved."""
    entered = [peer for peer in protocol.on_cpu(hfta) if "compiled" not in peer.name]
    rows = measure(entered, Task(WIDTHS, networks))
    assert [row["contender"] for row in rows] == [peer.name for peer in entered]
    assert [row["contender"] for row in rows if "absent" in row] in ([], ["JAX"])
    for row in rows:
        if "absent" not in row:
            assert row["error_against_float64"] < protocol.TOLERANCE
            assert 0 < row["minimum"] <= row["first_quartile"] <= row["ms_per_net_step"]
            assert row["ms_per_net_step"] <= row["third_quartile"]
            assert (row["repeats"], row["networks"]) == (3, networks)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
def test_torch_compiles_the_same_networks() -> None:
    """The compiled step gives the same weights."""
    (found,) = [peer for peer in protocol.on_cpu(None) if "compiled" in peer.name]
    eager = Peer(protocol.EAGER, partial(Sequential, threads=1))
    assert measure([eager, found])[1]["error_against_float64"] < protocol.TOLERANCE


@pytest.mark.parametrize("k", [0, 1, 2])
def test_the_engine_checks_a_network_of_every_process(k: int) -> None:
    """Each process's first network and last are among the compared ones."""
    trainer = engine.Processes(TASK)
    trainer.train(2)
    weights = trainer.weights()
    lone = Sequential(TASK, 1, k)
    lone.train(2)
    torch.testing.assert_close(weights[k], lone.weights()[k])


def test_a_wrong_contender_is_not_timed() -> None:
    """A contender with wrong weights is refused, by name."""

    class Wrong(Sequential):
        def weights(self) -> dict[int, torch.Tensor]:
            return {k: weights * 1.001 for k, weights in super().weights().items()}

    with pytest.raises(ArithmeticError, match="wrong is off by"):
        measure([Peer("wrong", partial(Wrong, threads=1))])


def test_the_eager_auto_encoder_is_the_same() -> None:
    """After five steps the engine's auto-encoder and eager torch's have the same weights."""
    auto = units.started(WIDTHS, 1)
    encoder, decoder = units.eager(auto)
    before = encoder.weight.detach().clone()
    engine_step = units.denoising(auto, WIDTHS)
    eager_step = units.eager_denoising(encoder, decoder, WIDTHS)
    for _ in range(5):
        engine_step()
        eager_step()
    torch.testing.assert_close(auto.tensors["W"][0].mT, encoder.weight.detach())
    torch.testing.assert_close(auto.tensors["V"][0], decoder.weight.detach())
    torch.testing.assert_close(auto.tensors["c"][0, 0], decoder.bias.detach())
    assert (encoder.weight.detach() - before).abs().max() > 1e-3


def test_units_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each unit has a time and its ratio to the rectifier's, in the table too."""
    monkeypatch.setattr(tasks, "SIZES", {"digits": WIDTHS})
    rows = units.measure(repeats=2, seconds=0.002)
    assert [row["contender"] for row in rows[:3]] == [*units.UNITS]
    assert rows[0]["times"] == rows[3]["times"] == 1
    assert all(row["ms_per_net_step"] > 0 for row in rows)
    assert "| digits size, tanh | 20 |" in speed._units(rows)


def test_an_absent_peer_is_listed() -> None:
    """A peer that is absent has its reason, in the rows and in the README, and no time."""
    eager = Peer(protocol.EAGER, partial(Sequential, threads=1))
    rows = measure([eager, *(peer for peer in protocol.on_cpu(None) if peer.name == "HFTA")])
    assert rows[1]["absent"] == "not given: --hfta PATH of a clone"
    assert "ms_per_net_step" not in rows[1]
    told = {
        "machine": machine.about(torch.device("cpu")),
        "limits": {"tiny": limits.of(TASK, seconds=0.01)},
        "net_steps": [{"size": "tiny"} | row for row in rows],
    }
    text = speed.tables(json.loads(json.dumps(told)))
    assert "Not timed: HFTA (not given: --hfta PATH of a clone)." in text
    assert "| HFTA |" not in text
    assert style.svg(figure, told, style.LIGHT)


def test_a_folder_without_hfta_is_named(tmp_path: Path) -> None:
    """A path without HFTA is named."""
    (peer,) = [peer for peer in protocol.on_cpu(tmp_path) if peer.name == "HFTA"]
    with pytest.raises(AbsentError, match="no HFTA in"):
        peer.start(TASK)


def test_every_torch_peer_has_its_graph_on_a_gpu() -> None:
    """Every torch peer is also timed under a CUDA graph; a CPU has none."""
    names = [peer.name for peer in protocol.on_cuda(None)]
    torches = [name for name in names if name.startswith((protocol.EAGER, "torch.func", "HFTA"))]
    bare = [name for name in torches if not name.endswith("CUDA graph")]
    assert sorted(torches) == sorted([*bare, *(f"{name}, CUDA graph" for name in bare)])
    assert names[0] == protocol.ENGINE
    assert names[-1] == protocol.AGAIN
    with pytest.raises(AbsentError, match="need a GPU"):
        Graphed(Sequential(TASK, 1))
    with pytest.raises(AbsentError, match="need a GPU"):
        engine.Played(TASK)


@pytest.mark.gpu
@pytest.mark.parametrize(
    "start", [partial(Sequential, threads=1), partial(Vmapped, threads=1, compiled=False)]
)
def test_a_graph_replays_the_step(start: Callable[[Task], Sequential]) -> None:
    """A recorded step does what the step does, from the weights as they were before recording."""
    task = Task(WIDTHS, 3, "cuda")
    recorded, plain = Graphed(start(task)), start(task)
    for trainer in (recorded, plain):
        trainer.train(10)
    for k, weights in plain.weights().items():
        torch.testing.assert_close(recorded.weights()[k], weights)


def test_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every size and K has its rows, the README its table, the figure its lines."""
    monkeypatch.setattr(tasks, "SIZES", {"tiny": WIDTHS, "small": (6, 5, 3)})
    monkeypatch.setattr(tasks, "NETWORKS", {"cpu": (1, 3)})
    entered = [
        peer for peer in protocol.on_cpu(None) if peer.name.startswith((protocol.EAGER, "engine"))
    ]
    monkeypatch.setattr(protocol, "on_cpu", lambda _: entered)
    lines: list[str] = []
    found = protocol.net_steps(torch.device("cpu"), repeats=2, seconds=0.005, say=lines.append)
    assert len(found["net_steps"]) == len(lines) == 2 * 2 * len(entered)
    assert all("x eager" in line for line in lines)
    assert set(found["limits"]) == {"tiny", "small"}
    assert set(found["limits"]["tiny"]["floors_ms"]) >= {"one sweep", "in place", "autograd"}
    text = speed.tables(json.loads(json.dumps(found)))
    assert text.count("| engine |") == text.count("| engine again |") == 2
    assert b"engine" in style.svg(figure, found, style.DARK)


def test_floors_are_those_of_the_traffic() -> None:
    """Passes over the weights at the rate that was measured; operations counted by hand."""
    task = Task(tasks.SIZES["mnist"], 1)
    assert task.weights == 784_000 + 2_000_000 + 10_000
    assert round(task.flop / 1e6, 1) == 152.0
    found = limits.of(Task(WIDTHS, 1), seconds=0.01)
    weights = 12 * 9 + 9 * 8 + 8 * 4
    for name, passes in {"one sweep": 3, "in place": 4, "autograd": 6}.items():
        ms = passes * 4 * weights / found["copied_gb_per_s"] / 1e6
        assert found["floors_ms"][name] == pytest.approx(ms)


def test_every_recipe_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each recipe has its images a second, and the README a row for it."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr(generator, "AT_ONCE", 20)
    images = generator.everything(repeats=2, seconds=0.001)
    for row in images.values():
        assert 0 < row["first_quartile"] <= row["images_per_second"] <= row["third_quartile"]
    about = machine.about(torch.device("cpu"))
    text = speed.tables({"machine": about, "net_steps": [], "images": images})
    assert all(f"| {recipe} |" in text for recipe in ("clean", "nistp", "p07"))


def test_a_whole_job_is_told_with_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps and evaluation of all stacks are on the clock, and leave a rest; the README says so."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr(job, "JOBS", {"cpu": {"tiny": job.Job(30, 20, 2, 2)}})
    monkeypatch.setattr(tasks, "SIZES", {"tiny": WIDTHS})
    said: list[str] = []
    (row,) = protocol.jobs(torch.device("cpu"), repeats=3, say=said.append)
    assert (row["size"], row["networks"], row["repeats"], len(said)) == ("tiny", 8, 3, 1)
    assert 0 < row["first_quartile"] <= row["ms_per_net_step"] <= row["third_quartile"]
    assert row["steps"] > 0.01
    assert row["evaluation"] > 0.01
    assert row["steps"] + row["evaluation"] < 1
    told = speed._jobs([row | {"ms_per_net_step": 0.5, "steps": 0.8, "evaluation": 0.06}])
    assert "| tiny size, K = 8, n = 3 | 0.500 [" in told
    assert told.endswith("| 80% | 6% | 14% |")


def test_the_clock_changes_no_training(tmp_path: Path) -> None:
    """Clocked or not, the same networks come out, and every epoch is on the clock."""
    setup = job._setup(tmp_path, job.Job(30, 20, 1, 2), WIDTHS)
    trials = setup.job().trials
    plain, tensors = setup.prepare(trials, torch.device("cpu"))
    clock, mine = job.Clocked(setup, tmp_path).prepare(trials, torch.device("cpu"))
    assert clock.criteria == plain.criteria
    cost_K = plain.train_epoch(tensors, trials, [1] * 4)
    assert torch.equal(clock.train_epoch(mine, trials, [1] * 4), cost_K)
    assert all(torch.equal(mine[name], tensors[name]) for name in tensors)
    before = dict(clock.seconds)
    clock.measure(mine, trials)
    assert clock.seconds["evaluation"] > before["evaluation"] == 0
    assert clock.seconds["steps"] == before["steps"] > 0
