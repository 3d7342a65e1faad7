"""Team of threads that computes the steps of one network together.

OpenMP provides the threads and their barriers: the library that torch has loaded. Where it has no
`GOMP_parallel`, as on Windows, a process stays at one thread.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

FUNCTIONS = ("omp_get_thread_num", "omp_get_num_threads", "GOMP_barrier")  # called by a member
# With fewer weights for each thread, a team gains nothing: a thread reads in one pass what another
# one has written in the pass before, from the cache of another core.
THREAD_FLOATS = 1 << 19
_threads = 1  # of this process


def use(threads: int) -> None:
    """Let this process compute each network by so many threads, where the network is large."""
    global _threads
    _threads = threads


def size(floats: int) -> int:
    """Return the number of threads for a network with so many weights: at least 1."""
    wanted = max(1, min(_threads, floats // THREAD_FLOATS))
    return wanted if wanted > 1 and available() else 1


def available() -> bool:
    """Return whether this process can have a team of threads."""
    return _library() is not None


def prepare(threads: int) -> None:
    """Let the threads of a team flush denormal numbers to 0 exactly if this thread does.

    Each thread has its own setting. OpenMP keeps its threads: those of an earlier team may have
    been started under another one.
    """
    smallest = torch.finfo(torch.float32).tiny
    flushes = bool(torch.tensor(smallest) * torch.tensor(0.5) == 0)
    in_thread = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    run(in_thread(lambda _: torch.set_flush_denormal(flushes)), 0, threads)


def addresses() -> list[int]:
    """Return the addresses of `FUNCTIONS`, for compiled code of a team's member."""
    library = _library()
    assert library is not None
    return [_address(getattr(library, name)) for name in FUNCTIONS]


def run(function: Callable[..., None], argument: int, threads: int) -> None:
    """Call a compiled function of one address in each thread of a team, and wait for all."""
    library = _library()
    assert library is not None
    library.GOMP_parallel(function, ctypes.c_void_p(argument), threads, 0)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@cache
def _library() -> ctypes.CDLL | None:
    """Return the OpenMP library of this process, None if it lacks GNU's interface."""
    from threadpoolctl import threadpool_info

    for library in threadpool_info():
        if library["user_api"] == "openmp":
            loaded = ctypes.CDLL(library["filepath"])
            if all(hasattr(loaded, name) for name in ("GOMP_parallel", *FUNCTIONS)):
                return loaded
    return None
