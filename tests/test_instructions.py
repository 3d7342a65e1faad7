"""Instructions of other processors: training and evaluation compute the same bits."""

import os
import re
import subprocess
import sys

import pytest
from llvmlite import binding

from pipeline.networks.arithmetic import row_kernels
from pipeline.networks.kernels.cpu import decoder, kernels
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

QUICK = ("no vector instructions in torch", "oldest instructions in MKL", "registers of 16 floats")
SLOW = pytest.mark.slow


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


TARGETS = {  # triple, processor, floats of a register, its name in the code, a multiply-add
    "AVX2": ("x86_64-unknown-linux-gnu", "x86-64-v3", 8, r"%ymm\d", r"vfn?m\w+\s"),
    "AVX-512": ("x86_64-unknown-linux-gnu", "x86-64-v4", 16, r"%zmm\d", r"vfn?m\w+\s"),
    "NEON": ("aarch64-unknown-linux-gnu", "generic", 4, r"v\d+\.4s", r"fml[as]\s"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_code_of_other_processors(name: str) -> None:
    """Kernels use whole registers and fused multiply-adds, and call no library."""
    triple, processor, lanes, register, fused = TARGETS[name]
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    features = "-prefer-256-bit" if triple.startswith("x86_64") else ""
    target = binding.Target.from_triple(triple)
    machine = target.create_target_machine(cpu=processor, features=features, opt=3)
    layer = {"transposed": False, "unit": "softplus", "negated": True}
    emitters = [
        kernels.forward(10, lanes, **layer),
        kernels.backward_and_update(10, lanes, below=True, penalized=True, **layer),
        decoder.decoder_step(
            10, lanes, reconstruction="scaled", sampled=True, unit="softplus", penalized=True
        ),
        row_kernels.softmax_delta(None, lanes),
        row_kernels.reconstruct(None, lanes, reconstruction="scaled"),
    ]
    for emitter in emitters:
        module = binding.parse_assembly(emitter.text())
        module.triple = triple
        code = machine.emit_assembly(module)
        assert len(re.findall(register, code)) > 20
        assert len(re.findall(fused, code)) > 5
        assert not re.search(r"^\s+(callq?|bl)\s", code, re.MULTILINE)
