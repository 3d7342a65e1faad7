"""Bitwise comparison of a CPU and a fake CUDA device, both computing by torch alone."""

import pytest
import torch

from pipeline.networks.arithmetic import running
from pipeline.networks.population import Tensors

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def by_torch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the CPU kernels, which the fake CUDA device lacks."""
    monkeypatch.setattr(running, "compiled_kernels", lambda: None)


def assert_same(some: Tensors, others: Tensors) -> None:
    assert some.keys() == others.keys()
    for name, tensor in some.items():
        other = others[name]
        assert torch.equal(tensor.nan_to_num(7), other.nan_to_num(7)), name
