"""Triton kernels compiled for sm_90: no register spills, and enough occupancy."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from tests.imports import ROOT

REGISTERS_OF_A_MULTIPROCESSOR, THREADS = 65536, 128


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_kernels_of_the_papers_networks_do_not_spill() -> None:
    """No kernel spills a register; two programs of a tied decoder's kernel fit a multiprocessor,
    and three of every other kernel."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "tests.sm90"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name.split()[0] for name in found} == {
        "forward",
        "backward_and_update",
        "softmax_delta",
    }
    for name, (registers, spilled) in found.items():
        assert spilled == 0, name
        transposed = name.split()[4] == "True"
        fit = REGISTERS_OF_A_MULTIPROCESSOR // (THREADS * registers)
        assert fit >= (2 if transposed else 3), (name, registers)
