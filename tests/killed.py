"""Kills of a training, for tests that resume it."""

from collections.abc import Callable

import pytest

from pipeline.training.state import TrainingState


class Killed(BaseException):
    """Stands for a kill: nothing in the library catches it."""


def count_epochs(patch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that collects the number of networks of each epoch from now on."""
    epochs: list[int] = []
    train_epoch = TrainingState.train_epoch

    def counted(self, *args):  # type: ignore[no-untyped-def]
        epochs.append(len(self.live))
        train_epoch(self, *args)

    patch.setattr(TrainingState, "train_epoch", counted)
    return epochs


def kill_after_checkpoint(patch: pytest.MonkeyPatch, condition: Callable[[], bool]) -> None:
    """Kill a training after each checkpoint at which a condition holds."""
    save = TrainingState.save

    def dying(self, files):  # type: ignore[no-untyped-def]
        save(self, files)
        if condition():
            raise Killed

    patch.setattr(TrainingState, "save", dying)
