"""Description of the machine and its settings, recorded with every timing."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import joblib
import threadpoolctl
import torch

from pipeline.networks.arithmetic import running
from pipeline.runtime import device

GPU = "driver_version,clocks.sm,clocks.mem,power.limit"  # fields of nvidia-smi


def about(where: torch.device) -> dict[str, Any]:
    """Return processor, cores, versions and the settings of the libraries that multiply."""
    about = {
        "processor": _processor(),
        "cores": joblib.cpu_count(),
        "python": platform.python_version(),
        **device.about(where),
        "torch_capability": torch.backends.cpu.get_cpu_capability(),
        "blas": [_blas(library) for library in threadpoolctl.threadpool_info()],
        "load": os.getloadavg()[0],  # of the last minute: above 0, other programs ran
        "kernels_compiled": running.compiled_kernels() is not None,
    }
    if where.type == "cuda":
        about |= {"cuda": torch.version.cuda, GPU: _gpu()}
    return about


def _processor() -> str:
    """Return the processor's name and LLVM's name of its kind."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text("utf-8") if cpuinfo.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    name = names[0] if names else platform.processor() or platform.machine()
    if not running.compiled_kernels():
        return name
    from llvmlite import binding

    return f"{name}, {binding.get_host_cpu_name()}"


def _blas(library: dict[str, Any]) -> str:
    parts = [library["internal_api"], library.get("version"), library.get("architecture")]
    return " ".join(str(part) for part in parts if part) + f", {library['num_threads']} threads"


def _gpu() -> str:
    command = ["nvidia-smi", f"--query-gpu={GPU}", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
