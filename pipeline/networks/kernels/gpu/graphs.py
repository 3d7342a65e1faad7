"""Steps that are recorded once and played again: one launch in the place of hundreds.

What a step costs on a GPU is, for few or small networks, mostly the launching of its kernels from
Python. A CUDA graph holds those of several steps, with their addresses: so inputs are copied to a
place of their own first, and everything else that steps read or write has to stay where it is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from math import isqrt
from typing import Protocol

import torch
from torch import Tensor

Step = Callable[..., None]  # from tensors, each of one shape at all times; writes in place
Inputs = tuple[Tensor, ...]  # of a step


class Recording(Protocol):
    """What has been recorded."""

    def replay(self) -> None:
        """Do again what was recorded, with what lies now at the same addresses."""
        ...


def record(act: Callable[[], None]) -> Recording:
    """Return the kernels that an act launches, as a CUDA graph. None of them runs."""
    graph = torch.cuda.CUDAGraph()
    # Where a recording ends in an error, torch.cuda.graph leaves its own stream the current one.
    with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph):
        act()
    return graph


@dataclass
class Recorded:
    """Steps that are recorded, `many` together, and then played.

    The first one runs as it is: it compiles kernels and lets libraries set themselves up, which
    cannot be recorded. So do those at the end that are fewer than `many`.
    """

    step: Step
    many: int = 1
    record: Callable[[Callable[[], None]], Recording] = record
    begun: bool = False
    places: list[Tensor] = field(default_factory=list)  # of the inputs, each of `many` steps
    recording: Recording | None = None

    def take(self, inputs: Iterable[Inputs]) -> None:
        """Take a step on each of the inputs, in order."""
        each = iter(inputs)
        if not self.begun:
            self._run(islice(each, 1))
            self.begun = True
        while group := list(islice(each, self.many)):
            if len(group) == self.many:
                self._play(group)
            else:
                self._run(group)

    def _run(self, inputs: Iterable[Inputs]) -> None:
        for given in inputs:
            self.step(*given)

    def _play(self, group: list[Inputs]) -> None:
        parts = zip(*group, strict=True)
        if self.recording is None:
            self.places = [torch.stack(part) for part in parts]
            self.recording = self.record(lambda: self._run(zip(*self.places, strict=True)))
        else:
            for place, part in zip(self.places, parts, strict=True):
                torch.stack(part, out=place)
        self.recording.replay()


def together(steps: int) -> int:
    """Return how many steps of an epoch are recorded together.

    Many share a launch, but each is recorded, in every epoch: both grow as the root of the steps.

    >>> [together(steps) for steps in (100, 5000, 60_000)]
    [1, 7, 24]
    """
    return max(1, isqrt(steps) // 10)


def take(
    step: Step, inputs: Iterable[Inputs], device: torch.device, *, steps: int, steady: bool
) -> None:
    """Take an epoch's `steps` in the fastest way: recorded, on a GPU and where they are `steady`.

    A steady step launches the same kernels on tensors of the same shapes each time, and the CPU
    waits for none of them.
    """
    if steady and device.type == "cuda":
        Recorded(step, together(steps)).take(inputs)
        return
    for given in inputs:
        step(*given)
