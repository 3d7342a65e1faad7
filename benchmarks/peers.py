"""Contenders of the benchmark, the engine first and again last: their difference is noise."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import joblib

from benchmarks import engine
from benchmarks.other_peers import ByJax, ByNumpy
from benchmarks.task import Peer, Stepping, Task, Trainer
from benchmarks.torch_peers import Fused, Graphed, Sequential, Vmapped

ENGINE, AGAIN = "engine", "engine again"
EAGER = "sequential eager torch"  # prefix of the baselines' names


def on_cpu(hfta: Path | None) -> list[Peer]:
    """Return the contenders on a CPU, on all of its cores unless their name says otherwise."""
    cores = joblib.cpu_count()
    return [
        Peer(ENGINE, engine.start),
        Peer(f"{EAGER}, {cores} threads", partial(Sequential, threads=cores)),
        Peer(f"{EAGER}, 1 thread", partial(Sequential, threads=1)),
        Peer("torch.func, eager", partial(Vmapped, threads=cores, compiled=False)),
        Peer("torch.func, compiled", partial(Vmapped, threads=cores, compiled=True)),
        Peer("HFTA", partial(Fused, threads=cores, path=hfta)),
        Peer("JAX", ByJax),
        Peer("numpy", ByNumpy),
        Peer(AGAIN, engine.start),
    ]


def on_cuda(hfta: Path | None) -> list[Peer]:
    """Return the contenders on a GPU; those of torch also under CUDA graphs."""
    torches: dict[str, Callable[[Task], Stepping]] = {
        EAGER: partial(Sequential, threads=1),
        "torch.func, eager": partial(Vmapped, threads=1, compiled=False),
        "torch.func, compiled": partial(Vmapped, threads=1, compiled=True),
        "HFTA": partial(Fused, threads=1, path=hfta),
    }
    return [
        Peer(ENGINE, engine.start),
        Peer("engine, no graph", engine.Resident),
        *(Peer(name, start) for name, start in torches.items()),
        *(Peer(f"{name}, CUDA graph", partial(_graphed, one)) for name, one in torches.items()),
        Peer("JAX", ByJax),
        Peer(AGAIN, engine.start),
    ]


def _graphed(start: Callable[[Task], Stepping], task: Task) -> Trainer:
    return Graphed(start(task))
