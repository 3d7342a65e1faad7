"""Training on a Ray cluster of two nodes: the bytes of this machine, whatever is lost."""

import filecmp
import hashlib
import multiprocessing
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from pipeline.config.params import Activation, Finetune
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split
from pipeline.finetuning.grid_search import FinetuningSetup
from pipeline.finetuning.supervised import SupervisedObjective
from pipeline.networks import population
from pipeline.networks.population import Tensors
from pipeline.runtime import instructions
from pipeline.runtime.errors import Problem
from pipeline.training import loop, trained_networks
from pipeline.training.progress import ProgressBoard
from pipeline.training.state import TrainedNetwork, Trial
from pipeline.training.workers import Workers
from tests.test_trained_networks import assert_same_files, outputs, run, set_params

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
from ray.cluster_utils import Cluster  # noqa: E402

from pipeline.training import ray_runner  # noqa: E402

pytestmark = [
    pytest.mark.timeout(600),  # on a busy machine; a minute for all on an idle one
    pytest.mark.xdist_group("ray"),  # one cluster for all tests
]
CPU = torch.device("cpu")
UNIT = Activation(function="rectifier", l1=0.001, half_negated=True, reconstruction="softplus")
SEEDS, RATES, EPOCHS = 4, [0.1, 0.01], 12
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # nodes have no tests


@dataclass(frozen=True)
class Slow(FinetuningSetup):
    """Setup with slow epochs, a checkpoint after each, and a file of the epochs trained."""

    journal: str = ""

    def prepare(
        self, trials: list[Trial], device: torch.device
    ) -> tuple[SupervisedObjective, Tensors]:
        loop.CHECKPOINT_SECONDS = -1
        objective, tensors = super().prepare(trials, device)
        return SlowObjective(**vars(objective), journal=self.journal), tensors


@dataclass(frozen=True)
class SlowObjective(SupervisedObjective):
    """Objective that sleeps in each epoch."""

    journal: str = ""

    def train_epoch(
        self, tensors: Tensors, trials: list[Trial], epochs: Sequence[int]
    ) -> torch.Tensor:
        start = time.time()
        time.sleep(0.15)
        with Path(self.journal).open("a") as file:
            for trial in trials:
                file.write(f"{trial.seed}-{trial.learning_rate} {start} {time.time()}\n")
        return super().train_epoch(tensors, trials, epochs)


@dataclass(frozen=True)
class Deadly(FinetuningSetup):
    """Setup that kills its process, as the kernel does where the memory is full."""

    def prepare(
        self, trials: list[Trial], device: torch.device
    ) -> tuple[SupervisedObjective, Tensors]:
        os.kill(os.getpid(), 9)
        raise AssertionError


@contextmanager
def other_instructions() -> Iterator[None]:
    """Nodes that start meanwhile have other instructions of MKL in their environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MKL_CBWR", "COMPATIBLE")
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head without CPUs, where this process is, and two nodes with a CPU each."""
    with other_instructions():
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", cluster.address)
        yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(autouse=True)
