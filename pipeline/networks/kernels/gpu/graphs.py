"""CUDA graphs of SGD steps: recorded once, replayed by one launch in place of hundreds.

For few or small networks, most of a step's time on a GPU is the launching of its kernels from
Python. A CUDA graph holds the kernels of several steps with fixed addresses: inputs are copied into
static buffers first, and all other tensors of a step have to keep their memory.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from math import isqrt
from typing import Protocol

import torch
from torch import Tensor

StepFunction = Callable[..., None]  # takes tensors of constant shapes; writes in place
StepInputs = tuple[Tensor, ...]


class Recording(Protocol):
    """A recorded graph."""

    def replay(self) -> None:
        """Run the recorded kernels again, on the present contents of the same addresses."""
        ...


def record(act: Callable[[], None]) -> Recording:
    """Return the kernels that `act` launches as a CUDA graph, without running them."""
    graph = torch.cuda.CUDAGraph()
    # After an error, torch.cuda.graph leaves its own stream as the current one.
    with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph):
        act()
    return graph


@dataclass
class RecordedSteps:
    """Steps that are recorded in groups of `many`, and then replayed.

    The first step runs eagerly: compiling kernels and setting up libraries cannot be recorded. The
    last steps run eagerly too if they are fewer than `many`.
    """

    step: StepFunction
    many: int = 1
    record: Callable[[Callable[[], None]], Recording] = record
    begun: bool = False
    buffers: list[Tensor] = field(default_factory=list)  # inputs [many, ...] of a group of steps
    recording: Recording | None = None

    def take(self, inputs: Iterable[StepInputs]) -> None:
        """Take a step on each of the inputs, in order."""
        remaining = iter(inputs)
        if not self.begun:
            self._run(islice(remaining, 1))
            self.begun = True
        while group := list(islice(remaining, self.many)):
            if len(group) == self.many:
                self._replay(group)
            else:
                self._run(group)

    def _run(self, inputs: Iterable[StepInputs]) -> None:
        for step_inputs in inputs:
            self.step(*step_inputs)

    def _replay(self, group: list[StepInputs]) -> None:
        parts = zip(*group, strict=True)
        if self.recording is None:
            self.buffers = [torch.stack(part) for part in parts]
            self.recording = self.record(lambda: self._run(zip(*self.buffers, strict=True)))
        else:
            for buffer, part in zip(self.buffers, parts, strict=True):
                torch.stack(part, out=buffer)
        self.recording.replay()


def steps_per_graph(steps: int) -> int:
    """Return the number of steps of an epoch that are recorded together.

    More steps share a launch, but more are recorded in every epoch: the square root balances both.

    >>> [steps_per_graph(steps) for steps in (100, 5000, 60_000)]
    [1, 7, 24]
    """
    return max(1, isqrt(steps) // 10)


def run_steps(
    step: StepFunction,
    inputs: Iterable[StepInputs],
    device: torch.device,
    *,
    steps: int,
    steady: bool,
) -> None:
    """Take an epoch's `steps`: recorded as CUDA graphs if on a GPU and `steady`, else eagerly.

    A steady step launches the same kernels on tensors of the same shapes each time, without
    synchronization of CPU and GPU.
    """
    if steady and device.type == "cuda":
        RecordedSteps(step, steps_per_graph(steps)).take(inputs)
        return
    for step_inputs in inputs:
        step(*step_inputs)
