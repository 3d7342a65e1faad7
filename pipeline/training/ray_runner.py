"""Runner on a Ray cluster: a task on each free CPU core or GPU of any node.

Nodes need Python and the pinned packages, but neither this repository, whose code is sent to them,
nor a shared disk: an input file is sent once to each node where its path has other content.
Checkpoints and trained networks are copied to the machine of this process as they are made. So
after the loss of a node its tasks start again on other nodes, and after the loss of this process
the same command goes on, both from the last checkpoint.
"""

import contextlib
import logging
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
import torch
from filelock import FileLock
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipeline.networks.arithmetic import running
from pipeline.runtime import device as devices
from pipeline.runtime import instructions, storage
from pipeline.runtime.errors import Problem
from pipeline.training import trained_networks
from pipeline.training.progress import ProgressBoard
from pipeline.training.state import History
from pipeline.training.task import Task

log = logging.getLogger(__name__)

ATTEMPTS = 10  # of a task whose process is killed; the loss of a node is not counted
CODE = Path(__file__).parents[1]  # the package `pipeline`


class RayRunner:
    """The cluster of RAY_ADDRESS, else the one that runs on this machine, else a new one."""

    def __init__(self, shared: Path | None) -> None:
        """Connect; `shared` is a folder for checkpoints that all nodes have at this path.

        Raises Problem if no cluster answers.
        """
        self.shared = shared
        if not ray.is_initialized():
            _connect()

    def slots(self, device: torch.device) -> int:
        """Return the CPU cores or GPUs of the cluster. Raises Problem if it has none."""
        kind = _kind(device)
        if count := int(ray.cluster_resources().get(kind, 0)):
            return count
        raise Problem(f"the Ray cluster has no {kind}: add a node that has one")

    def run(self, tasks: Sequence[Task], board: ProgressBoard) -> list[list[History]]:
        """Run tasks, again where a node or process is lost. Raises Problem where that recurs."""
        tasks, device = [_with_absolute_paths(task) for task in tasks], tasks[0].device
        files = {path for task in tasks for path in _inputs(task).values()}
        hashes = {path: storage.digest(path) for path in files}
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        main = ray.remote(MainMachine).options(
            num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
        ).remote(board)  # fmt: skip
        shared = ray.put((main, hashes, environment(device), self.shared))
        resource = {f"num_{_kind(device).lower()}s": 1}
        train = ray.remote(_train).options(max_retries=0, **resource)
        running = {train.remote(task, row, shared): row for row, task in enumerate(tasks)}
        done: dict[int, list[History]] = {}
        killed = [0] * len(tasks)
        try:
            while running:
                ended = ray.wait(list(running))[0][0]
                row = running.pop(ended)
                try:
                    done[row] = ray.get(ended)
                except exceptions.RayError as error:
                    killed[row] += not isinstance(error, exceptions.NodeDiedError)
                    _raise_unless_lost(error, killed[row])
                    running[train.remote(tasks[row], row, shared)] = row
        finally:
            for task_left in running:
                ray.cancel(task_left, force=True)
        return [done[row] for row in range(len(tasks))]


def _connect() -> None:
    """Connect to the cluster, send it the code, and print in one line how large it is."""
    try:
        ray.init(
            runtime_env={"py_modules": [str(CODE)], "env_vars": instructions.common()},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ImportError, RuntimeError, ValueError) as error:
        raise Problem(
            f"no Ray cluster answers at RAY_ADDRESS ({error}): start one with `ray start --head`"
        ) from error
    nodes = [
        node["Resources"] for node in ray.nodes() if node["Alive"] and "CPU" in node["Resources"]
    ]
    totals = {kind: sum(node.get(kind, 0) for node in nodes) for kind in ("CPU", "GPU")}
    counts = [_count(total, kind) for kind, total in totals.items() if total]
    log.warning(
        "training on %s on %s", " and ".join(counts) or "no CPU", _count(len(nodes), "node")
    )


def _count(number: float, noun: str) -> str:
    return f"{number:.0f} {noun}{'' if number == 1 else 's'}"


def _kind(device: torch.device) -> str:
    return "CPU" if device.type == "cpu" else "GPU"


def _raise_unless_lost(error: exceptions.RayError, killed: int) -> None:
    """Raise a task's own exception, and Problem if its process was killed too often."""
    cause = getattr(error, "cause", error)
    if not isinstance(cause, exceptions.RayError):
        raise cause from error
    line = str(cause).strip().partition(". ")[0]
    if killed >= ATTEMPTS:
        raise Problem(
            f"a training process was killed {killed} times ({line}), perhaps out of memory:"
            " use nodes with more memory, and run the same command again"
        ) from error
    log.warning("a task is started again from its last checkpoint: %s", line)