def two_nodes(cluster: Cluster) -> None:
    """Nodes in the place of lost ones."""
    while len(cluster.worker_nodes) < 2:
        with other_instructions():
            cluster.add_node(num_cpus=1)


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """Files of random examples and starting networks, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNNER", "ray")
    draws, form = np.random.default_rng(0), Encoding((1, 20), ("a", "b", "c"), scale=1 / 255)
    for name, count in (("train", 200), ("valid", 100)):
        x_NI = draws.integers(0, 256, (count, 20), dtype=np.uint8)
        examples.write(Split(x_NI, draws.integers(3, size=count), form), Path(name))
    population.save(population.initialize("test", [20, 16, 3], range(SEEDS), UNIT), Path("start"))
    settings = Finetune(learning_rates=RATES, batch_size=10, epochs=EPOCHS, patience=5)
    files = (Path("train"), Path("valid"), Path("start"))
    return Slow("test", *files, settings, l1=(0.001,), journal=str(tmp_path / "journal"))


def train(setup: FinetuningSetup, store: str) -> None:
    Workers(CPU, Path("scratch", store), "test", Path(store)).train(setup.job())


def networks(store: str) -> list[TrainedNetwork]:
    files = [path for path in sorted(Path(store).glob("*")) if "." not in path.name]
    return [network for path in files if (network := TrainedNetwork.load(path))]


def epochs(setup: Slow) -> int:
    return len(Path(setup.journal).read_text("utf-8").splitlines())


def assert_bytes_of_this_machine(setup: Slow, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER", "local")
    with monkeypatch.context() as patch:
        patch.setattr("joblib.cpu_count", lambda: 1)
        train(FinetuningSetup(**{k: v for k, v in vars(setup).items() if k != "journal"}), "local")
    names = sorted(path.name for path in Path("local").iterdir())
    assert len(names) == SEEDS * len(RATES)
    assert sorted(path.name for path in Path(store).iterdir()) == names
    assert filecmp.cmpfiles("local", store, names, shallow=False) == (names, [], [])


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_half_way(setup: Slow) -> bool:
    return Path(setup.journal).exists() and epochs(setup) >= EPOCHS * SEEDS // 2


def lose_a_node(cluster: Cluster) -> None:
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)


def kill_a_process(cluster: Cluster) -> None:
    random.choice(training_processes()).kill()


def training_processes() -> list[psutil.Process]:
    titles = [(process, process.info["cmdline"]) for process in psutil.process_iter(["cmdline"])]
    return [process for process, title in titles if title and title[0].startswith("ray::_train")]


def test_the_bytes_of_this_machine(
    cluster: Cluster,
    setup: Slow,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two nodes train the networks of one machine; one line says where."""
    train(setup, "ray")
    assert caplog.messages == ["training on 2 CPUs on 2 nodes"]
    board = ProgressBoard(Path("scratch/ray/progress"), 2)
    assert board.rows[:, 1:].tolist() == [[0, EPOCHS * 4]] * 2
    assert_bytes_of_this_machine(setup, "ray", monkeypatch)


def test_nodes_choose_the_instructions_of_commands(cluster: Cluster) -> None:
    """Libraries of a task use the common instructions, whatever its node was started with."""
    ray_runner.RayRunner(None)
    variables = ray.get(ray.remote(lambda: dict(os.environ)).remote())
    assert variables.items() >= instructions.common().items()


