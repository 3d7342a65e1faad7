"""Who is timed, the engine first and, to show what is noise, once again last."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import joblib

from benchmarks import by_hfta, by_jax, engine
from benchmarks.graphed import Graphed
from benchmarks.sequential import Sequential
from benchmarks.stepping import Stepping
from benchmarks.task import Peer, Task, Trainer
from benchmarks.vmapped import Vmapped

ENGINE, AGAIN = "engine", "engine again"
EAGER = "sequential eager torch"  # what names of the baselines begin with


def on_cpu(hfta: Path | None) -> list[Peer]:
    """Return everybody who runs on a CPU, with all of its cores where nothing else is said."""
    cores = joblib.cpu_count()
    return [
        Peer(ENGINE, engine.start),
        Peer(f"{EAGER}, {cores} threads", partial(Sequential, threads=cores)),
        Peer(f"{EAGER}, 1 thread", partial(Sequential, threads=1)),
        Peer("torch.func, eager", partial(Vmapped, threads=cores, compiled=False)),
        Peer("torch.func, compiled", partial(Vmapped, threads=cores, compiled=True)),
        Peer("HFTA", partial(by_hfta.Fused, threads=cores, path=hfta)),
        Peer("JAX", by_jax.ByJax),
        Peer("numpy", _by_numpy),
        Peer("scikit-learn, no penalty", _by_scikit, l1=0),
        Peer(AGAIN, engine.start),
    ]


def on_cuda(hfta: Path | None) -> list[Peer]:
    """Return everybody who runs on a GPU; who is torch's, under a CUDA graph as well."""
    torches: dict[str, Callable[[Task], Stepping]] = {
        EAGER: partial(Sequential, threads=1),
        "torch.func, eager": partial(Vmapped, threads=1, compiled=False),
        "torch.func, compiled": partial(Vmapped, threads=1, compiled=True),
        "HFTA": partial(by_hfta.Fused, threads=1, path=hfta),
    }
    return [
        Peer(ENGINE, engine.start),
        Peer("engine, no graph", engine.Resident),
        *(Peer(name, start) for name, start in torches.items()),
        *(Peer(f"{name}, CUDA graph", partial(_graphed, one)) for name, one in torches.items()),
        Peer("JAX", by_jax.ByJax),
        Peer(AGAIN, engine.start),
    ]


def _graphed(start: Callable[[Task], Stepping], task: Task) -> Trainer:
    return Graphed(start(task))


def _by_numpy(task: Task) -> Trainer:
    from benchmarks.by_numpy import ByNumpy

    return ByNumpy(task)


def _by_scikit(task: Task) -> Trainer:
    from benchmarks.by_scikit import ByScikit

    return ByScikit(task)
