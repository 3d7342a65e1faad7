"""Instructions of other processors: training and evaluation compute the same bits."""

import os
import subprocess
import sys

import pytest

from pipeline.runtime import instructions
from tests.imports import ROOT

# Environment variables and floats of a register that stand for another processor.
PROCESSORS: dict[str, tuple[dict[str, str], str]] = {
    "no vector instructions in torch": ({"ATEN_CPU_CAPABILITY": "default"}, ""),
    "AVX2 in torch": ({"ATEN_CPU_CAPABILITY": "avx2"}, "8"),
    "oldest instructions in MKL": ({"MKL_CBWR": "COMPATIBLE"}, ""),
    "SSE in MKL": ({"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}, ""),
    "registers of 4 floats": ({}, "4"),
    "registers of 16 floats": ({}, "16"),
    "libraries as they choose": (dict.fromkeys(instructions.COMMON, ""), ""),
}

QUICK, SLOW = ("no vector instructions in torch", "registers of 16 floats"), pytest.mark.slow


def digest(variables: dict[str, str], lanes: str = "") -> str:
    command = [sys.executable, "-m", "tests.training_digest", *lanes.split()]
    environment = {name: value for name, value in (os.environ | variables).items() if value}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def here() -> str:
    return digest({})


@pytest.mark.parametrize(
    "processor", [name if name in QUICK else pytest.param(name, marks=SLOW) for name in PROCESSORS]
)
def test_training_has_the_same_bits(processor: str, here: str) -> None:
    """One digest, whatever instructions the libraries use and however wide registers are."""
    assert len(here.strip()) == 64
    assert digest(*PROCESSORS[processor]) == here


def test_commands_choose_common_instructions() -> None:
    """A command sets what is not set, before torch is imported."""
    code = "import stages.shell, os, sys; stages.shell.program(); print('torch' in sys.modules); "
    code += "print(*(os.environ.get(name) for name in sys.argv[1:]), sep='|')"
    environment = {k: v for k, v in os.environ.items() if k not in instructions.COMMON}
    environment["MKL_CBWR"] = "COMPATIBLE"
    done = subprocess.run(
        [sys.executable, "-c", code, *instructions.COMMON],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = instructions.common() | {"MKL_CBWR": "COMPATIBLE"}
    values = "|".join(expected.get(name, "None") for name in instructions.COMMON)
    assert done.stdout.splitlines() == ["False", values]