def _inputs(task: Task) -> dict[str, Path]:
    """Return the input files of a task by the name of the attribute of its setup."""
    return {name: path for name, path in vars(task.setup).items() if isinstance(path, Path)}


def _with_inputs(task: Task, inputs: dict[str, Path]) -> Task:
    return replace(task, setup=replace(task.setup, **inputs))  # type: ignore[type-var]


def _with_absolute_paths(task: Task) -> Task:
    inputs = {name: path.absolute() for name, path in _inputs(task).items()}
    return replace(_with_inputs(task, inputs), files=[path.absolute() for path in task.files])


class MainMachine:
    """Actor on the machine of the main process: reads and writes files there for the workers."""

    def __init__(self, board: ProgressBoard) -> None:
        """Open the progress board."""
        self.board = board
        self.inputs: dict[Path, Any] = {}

    def report(self, row: int, epoch: int, live: int, done: int) -> None:
        """Set a row of the progress board."""
        self.board.write(row, epoch, live, done)

    def load(self, paths: list[Path]) -> dict[Path, bytes]:
        """Return the contents of the files that exist."""
        return {path: path.read_bytes() for path in paths if path.exists()}

    def save(self, contents: dict[Path, bytes]) -> None:
        """Write files."""
        for path, content in contents.items():
            storage.write_bytes(path, content)

    def input(self, path: Path) -> list[Any]:
        """Return a reference, in a list, to an input file in the object store."""
        if path not in self.inputs:
            self.inputs[path] = ray.put(path.read_bytes())
        return [self.inputs[path]]


@dataclass
class Copies:
    """Copies on this node of the files of networks, by their paths on the main machine."""

    main: Any
    here: dict[Path, Path]
    sent: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def fetch(self) -> None:
        """Fetch the checkpoints that this node lacks."""
        missing = [path for path, copy in self.here.items() if not copy.exists()]
        for path, content in _result(self.main.load.remote(missing)).items():
            storage.write_bytes(self.here[path], content)

    def send(self) -> None:
        """Send the files that have changed since the last call."""
        stats = {path: copy.stat() for path, copy in self.here.items() if copy.exists()}
        states = {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in stats.items()}
        changed = [path for path, state in states.items() if self.sent.get(path) != state]
        if changed:
            contents = {path: self.here[path].read_bytes() for path in changed}
            _result(self.main.save.remote(contents))
            self.sent |= states


def _train(
    task: Task, row: int, common: tuple[Any, dict[Path, str], dict[str, str], Path | None]
) -> list[History]:
    """Run a task on a node; send its networks to the main machine."""
    main, hashes, expected, shared = common
    _check(expected, environment(task.device))
    context = ray.get_runtime_context()
    session = Path(context.get_temp_dir(), context.get_session_name())
    with contextlib.ExitStack() as stack:
        folder = shared or Path(stack.enter_context(tempfile.TemporaryDirectory(dir=session)))
        copies = Copies(main, {path: folder / path.name for path in task.files})
        copies.fetch()

        def report(epoch: int, live: int, done: int) -> None:
            main.report.remote(row, epoch, live, done)
            if not shared:
                copies.send()

        inputs = {
            name: _input(path, hashes[path], main, session) for name, path in _inputs(task).items()
        }
        placed = replace(_with_inputs(task, inputs), files=[*copies.here.values()])
        histories = placed.run(report)
        copies.send()
        for copy in placed.files:
            copy.unlink()
    return histories


def _input(path: Path, sha256: str, main: Any, session: Path) -> Path:
    """Return a file of this node with the content of an input: at the same path, or a copy."""
    if path.is_file() and storage.digest(path) == sha256:
        return path
    copy = session / "inputs" / sha256
    copy.parent.mkdir(exist_ok=True)
    with FileLock(copy.with_suffix(".lock")):
        if not copy.is_file():
            storage.write_bytes(copy, _result(_result(main.input.remote(path))[0]))
    return copy


def _result(reference: Any) -> Any:
    """Return the result of a remote call; `ray.get` would give the core to another task."""
    return reference.future().result()


def environment(device: torch.device) -> dict[str, str]:
    """Return the versions and kernels that a network's bytes depend on, on this machine."""
    compiled = running.compiled_kernels()
    return {
        "torch": torch.__version__,
        "kernels": "compiled" if compiled else "none",
        "device": devices.describe(device),
        "code of training": trained_networks.code(),
    }


def _check(expected: dict[str, str], found: dict[str, str]) -> None:
    """Raise Problem if this node would train other bytes than the main machine."""
    for name, value in found.items():
        if value != expected[name]:
            raise Problem(
                f"node {socket.gethostname()} has {name} {value}, but the main machine has"
                f" {expected[name]}, so networks would differ: remove the node, or install the same"
            )
