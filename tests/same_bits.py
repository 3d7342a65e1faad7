"""What a CPU and a GPU that is none compute alike: by torch alone, to the same bits."""

import pytest
import torch

from pipeline.networks.kernels import cpu
from pipeline.networks.population import Tensors

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def by_torch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the CPU compute as the stand-in for the GPU does: by torch alone."""
    monkeypatch.setattr(cpu.layers, "fits", lambda x, W: False)


def assert_same(some: Tensors, others: Tensors) -> None:
    assert some.keys() == others.keys()
    for name, tensor in some.items():
        other = others[name]
        assert torch.equal(tensor.nan_to_num(7), other.nan_to_num(7)), name
