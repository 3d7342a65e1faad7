"""Where training runs: the one module that reads DEVICE."""

import logging
import os

import torch

from pipeline.runtime.errors import Problem

CHOICES = ("auto", "cpu", "cuda")
PINNED_TORCH = "2.13.0"  # of constraints.txt, with which the committed results were made
log = logging.getLogger(__name__)


def choose() -> torch.device:
    """Return the device that the environment variable DEVICE asks for (default `auto`).

    Raises Problem for an unknown name, and for `cuda` where torch sees no GPU.
    """
    wish = os.environ.get("DEVICE", "auto")
    if wish not in CHOICES:
        raise Problem(f"DEVICE={wish} is unknown: use one of {', '.join(CHOICES)}")
    if warning := torch_warning():
        log.warning(warning)
    available = torch.cuda.is_available()
    if wish == "cuda" and not available:
        raise Problem("DEVICE=cuda, but torch sees no GPU: use DEVICE=cpu or install a CUDA build")
    return torch.device("cuda" if available and wish != "cpu" else "cpu")


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
    """Return what to record of where a result was made."""
    return {"device": describe(device), "torch": torch.__version__}


def is_failure(error: RuntimeError) -> bool:
    """Tell whether an error is the GPU's or its driver's, not the program's."""
    says = str(error)
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in says or "[CUDA]" in says


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether an error says that the GPU's memory is full: libraries and drivers have words
    of their own for it."""
    says = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or ("CUDA" in says and "out of memory" in says)
        or "CUBLAS_STATUS_ALLOC_FAILED" in says
    )


def prepare_for_training() -> None:
    """Make this process's arithmetic repeatable; call it before the first matrix product.

    One thread: sums split over threads depend on their number. MKL's reproducible mode: its
    products then do not depend on where in memory a matrix lies, so not on the place in a stack.
    No denormals: they cost a hundred times a normal operation and carry nothing. Exact fp32.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO")
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = False
