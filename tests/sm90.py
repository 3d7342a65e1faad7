"""Compile the Triton kernels of the paper's MNIST networks for sm_90; print their registers.

A separate program, since Triton interprets kernels in the other tests. Needs no GPU.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from pipeline.config.params import Activation
from pipeline.finetuning import backprop
from pipeline.networks import population
from pipeline.networks.kernels.gpu import kernels, layers
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder

WIDTHS, B = [784, 1000, 1000, 1000, 10], 10
POINTERS = {torch.float32: "*fp32", torch.int64: "*i64"}
Launches = dict[str, tuple[tuple[torch.Tensor, ...], dict[str, Any]]]


def launches() -> Launches:
    """Return the kernel launches of one supervised and one denoising step, by name and shape."""
    found: Launches = {}

    def note(
        name: str, grid: tuple[int, ...], tensors: tuple[torch.Tensor, ...], **shape: Any
    ) -> bool:
        settings = " ".join(str(value) for value in shape.values())
        found[f"{name} {settings}"] = tensors, shape
        return True

    layers._launch = note
    layers.DEVICES.add("cpu")
    step = Step.of(torch.tensor([0.1]), torch.tensor([0.1]), B)
    y = torch.zeros(1, B, dtype=torch.long)
    for function, half_negated in (("rectifier", True), ("tanh", False), ("softplus", False)):
        reconstruction: Any = "sigmoid" if function == "tanh" else "softplus"
        unit = Activation(
            function=function, l1=0.1, half_negated=half_negated, reconstruction=reconstruction
        )
        networks = population.initialize("test", WIDTHS, [0], unit)
        backprop.supervised_step_(networks, torch.zeros(1, B, WIDTHS[0]), y, step)
        for layer in (0, 1):
            auto = autoencoder.autoencoder(
                networks, layer, reconstruction=reconstruction, bounds=(0, 1)
            )
            x = torch.zeros(1, B, WIDTHS[layer])
            autoencoder.denoising_step_(auto, x, x, step)
    return found


def resources(name: str, tensors: tuple[torch.Tensor, ...], shape: dict[str, Any]) -> list[int]:
    """Return the registers per thread, and the spilled bytes."""
    function = getattr(kernels, name.split()[0])
    pointers = [POINTERS[tensor.dtype] for tensor in tensors]
    signature = dict(zip(function.arg_names, pointers, strict=False))
    signature |= dict.fromkeys(shape, "constexpr")
    aligned = {(n,): [["tt.divisibility", 16]] for n in range(len(tensors))}
    source = ASTSource(function, signature=signature, constexprs=shape, attrs=aligned)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kernel.ptx")
        file.write_text(made.asm["ptx"])
        assembler = Path(triton.__file__).parent / "backends/nvidia/bin/ptxas"
        command = [assembler, "-v", "--gpu-name=sm_90a", file, "-o", f"{file}.cubin"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    registers = re.search(r"Used (\d+) registers", said)
    spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", said)
    assert registers
    assert spills
    return [int(registers[1]), int(spills[1]) + int(spills[2])]


if __name__ == "__main__":
    taken = {name: resources(name, *each) for name, each in launches().items()}
    sys.stdout.write(json.dumps(taken))
