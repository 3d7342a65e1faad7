"""Fake CUDA device: refuses and records what a GPU would."""

import pytest
import torch

from pipeline.networks.kernels.gpu import graphs
from tests import dry_gpu
from tests.same_bits import CUDA


def test_tensors_of_both_devices_do_not_mix() -> None:
    """Operations on tensors of both devices fail, except for 0-dimensional ones and copies."""
    there = torch.ones(2, 2)
    with dry_gpu.gpu() as gpu:
        here = torch.ones(2, 2, device=CUDA)
        assert here.device.type == here.relu().sum().device.type == "cuda"
        assert (here + torch.tensor(1.0)).is_cuda
        with pytest.raises(RuntimeError, match="tensors on cuda:0 and cpu"):
            torch.bmm(here[None], there[None])
        with pytest.raises(RuntimeError, match="generator of the other device"):
            torch.empty(2, device=CUDA).bernoulli_(0.5, generator=torch.Generator())
        with pytest.raises(TypeError, match="numpy"):
            here.numpy()
        assert not gpu.waits
        there[0] = here[0]
        assert not there.is_cuda
        assert not here.cpu().is_cuda
        assert len(gpu.waits) == 2


WAITS = {
    "item": lambda x: x.sum().item(),
    "truth": lambda x: bool((x > 0).any()),
    "tolist": lambda x: x.tolist(),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "to the CPU": lambda x: x.cpu(),
    "from the CPU": lambda x: x.new_tensor([1.0]),
    "moved": lambda x: torch.ones(2).to(x.device),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_recording_fails_on_synchronization(name: str) -> None:
    """Synchronizations are counted outside a recording, and fail inside."""
    with dry_gpu.gpu() as gpu:
        x = torch.ones(2, device=CUDA)
        WAITS[name](x)
        assert len(gpu.waits) == 1
        with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
            graphs.record(lambda: WAITS[name](x))


def test_a_graph_runs_no_python_and_owns_no_memory() -> None:
    """A replay repeats the recorded operations at their recorded addresses."""
    calls: list[int] = []
    with dry_gpu.gpu():
        total, given = torch.zeros(2, device=CUDA), [torch.ones(2, device=CUDA)]

        def act() -> None:
            calls.append(1)
            total.add_(given[0] * 2)

        graph = graphs.record(act)
        assert total.tolist() == [0, 0]  # recorded, not run
        graph.replay()
        given[0].fill_(3)
        graph.replay()
        assert (total.tolist(), calls) == ([8, 8], [1])
        given.clear()
        with pytest.raises(AssertionError, match="freed"):
            graph.replay()


def test_a_failed_recording_restores_the_stream() -> None:
    """After a failed recording the current stream is the one before it."""
    with dry_gpu.gpu() as gpu:
        before = torch.cuda.current_stream()
        gpu.fails_to_end = True
        with pytest.raises(torch.AcceleratorError, match="out of memory"):
            graphs.record(lambda: None)
        assert torch.cuda.current_stream() is before
