"""The GPU that is none refuses what a GPU would, and records what a GPU would."""

import pytest
import torch

from pipeline.networks.kernels.gpu import graphs
from tests import dry_gpu
from tests.same_bits import CUDA


def test_tensors_of_both_places_do_not_mix() -> None:
    """But for numbers, which are 0-dimensional tensors, and for what moves them."""
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
def test_a_recording_bears_no_wait(name: str) -> None:
    """Each is noted elsewhere, and ends a recording."""
    with dry_gpu.gpu() as gpu:
        x = torch.ones(2, device=CUDA)
        WAITS[name](x)
        assert len(gpu.waits) == 1
        with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
            graphs.record(lambda: WAITS[name](x))


def test_a_graph_launches_no_python_and_holds_no_memory() -> None:
    """It plays what was launched, at the addresses of then."""
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


def test_a_recording_that_fails_leaves_the_stream_that_was() -> None:
    """Else everything after it would run on the stream of recordings."""
    with dry_gpu.gpu() as gpu:
        before = torch.cuda.current_stream()
        gpu.fails_to_end = True
        with pytest.raises(torch.AcceleratorError, match="out of memory"):
            graphs.record(lambda: None)
        assert torch.cuda.current_stream() is before
