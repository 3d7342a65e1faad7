"""Kill of a process at a random moment of its writing of a file; Python loads it at its start.

`KILL_IN=rwlock:3:0.002` ends the process within 2 ms after it opens a file of this name for
writing for the third time. The processes that it starts live on.
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


if NAME:
    count = [int(REST.split(":")[0])]
    sys.addaudithook(lambda event, arguments: watch(event, arguments, count))
