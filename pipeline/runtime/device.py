"""Compute device: the choice by DEVICE and RUNNER, reproducible arithmetic, errors of a GPU."""

import logging
import os
from pathlib import Path

import torch

from pipeline.runtime.errors import Problem

CHOICES = ("auto", "cpu", "cuda")
RUNNERS = ("local", "ray")
PINNED_TORCH = "2.13.0"  # of constraints.txt, with which the committed results were made
log = logging.getLogger(__name__)


def choose() -> torch.device:
    """Return the device that the environment variable DEVICE selects; `auto` by default.

    Raises Problem for an unknown name, and for `cuda` where torch sees no GPU.
    """
    choice = os.environ.get("DEVICE", "auto")
    if choice not in CHOICES:
        raise Problem(f"DEVICE={choice} is unknown: use one of {', '.join(CHOICES)}")
    if warning := torch_warning():
        log.warning(warning)
    available = torch.cuda.is_available()
    if choice == "cuda" and not available:
        raise Problem("DEVICE=cuda, but torch sees no GPU: use DEVICE=cpu or install a CUDA build")
    return torch.device("cuda" if available and choice != "cpu" else "cpu")


def runner() -> str:
    """Return the place of training that RUNNER selects: this machine (`local`) or a cluster.

    Raises Problem for an unknown name.
    """
    choice = os.environ.get("RUNNER", "local")
    if choice not in RUNNERS:
        raise Problem(f"RUNNER={choice} is unknown: use one of {', '.join(RUNNERS)}")
    return choice


def shared_checkpoints() -> Path | None:
    """Return the folder CHECKPOINTS, which all nodes of a cluster share, None if it is not set."""
    folder = os.environ.get("CHECKPOINTS")
    return Path(folder).absolute() if folder else None


def torch_warning() -> str | None:
    """Return a warning where the installed torch is not the pinned one; None where it is."""
    installed = torch.__version__
    if installed.partition("+")[0] == PINNED_TORCH:
        return None
    return (
        f"torch {installed} is installed, and the committed results are of torch {PINNED_TORCH}:"
        " results may differ in their last digits"
    )


def describe(device: torch.device) -> str:
    """Return the device in words, e.g. `cpu` or `cuda (NVIDIA H200)`."""
    if device.type == "cpu":
        return "cpu"
    return f"cuda ({torch.cuda.get_device_name(device)})"


def about(device: torch.device) -> dict[str, str]:
    """Return the device and torch's version, to be recorded beside a result."""
    return {"device": describe(device), "torch": torch.__version__}


def is_failure(error: RuntimeError) -> bool:
    """Return whether an error comes from the GPU or its driver, not from the program."""
    message = str(error)
    return (
        isinstance(error, torch.AcceleratorError) or "CUDA error" in message or "[CUDA]" in message
    )


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether an error means that the GPU's memory is full.

    Drivers and libraries report it in messages of their own, beside torch's exception.
    """
    message = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or ("CUDA" in message and "out of memory" in message)
        or "CUBLAS_STATUS_ALLOC_FAILED" in message
    )


def prepare_for_training() -> None:
    """Make the arithmetic of this process reproducible; call it before the first matrix product.

    One thread: a sum split over threads depends on their number. MKL's reproducible mode
    (instructions.py): a product does not depend on where in memory a matrix lies.
    No denormal numbers: they cost a hundred times a normal operation and carry no information.
    Exact 32-bit floats on a GPU.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO")  # where no instructions are chosen
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = False
