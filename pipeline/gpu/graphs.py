"""A step that is recorded once and played again: one launch in the place of dozens.

What a step costs on a GPU is, for few or small networks, mostly the launching of its kernels from
Python. A CUDA graph holds them all, with their addresses: so inputs are copied to a place of their
own first, and everything else that the step reads or writes has to stay where it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

Step = Callable[..., None]  # from tensors, each of one shape at all times; writes in place


class Recording(Protocol):
    """What has been recorded."""

    def replay(self) -> None:
        """Do again what was recorded, with what lies now at the same addresses."""
        ...


def record(act: Callable[[], None]) -> Recording:
    """Return the kernels that an act launches, as a CUDA graph. None of them runs."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        act()
    return graph


@dataclass
class Recorded:
    """A step that runs as it is the first time, is recorded the second, and then played.

    The first time compiles kernels and lets libraries set themselves up, which cannot be recorded.
    """

    step: Step
    record: Callable[[Callable[[], None]], Recording] = record
    places: list[Tensor] = field(default_factory=list)
    recording: Recording | None = None

    def __call__(self, *inputs: Tensor) -> None:
        """Take the step."""
        if not self.places:
            self.places = [given.clone() for given in inputs]
            self.step(*self.places)
            return
        for place, given in zip(self.places, inputs, strict=True):
            place.copy_(given)
        if self.recording is None:
            self.recording = self.record(lambda: self.step(*self.places))
        self.recording.replay()


def recorded(step: Step, device: torch.device, *, steady: bool) -> Step:
    """Return what takes a step in the fastest way: recorded, on a GPU and where it is `steady`.

    A steady step launches the same kernels on tensors of the same shapes each time, and the CPU
    waits for none of them.
    """
    return Recorded(step) if steady and device.type == "cuda" else step
