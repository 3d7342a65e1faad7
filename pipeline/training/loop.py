"""Training loop of a population: epochs, early stopping, checkpoints, out-of-memory recovery."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from pipeline.networks.population import Tensors
from pipeline.runtime import device as devices
from pipeline.runtime.errors import Problem
from pipeline.training.state import CPU, History, Objective, TrainingState, Trial

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 5.0  # between checkpoints; a kill also loses the present epoch
QUICK_SECONDS = 0.5  # checkpoints that take longer are proportionally rarer


Report = Callable[[int, int, int], None]  # largest epoch, live networks, epochs done by all


def train(
    objective: Objective,
    tensors: Tensors,
    trials: list[Trial],
    *,
    epochs: int,
    patience: int,
    files: Sequence[Path],
    report: Report,
    device: torch.device = CPU,
) -> tuple[Tensors, list[History]]:
    """Train K networks until all have stopped; return them at their best epochs, with histories.

    A network stops `patience` epochs after its best one, after `epochs`, or when a cost is not
    finite: it has diverged, and the others go on. Stopped networks leave the population. The same
    arguments continue from `files`, one per network, and end with the same bits as an uninterrupted
    training, whichever networks share a population then.

    The given and the returned tensors are on the CPU. If the device's memory does not hold all
    networks at once, some wait until others have stopped: no result depends on it.

    Raises Problem if the memory does not hold a single network.
    """
    room, state = len(trials), TrainingState.start(files, tensors, device)
    saved, took = time.monotonic(), 0.0
    while state.unfinished:
        networks = min(room, len(state.unfinished))
        if not _train_epoch(
            state, objective, trials, room=room, device=device, epochs=epochs, patience=patience
        ):
            del state  # frees the memory
            torch.cuda.empty_cache()
            room, state = _less_room(networks), TrainingState.start(files, tensors, device)
            continue
        now = time.monotonic()
        due = now - saved > CHECKPOINT_SECONDS * max(1, took / QUICK_SECONDS)
        if is_saved := due or not state.unfinished:
            state.save(files)
        report(state.epoch, len(state.live), state.epochs_done(epochs))
        if is_saved:  # the report may have sent the files to another machine
            saved = time.monotonic()
            took = saved - now
    return state.best, state.histories


def _train_epoch(
    state: TrainingState,
    objective: Objective,
    trials: list[Trial],
    *,
    room: int,
    device: torch.device,
    epochs: int,
    patience: int,
) -> bool:
    """Train at most `room` networks by an epoch, and remove the stopped ones.

    Returns False if the GPU's memory did not hold them. The caller frees memory then, after the
    error is gone: its traceback holds tensors.
    """
    try:
        state.admit(room, device)
        state.train_epoch(objective, trials)
        state.release(epochs, patience)
    except RuntimeError as error:
        if not devices.is_out_of_memory(error):
            raise
        return False
    return True


def _less_room(networks: int) -> int:
    """Return the number of networks to train at once after `networks` were too many; warn."""
    if networks < 2:
        raise Problem(
            "the GPU's memory does not hold a single network with its data: free GPU memory, or"
            " train on the CPU with DEVICE=cpu"
        )
    log.warning(
        "warning: %d networks are too many for the GPU's memory: %d are now trained at once, the"
        " others start when some have stopped", networks, networks // 2,
    )  # fmt: skip
    return networks // 2
