"""A peer's step as a CUDA graph: recorded once, then replayed without its launches' cost."""

import torch
from torch import Tensor

from benchmarks.stepping import Stepping
from benchmarks.task import AbsentError

WARM_UP = 3  # steps on a side stream before recording, as torch asks


class Graphed(Stepping):
    """Any trainer of this process, its step recorded."""

    def __init__(self, trainer: Stepping) -> None:
        """Warm the trainer up, put its weights back, and record one step."""
        if trainer.task.device == "cpu":
            raise AbsentError("CUDA graphs need a GPU")
        super().__init__(trainer.task, trainer.threads)
        self.which = trainer.which
        self.trainer, self.rows_KB = trainer, trainer.rows_SKB(0, 1)[0].clone()
        before = [tensor.detach().clone() for tensor in trainer.tensors()]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                trainer.step(self.rows_KB)
        torch.cuda.current_stream().wait_stream(side)
        with torch.no_grad():
            for tensor, old in zip(trainer.tensors(), before, strict=True):
                tensor.copy_(old)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            trainer.step(self.rows_KB)

    def step(self, rows_KB: Tensor) -> None:
        """Replay the step on these examples."""
        self.rows_KB.copy_(rows_KB)
        self.graph.replay()

    def tensors(self) -> list[Tensor]:
        """Return the trainer's."""
        return self.trainer.tensors()

    def weights(self) -> dict[int, Tensor]:
        """Return the trainer's."""
        return self.trainer.weights()
