"""Where training runs: the one module that reads DEVICE."""

import os

import torch

from pipeline.errors import Problem

CHOICES = ("auto", "cpu", "cuda")


def choose() -> torch.device:
    """Return the device that the environment variable DEVICE asks for (default `auto`).

    Raises Problem for an unknown name, and for `cuda` where torch sees no GPU.
    """
    wish = os.environ.get("DEVICE", "auto")
    if wish not in CHOICES:
        raise Problem(f"DEVICE={wish} is unknown: use one of {', '.join(CHOICES)}")
    available = torch.cuda.is_available()
    if wish == "cuda" and not available:
        raise Problem("DEVICE=cuda, but torch sees no GPU: use DEVICE=cpu or install a CUDA build")
    return torch.device("cuda" if available and wish != "cpu" else "cpu")


def describe(device: torch.device) -> str:
    """Return the device in words, e.g. `cpu` or `cuda (NVIDIA H200)`."""
    if device.type == "cpu":
        return "cpu"
    return f"cuda ({torch.cuda.get_device_name(device)})"


def prepare_for_training() -> None:
    """Make this process's arithmetic repeatable: one thread, no denormals, exact fp32.

    Sums split over threads depend on the number of threads; one thread a process does not.
    Denormals cost a hundred times a normal operation and carry nothing a network can use.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = False
