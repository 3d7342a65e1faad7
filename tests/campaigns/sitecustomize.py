"""Changes of a process that environment variables choose; Python loads this file at its start.

`KILL_IN=rwlock:3:0.002` ends the process within 2 ms after it opens a file of this name for
writing for the third time. The processes that it starts live on.

`CORES=4` and `LANES=8` imitate a machine with that many cores, and with that many floats in a
vector register; the processes that it starts do the same.
"""

import os
import random
import signal
import sys
from typing import Any

NAME, _, REST = os.environ.pop("KILL_IN", "").partition(":")


def watch(event: str, arguments: tuple[Any, ...], left: list[int]) -> None:
    """Count the openings; at the last one, set the kernel's timer, whose signal ends Python."""
    if event == "open" and "w" in str(arguments[1]) and f"/{arguments[0]}".endswith(f"/{NAME}"):
        left[0] -= 1
        if left[0] == 0:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, float(REST.split(":")[1])))


def imitate(cores: str, lanes: str) -> None:
    """Make this process see that many cores and floats of a register, where given."""
    if cores:
        os.cpu_count = lambda: int(cores)
        os.sched_getaffinity = lambda _: set(range(int(cores)))
    if lanes:
        from pipeline.networks.arithmetic import compiler

        compiler.host_lanes = lambda: int(lanes)


if NAME:
    count = [int(REST.split(":")[0])]
    sys.addaudithook(lambda event, arguments: watch(event, arguments, count))
imitate(os.environ.get("CORES", ""), os.environ.get("LANES", ""))
