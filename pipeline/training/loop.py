"""The training loop of a stack: epochs, early stopping, room for the next, checkpoint, resume.

What is trained (a supervised network, an auto-encoder) is a Task; this loop only knows that each
network has tensors, a criterion on the validation split, and curves.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pipeline.networks.population import Tensors
from pipeline.runtime import device as devices
from pipeline.runtime.errors import Problem
from pipeline.training.state import CPU, History, Objective, TrainingState, Trial

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 5.0  # at most this much work, or one epoch, is lost to a kill
QUICK_SECONDS = 0.5  # a checkpoint that takes longer, of hundreds of networks, is as much rarer


Report = Callable[[int, int, int], None]  # epoch, networks still training, epochs done in all


def train(
    task: Objective,
    tensors: Tensors,
    stack: list[Trial],
    *,
    epochs: int,
    patience: int,
    checkpoint: Path,
    report: Report,
    device: torch.device = CPU,
) -> tuple[Tensors, list[History]]:
    """Train K networks until each has stopped; return those of the best epochs, and the results.

    A network stops `patience` epochs after its best one, at `epochs`, or at once where a cost is
    not finite: it has diverged, and the others go on. Stopped networks leave the stack. The same
    arguments continue from `checkpoint`, and end with the same bits as an uninterrupted run.

    `tensors` are on the CPU, and so is what comes back. Where the device's memory does not hold all
    networks at once, the others wait for the room of those that stop: no result depends on it.

    Raises Problem where there is no room for a single one.
    """
    room, run = len(stack), TrainingState.start(checkpoint, tensors, device)
    saved, took = time.monotonic(), 0.0
    while run.unfinished:
        networks = min(room, len(run.unfinished))
        if not _trained(
            run, task, stack, room=room, device=device, epochs=epochs, patience=patience
        ):
            del run  # what fills the memory
            torch.cuda.empty_cache()
            room, run = _less_room(networks), TrainingState.start(checkpoint, tensors, device)
            continue
        now = time.monotonic()
        if not run.unfinished or now - saved > CHECKPOINT_SECONDS * max(1, took / QUICK_SECONDS):
            run.save(checkpoint)
            saved = time.monotonic()
            took = saved - now
        report(run.epoch, len(run.live), run.epochs_done(epochs))
    return run.best, run.results


def _trained(
    run: TrainingState,
    task: Objective,
    stack: list[Trial],
    *,
    room: int,
    device: torch.device,
    epochs: int,
    patience: int,
) -> bool:
    """Train those that there is room for by an epoch, and let those that have stopped leave.

    Returns whether the GPU's memory held it. Where it did not, the caller frees memory: only when
    the error is gone do the calls on its traceback let go of theirs.
    """
    try:
        run.admit(room, device)
        run.train_epoch(task, stack)
        run.release(epochs, patience)
    except RuntimeError as error:
        if not devices.is_out_of_memory(error):
            raise
        return False
    return True


def _less_room(networks: int) -> int:
    """Return how many networks may train at once, after so many were too many; say so."""
    if networks < 2:
        raise Problem(
            "the GPU's memory does not hold a single network with its data: free some, or train on"
            " the CPU with DEVICE=cpu"
        )
    log.warning(
        "warning: %d networks are too many for the GPU's memory: %d train at once from here on, the"
        " others wait until some have stopped", networks, networks // 2,
    )  # fmt: skip
    return networks // 2


def best(checkpoint: Path) -> Tensors:
    """Return the networks at their best epochs, in order, from where `train` left them."""
    run = TrainingState.resume(checkpoint)
    if run is None or run.waiting:
        raise Problem(
            f"{checkpoint} is not that of a finished training: run the same command again"
        )
    return run.best
