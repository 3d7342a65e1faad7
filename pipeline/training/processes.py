"""Worker processes of this machine, which train networks for the main process."""

import importlib
import warnings
from pathlib import Path
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # of a process
# A process without work ends after this time. It waits longer than loky's default for the last
# networks of a layer: the next layer would start processes, which import torch, again.
IDLE_SECONDS = 300


def executor(processes: int) -> Any:
    """Return the executor of so many other processes; running ones of this folder are reused.

    A process resolves the relative paths of its tasks in the folder in which it was started, so
    that folder is part of the settings by which loky compares executors.
    """
    # loky replaces a process whose memory has grown by 300 MB, as by the data of a large dataset,
    # and warns of it as of a memory leak; tasks are not lost.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
    settings = ONE_THREAD | {"PWD": str(Path.cwd())}
    return get_reusable_executor(processes, timeout=IDLE_SECONDS, env=settings)


def start_early(networks: int) -> None:
    """Start the processes that will train so many networks, before this process imports torch.

    Each takes seconds to import it: all processes import at the same time then.
    """
    others = min(joblib.cpu_count(), networks) - 1
    for _ in range(others):
        executor(others).submit(importlib.import_module, "pipeline.training.task")
