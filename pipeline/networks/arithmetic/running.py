"""Calls of compiled kernels on tensors."""

import logging
import multiprocessing
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from pipeline.networks.arithmetic.compiler import Kernel

log = logging.getLogger(__name__)


@cache
def compiled_kernels() -> ModuleType | None:
    """Return the compiler of kernels, None (with one warning) where it cannot compile."""
    try:
        from pipeline.networks.arithmetic import compiler, row_kernels

        compiler.compiled_kernel(row_kernels.sums)
    except (ImportError, RuntimeError, OSError) as error:
        if multiprocessing.parent_process() is None:
            log.warning("warning: training without compiled kernels, more slowly: %s", error)
        return None
    return compiler


def run(
    kernel: "Kernel",
    tensors: tuple[Tensor | None, ...],
    integers: tuple[int, ...],
    batch: int | None = None,
    **options: object,
) -> None:
    """Run a kernel on the memory of tensors; None is an argument that the kernel does not read."""
    compiler = compiled_kernels()
    assert compiler is not None
    compiled = compiler.compiled_kernel(kernel, batch, **options)
    compiled(*(None if tensor is None else tensor.data_ptr() for tensor in tensors), *integers)