def test_checkpoints_in_a_shared_folder(
    cluster: Cluster, setup: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes; the folder is empty in the end."""
    monkeypatch.setenv("CHECKPOINTS", "shared")
    train(setup, "ray")
    assert list(Path("shared").iterdir()) == []
    assert_bytes_of_this_machine(setup, "ray", monkeypatch)


@pytest.mark.parametrize(("lose", "shared"), [(lose_a_node, None), (kill_a_process, "shared")])
def test_losses_cost_little(
    cluster: Cluster,
    setup: Slow,
    monkeypatch: pytest.MonkeyPatch,
    lose: Callable[[Cluster], None],
    shared: str | None,
) -> None:
    """A node or a process lost half-way: the same bytes, and few epochs are trained again."""
    if shared:
        monkeypatch.setenv("CHECKPOINTS", shared)
    with ThreadPoolExecutor() as threads:
        training = threads.submit(train, setup, "ray")
        wait_for(lambda: training.done() or is_half_way(setup))
        lose(cluster)
        training.result()
    again = epochs(setup) - sum(network.history.epochs for network in networks("ray"))
    assert again <= 2 * 4
    assert_bytes_of_this_machine(setup, "ray", monkeypatch)


def test_the_same_command_goes_on_after_the_loss_of_the_main_process(
    cluster: Cluster, setup: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed and started again, the command trains only what was not trained."""
    main = multiprocessing.get_context("spawn").Process(target=train, args=(setup, "ray"))
    main.start()
    wait_for(lambda: is_half_way(setup))
    main.kill()
    main.join()
    wait_for(lambda: not training_processes())
    train(setup, "ray")
    again = epochs(setup) - sum(network.history.epochs for network in networks("ray"))
    assert again <= 2 * SEEDS * len(RATES)
    assert_bytes_of_this_machine(setup, "ray", monkeypatch)


def test_the_same_command_goes_on_after_the_loss_of_the_cluster(
    cluster: Cluster, setup: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head and all nodes are killed: the command fails, and goes on with a new cluster."""
    lost = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        lost.add_node(num_cpus=1)
    main = multiprocessing.get_context("spawn").Process(target=train, args=(setup, "ray"))
    with monkeypatch.context() as patch:
        patch.setenv("RAY_ADDRESS", lost.address)
        patch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")  # a minute by default
        main.start()
    wait_for(lambda: is_half_way(setup))
    for node in (lost.head_node, *lost.worker_nodes):
        lost.remove_node(node, allow_graceful=False)
    main.join(300)
    assert main.exitcode  # neither None nor 0
    train(setup, "ray")
    again = epochs(setup) - sum(network.history.epochs for network in networks("ray"))
    assert 0 <= again <= 2 * SEEDS * len(RATES)
    assert_bytes_of_this_machine(setup, "ray", monkeypatch)


@pytest.mark.parametrize("name", ["torch", "kernels", "code of training"])
def test_nodes_that_would_train_other_bytes_are_refused(
    cluster: Cluster, setup: Slow, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The error names the node and the difference."""
    here = ray_runner.environment(CPU) | {name: "another"}
    monkeypatch.setattr(ray_runner, "environment", lambda device: here)
    with pytest.raises(Problem, match=rf"^node \S+ has {name} .* has another, so"):
        train(setup, "ray")


def test_a_process_killed_again_and_again_is_a_problem(
    cluster: Cluster, setup: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names memory, the usual reason."""
    monkeypatch.setattr(ray_runner, "ATTEMPTS", 2)
    deadly = Deadly(**{k: v for k, v in vars(setup).items() if k != "journal"})
    with pytest.raises(Problem, match=r"was killed 2 times .* out of memory"):
        train(deadly, "ray")


def test_inputs_come_from_the_object_store(
    cluster: Cluster, setup: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node whose path has other content gets a copy, once."""
    content = setup.train.read_bytes()
    name = hashlib.sha256(content).hexdigest()
    if not ray.is_initialized():
        ray.init()
    main = ray.remote(ray_runner.MainMachine).remote(ProgressBoard(Path("board"), 1, create=True))
    arguments = (setup.train.absolute(), name, main, Path.cwd())
    assert ray_runner._input(*arguments) == setup.train.absolute()
    monkeypatch.setattr("pipeline.runtime.storage.digest", lambda path: "another")
    copy = ray_runner._input(*arguments)
    assert copy == Path.cwd() / "inputs" / name
    assert copy.read_bytes() == content
    ray.kill(main)
    assert ray_runner._input(*arguments) == copy


def test_an_arm_of_digits(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stages of an arm, pre-training included, write the same files on both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    set_params(seeds=2)
    for stage in ("download", "preprocess"):
        import_module(f"stages.{stage}").main("digits")
    run()
    one = outputs("one")
    shutil.rmtree(trained_networks.FOLDER)
    monkeypatch.setenv("RUNNER", "ray")
    run()
    assert_same_files(one, outputs("cluster"))


@pytest.mark.slow
def test_arms_side_by_side(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `train` the stages of an arm train nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNNER", "ray")
    set_params(seeds=1, activations=["rectifier"])
    for stage in ("download", "preprocess"):
        import_module(f"stages.{stage}").main("digits")
    import_module("stages.train").main("digits", jobs=2)
    trained = outputs("trained")
    monkeypatch.setattr("pipeline.training.runners.choose", pytest.fail)
    run()
    assert_same_files(trained, outputs("again"))


@pytest.mark.slow
def test_nodes_are_busy(cluster: Cluster, setup: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the first and the last of 40 tasks, two nodes wait for a tenth of the time."""
    monkeypatch.setattr("pipeline.training.workers.CACHE_BYTES", 1)
    population.save(population.initialize("test", [20, 16, 3], range(20), UNIT), setup.start)
    train(setup, "ray")
    assert len(networks("ray")) == 40
    spans: dict[str, list[float]] = {}
    for line in Path(setup.journal).read_text("utf-8").splitlines():
        name, *times = line.split()
        spans.setdefault(name, []).extend(map(float, times))
    busy = sum(max(times) - min(times) for times in spans.values())
    whole = max(map(max, spans.values())) - min(map(min, spans.values()))
    assert 1 - busy / (2 * whole) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize("share", [*range(10)])
def test_a_node_lost_ten_times(
    cluster: Cluster, setup: Slow, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    """A node is lost at a random moment of each tenth of the training: the same bytes."""
    moment = random.Random(share).uniform(share, share + 1) / 10 * EPOCHS * SEEDS * len(RATES)
    Path(setup.journal).touch()
    with ThreadPoolExecutor() as threads:
        training = threads.submit(train, setup, "ray")
        wait_for(lambda: training.done() or epochs(setup) >= moment)
        lose_a_node(cluster)
        training.result()
    assert_bytes_of_this_machine(setup, "ray", monkeypatch)
